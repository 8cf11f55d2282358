package depth

import "testing"

// Many lanes together keep up with the best depths that their texts could have, and are hardly slower than plain decoding
// where that is best: on machines where a further row costs what a first one does and where it is next to free, with
// lanes whose drafts stand as often and with others beside them. cold is the first crowd that a planner sees, none of whose
// prompts the head has read; warm a later one.
func TestCrowdRegret(t *testing.T) {
	if testing.Short() {
		t.Skip("arithmetic without a goroutine of its own, slow under the race detector")
	}
	const games, tokens, prompt = 4, 200, 300
	for name, c := range map[string]struct{ plain, plainly, best, mean [2]float64 }{ // cold and warm
		"two cores":     {plain: [2]float64{0.93, 0.95}, plainly: [2]float64{0.96, 0.985}, best: [2]float64{0.92, 0.94}, mean: [2]float64{0.955, 0.985}},
		"sixteen cores": {plain: [2]float64{0.93, 0.93}, plainly: [2]float64{0.96, 0.985}, best: [2]float64{0.75, 0.84}, mean: [2]float64{0.94, 0.95}},
		"H100":          {plain: [2]float64{0.93, 0.95}, plainly: [2]float64{0.97, 0.985}, best: [2]float64{0.84, 0.80}, mean: [2]float64{0.94, 0.945}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, when := squares[name], [2]string{"cold", "warm"}
			var sum, plainest [2]float64 // of the best, in all and where plain decoding is that
			all, plainly := 0, 0
			for mn, mix := range mixes {
				for _, n := range []int{2, 4, 8, 16, 64} {
					if n < len(mix) {
						continue
					}
					plain, best, at := s.known(mix, n)
					var own [2]float64
					for seed := range uint64(games) {
						g := newParty(s, seed)
						own[0] += g.write(mix, n, tokens, prompt) / games
						for range 3 {
							g.write(mix, n, tokens, prompt)
						}
						own[1] += g.write(mix, n, tokens, prompt) / games
					}
					all++
					if best == plain {
						plainly++
					}
					for i := range own {
						ofPlain, ofBest := plain/own[i], best/own[i]
						t.Logf("%d lanes, %s, %s: %.3f times as fast as plain decoding, %.3f times as depths %v", n, mn, when[i], ofPlain, ofBest, at)
						if ofPlain < c.plain[i] || ofBest < c.best[i] {
							t.Errorf("%d lanes, %s, %s: %.3f times as fast as plain decoding and %.3f times as depths %v; want at least %.3f and %.3f",
								n, mn, when[i], ofPlain, ofBest, at, c.plain[i], c.best[i])
						}
						if sum[i] += ofBest; best == plain {
							plainest[i] += ofBest
						}
					}
				}
			}
			for i := range sum {
				mean, plain := sum[i]/float64(all), plainest[i]/float64(plainly)
				t.Logf("%s: on average %.3f times as fast as the best depths, and %.3f where those are 0", when[i], mean, plain)
				if mean < c.mean[i] || plain < c.plainly[i] {
					t.Errorf("%s: on average %.3f times as fast as the best depths, and %.3f where those are 0; want %.3f and %.3f", when[i], mean, plain, c.mean[i], c.plainly[i])
				}
			}
		})
	}
}
