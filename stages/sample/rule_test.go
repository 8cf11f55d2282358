package sample

import (
	"fmt"
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// toy is a model over a vocabulary of three: logits are a hash of the text and a salt.
const toyVocab = 3

func toyRow(text []int32, salt uint64) []float32 {
	h := salt*0x9e3779b97f4a7c15 + 1
	for _, id := range text {
		h = (h ^ uint64(id+1)) * 0xff51afd7ed558ccd
		h ^= h >> 31
	}
	row := make([]float32, toyVocab)
	for i := range row {
		h = (h ^ uint64(i)) * 0xc4ceb9fe1a85ec53
		h ^= h >> 29
		row[i] = float32(h>>40) / (1 << 24) * 3
	}
	return row
}

func toyDist(t testing.TB, s Sampler, text []int32, salt uint64) Dist {
	t.Helper()
	var d Dist
	if err := s.Filter(&d, LogitsOf(toyRow(text, salt), s.Temperature)); err != nil {
		t.Fatal(err)
	}
	return d
}

type sampling struct {
	name          string
	target, draft Sampler
}

func samplings() []sampling {
	var out []sampling
	for _, temperature := range []float64{0, 0.6, 1} {
		for _, cut := range []Sampler{{TopP: 1}, {TopP: 1, TopK: 2}, {TopP: 0.8}, {TopP: 0.9, TopK: 2, MinP: 0.1}} {
			for _, other := range []float64{0, 0.3} {
				target, draft := cut, cut
				target.Temperature = temperature
				draft.Temperature = temperature
				if other > 0 && temperature > 0 {
					draft = Sampler{Temperature: temperature + other, TopP: 1}
				}
				out = append(out, sampling{fmt.Sprintf("T%g p%g k%d m%g draft T%g", temperature, cut.TopP, cut.TopK, cut.MinP, draft.Temperature), target, draft})
			}
		}
	}
	return out
}

// key is a text as a map key.
func key(text []int32) string {
	b := make([]byte, len(text))
	for i, id := range text {
		b[i] = byte(id)
	}
	return string(b)
}

func tokens(k string) []int32 {
	out := make([]int32, len(k))
	for i := range out {
		out[i] = int32(k[i])
	}
	return out
}

// cycle adds the outcome of one whole cycle from a text, with everything that can happen weighed by its
// exact probability under the rule's own decisions.
func cycle(t testing.TB, s sampling, text []int32, depth int, weight float64, out map[string]float64) {
	t.Helper()
	var drafts []int32
	var q, p []Dist
	var draw func(weight float64)
	judge := func(weight float64) {
		at := len(text) - len(drafts)
		for i, d := range drafts {
			c := chance(&p[i], &q[i], d)
			if fell := weight * (1 - c); fell > 0 {
				r := Dist{IDs: append([]int32{}, p[i].IDs...), P: append([]float64{}, p[i].P...)}
				r.residual(&q[i])
				for j, id := range r.IDs {
					out[key(append(append([]int32{}, text[:at+i]...), id))] += fell * r.P[j]
				}
			}
			if weight *= c; weight == 0 {
				return
			}
		}
		last := &p[len(drafts)]
		for j, id := range last.IDs {
			out[key(append(append([]int32{}, text...), id))] += weight * last.P[j]
		}
	}
	draw = func(weight float64) {
		p = append(p, toyDist(t, s.target, text, 1))
		defer func() { p = p[:len(p)-1] }()
		if len(drafts) == depth {
			judge(weight)
			return
		}
		d := toyDist(t, s.draft, text, 2)
		q = append(q, d)
		for i, id := range d.IDs {
			drafts, text = append(drafts, id), append(text, id)
			draw(weight * d.P[i])
			drafts, text = drafts[:len(drafts)-1], text[:len(text)-1]
		}
		q = q[:len(q)-1]
	}
	draw(weight)
}

// spread continues every text by plain sampling to n tokens.
func spread(t testing.TB, s sampling, texts map[string]float64, n int) map[string]float64 {
	t.Helper()
	done := map[string]float64{}
	for len(texts) > 0 {
		next := map[string]float64{}
		for k, w := range texts {
			if len(k) >= n {
				done[k] += w
				continue
			}
			d := toyDist(t, s.target, tokens(k), 1)
			for i, id := range d.IDs {
				next[k+string([]byte{byte(id)})] += w * d.P[i]
			}
		}
		texts = next
	}
	return done
}

// The joint distribution of two whole cycles, continued by plain sampling, is that of plain
// sampling, exactly.
func TestTwoCyclesHaveThePlainJointDistribution(t *testing.T) {
	for _, s := range samplings() {
		for depth := 1; depth <= 4; depth++ {
			length := 2 * (depth + 1)
			one, two := map[string]float64{}, map[string]float64{}
			cycle(t, s, nil, depth, 1, one)
			for k, w := range one {
				cycle(t, s, tokens(k), depth, w, two)
			}
			got := spread(t, s, two, length)
			want := spread(t, s, map[string]float64{"": 1}, length)
			total := 0.0
			for k, w := range want {
				total += math.Abs(w - got[k])
				delete(got, k)
			}
			for _, w := range got {
				total += w
			}
			if total/2 > 1e-12 {
				t.Errorf("%s, depth %d: total variation %g between cycles and plain sampling", s.name, depth, total/2)
			}
		}
	}
}

// chiSquare fails when counts are not plausible for the probabilities.
func chiSquare(t *testing.T, what string, counts map[string]int, want map[string]float64, n int) {
	t.Helper()
	stat, cells := 0.0, 0
	rest, restN := 1.0, n
	for k, p := range want {
		if e := p * float64(n); e >= 5 {
			stat += (float64(counts[k]) - e) * (float64(counts[k]) - e) / e
			cells++
			rest -= p
			restN -= counts[k]
		}
	}
	for k, c := range counts {
		if want[k] == 0 {
			t.Errorf("%s: %v came %d times and cannot come", what, tokens(k), c)
		}
	}
	if e := rest * float64(n); e >= 5 {
		stat += (float64(restN) - e) * (float64(restN) - e) / e
		cells++
	}
	if cells < 2 {
		return
	}
	if p := (distuv.ChiSquared{K: float64(cells - 1)}).Survival(stat); p < 1e-4 {
		t.Errorf("%s: chi-square %.1f over %d cells has probability %.2g", what, stat, cells, p)
	}
}

// run plays one cycle with the real randomness.
func run(t testing.TB, s sampling, r Rule, seed uint64, text []int32, depth int) []int32 {
	t.Helper()
	text = append([]int32{}, text...)
	first := int64(len(text))
	var drafts []int32
	var q, p []Dist
	for i := range depth + 1 {
		p = append(p, toyDist(t, s.target, text, 1))
		if i < depth {
			q = append(q, toyDist(t, s.draft, text, 2))
			d := r.Draft(&q[i], seed, first+int64(i))
			drafts, text = append(drafts, d), append(text, d)
		}
	}
	accepted, next := r.Verify(seed, first, drafts, q, p)
	return append(text[:int(first)+accepted], next)
}

func TestVerifyDrawsTheDistributionItIsMadeOf(t *testing.T) {
	const n = 30000
	for i, s := range samplings() {
		depth := 1 + i%4
		want := map[string]float64{}
		cycle(t, s, nil, depth, 1, want)
		counts := map[string]int{}
		for seed := range n {
			counts[key(run(t, s, Ratio, uint64(seed)*7919+uint64(i), nil, depth))]++
		}
		chiSquare(t, fmt.Sprintf("%s, depth %d", s.name, depth), counts, want, n)
	}
}

func TestCoupledIsPlainSamplingTokenForToken(t *testing.T) {
	for _, s := range samplings() {
		for seed := range uint64(40) {
			var plain []int32
			for len(plain) < 24 {
				plain = run(t, s, Coupled, seed, plain, 0)
			}
			for depth := 1; depth <= 4; depth++ {
				var text []int32
				for len(text) < 24 {
					text = run(t, s, Coupled, seed, text, depth)
				}
				if key(text[:24]) != key(plain) {
					t.Fatalf("%s, seed %d, depth %d: %v, plain %v", s.name, seed, depth, text[:24], plain)
				}
			}
		}
	}
}

func TestCoupledDrawsFromTheDistribution(t *testing.T) {
	const n = 30000
	s := sampling{"", Sampler{Temperature: 1, TopP: 1}, Sampler{Temperature: 1, TopP: 1}}
	want := spread(t, s, map[string]float64{"": 1}, 3)
	counts := map[string]int{}
	for seed := range n {
		var text []int32
		for len(text) < 3 {
			text = run(t, s, Coupled, uint64(seed), text, 2)
		}
		counts[key(text[:3])]++
	}
	chiSquare(t, "coupled", counts, want, n)
}

func TestEqualDistributionsAlwaysAgreeUnderBothRules(t *testing.T) {
	s := sampling{"", Sampler{Temperature: 1, TopP: 1}, Sampler{Temperature: 1, TopP: 1}}
	for seed := range uint64(2000) {
		for _, r := range []Rule{Ratio, Coupled} {
			p := []Dist{toyDist(t, s.target, nil, 1), toyDist(t, s.target, []int32{1}, 1)}
			q := []Dist{toyDist(t, s.target, nil, 1)}
			d := r.Draft(&q[0], seed, 0)
			if n, _ := r.Verify(seed, 0, []int32{d}, q, p); n != 1 {
				t.Fatalf("%v, seed %d: a draft from the target's own distribution fell", r, seed)
			}
		}
	}
}

// Numbers of neighbouring seeds, positions and purposes look independent: pairs fill a grid evenly.
func TestUniformsAreIndependent(t *testing.T) {
	const n, side = 20000, 8
	for name, pair := range map[string]func(i int) (float64, float64){
		"positions": func(i int) (float64, float64) {
			return Uniform(1, int64(i), ForAccept), Uniform(1, int64(i+1), ForAccept)
		},
		"purposes": func(i int) (float64, float64) {
			return Uniform(1, int64(i), ForDraft), Uniform(1, int64(i), ForAccept)
		},
		"seeds": func(i int) (float64, float64) {
			return Uniform(uint64(i), 5, ForTarget), Uniform(uint64(i+1), 5, ForTarget)
		},
	} {
		counts, want := map[string]int{}, map[string]float64{}
		for i := range n {
			a, b := pair(i)
			if a <= 0 || a >= 1 {
				t.Fatalf("%s: %v is outside (0,1)", name, a)
			}
			counts[string([]byte{byte(a * side), byte(b * side)})]++
		}
		for a := range side {
			for b := range side {
				want[string([]byte{byte(a), byte(b)})] = 1.0 / side / side
			}
		}
		chiSquare(t, name, counts, want, n)
	}
}

func TestParseAndResolve(t *testing.T) {
	for name, want := range map[string]Rule{"auto": Auto, "ratio": Ratio, "coupled": Coupled} {
		if r, err := ParseRule(name); err != nil || r != want || r.String() != name {
			t.Errorf("ParseRule(%q) = %v, %v", name, r, err)
		}
	}
	if _, err := ParseRule("maybe"); err == nil {
		t.Error(`ParseRule("maybe") was accepted`)
	}
	if Auto.Resolve(true) != Coupled || Auto.Resolve(false) != Ratio || Ratio.Resolve(true) != Ratio {
		t.Error("auto must be coupled with a seed, ratio without, and a named rule must stay")
	}
}

func TestNothingIsAllocated(t *testing.T) {
	row := make([]float32, 2000)
	for i := range row {
		row[i] = float32(i * 7919 % 2003)
	}
	var q, p [2]Dist
	for _, s := range []Sampler{{Temperature: 0.6, TopP: 0.95, TopK: 20}, {Temperature: 200, TopP: 0.9}} {
		l := listed(row, s.Temperature, 64)
		for _, r := range []Rule{Ratio, Coupled} {
			n := testing.AllocsPerRun(10, func() {
				for i := range p {
					if s.Filter(&p[i], l) != nil || s.Filter(&q[i], l) != nil {
						t.Fatal("filter failed")
					}
				}
				d := [1]int32{r.Draft(&q[0], 1, 2)}
				r.Verify(1, 2, d[:], q[:], p[:])
			})
			if n > 0 {
				t.Errorf("%+v under %v: %v allocations a cycle", s, r, n)
			}
		}
	}
}

func BenchmarkCycle(b *testing.B) {
	row := make([]float32, 16384)
	for i := range row {
		row[i] = float32(i*7919%16381) / 1024
	}
	s := Sampler{Temperature: 0.6, TopP: 0.95, TopK: 20}
	l := listed(row, s.Temperature, 64)
	for _, r := range []Rule{Ratio, Coupled} {
		b.Run(r.String()+" depth 3", func(b *testing.B) {
			var q, p [4]Dist
			var drafts [3]int32
			for b.Loop() {
				for i := range p {
					_ = s.Filter(&p[i], l)
					if i < 3 {
						_ = s.Filter(&q[i], l)
						drafts[i] = r.Draft(&q[i], 1, int64(i))
					}
				}
				r.Verify(1, 0, drafts[:], q[:3], p[:])
			}
		})
	}
}
