package tuning

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func space() Space {
	return Space{
		Depths: []string{"auto", "0", "1", "2", "3"}, DraftHeads: []string{"4", "off", "3"}, DraftVocabs: []string{"auto", "all"},
		Threads: []int{0, 1}, Devices: []string{"auto"}, Threaded: []string{"auto"},
	}
}

func TestCandidatesAreEachOnceAndSimplestFirst(t *testing.T) {
	s := space()
	s.Devices = []string{"auto", "cpu"}
	s.Threaded = []string{"cpu"}
	all := s.Candidates()
	seen := map[Settings]bool{s.Default(): true}
	last := 0
	for _, c := range all {
		if seen[c] {
			t.Errorf("%v is there twice", c)
		}
		seen[c] = true
		n := len(changes(c, s.Default()))
		if n < last {
			t.Errorf("%v differs in %d things, behind one that differs in %d", c, n, last)
		}
		last = n
		if c.Depth == "0" && (c.DraftHead != "4" || c.DraftVocab != "auto") {
			t.Errorf("%v has no drafts, but a head", c)
		}
		if c.Device == "auto" && c.Threads != 0 {
			t.Errorf("%v has threads on a device without", c)
		}
	}
	// Without drafts one a device and number of threads, else all heads and vocabularies: (1 + 4*6) * 3 places, less the default.
	if len(all) != 25*3-1 {
		t.Errorf("%d candidates", len(all))
	}
}

// machine is one whose answers take as long as a formula says, in the test's time.
type machine struct {
	gain  func(s Settings, prompt int) float64 // factor on the rate
	drift func(since time.Duration) float64    // factor on all rates
	noise float64                              // of each answer, relative
	slow  time.Duration                        // an answer of the default

	start  time.Time
	random *rand.Rand
	asked  []Settings
}

func newMachine(seed uint64) *machine {
	return &machine{
		gain: func(Settings, int) float64 { return 1 }, drift: func(time.Duration) float64 { return 1 },
		slow: 100 * time.Millisecond, random: rand.New(rand.NewPCG(seed, 1)), start: time.Now(),
	}
}

func (m *machine) measure(ctx context.Context, s Settings, prompt int, seed uint64) (Sample, error) {
	m.asked = append(m.asked, s)
	rate := m.gain(s, prompt) * m.drift(time.Since(m.start)) * math.Exp(m.noise*m.random.NormFloat64())
	timer := time.NewTimer(time.Duration(float64(m.slow) / rate))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return Sample{}, ctx.Err()
	}
	return Sample{Rate: 100 * rate, Text: []int32{int32(prompt), int32(seed)}, Place: s.Device}, nil
}

// race runs on a machine in the test's time.
func run(t *testing.T, seed uint64, budget time.Duration, set func(*machine, *Options)) (out *Outcome, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(seed)
		o := Options{Space: space(), Prompts: 4, Budget: budget, Measure: m.measure}
		set(m, &o)
		out, err = Run(t.Context(), o)
	})
	return out, err
}

// best is a machine on which depth 2 with a 3-bit head is a fifth faster; each of the two alone is not.
func best(s Settings, prompt int) float64 {
	g := 1.0
	switch s.Depth {
	case "0":
		g = 0.5
	case "2":
		g = 1.12
	}
	if s.DraftHead == "3" {
		g *= 1.08
	}
	if s.Threads == 1 {
		g *= 0.6
	}
	if prompt%2 == 1 {
		g = math.Sqrt(g) // less of all in prose
	}
	return g
}

func TestTheBestOfAllWins(t *testing.T) {
	for seed := range uint64(20) {
		out, err := run(t, seed, time.Minute, func(m *machine, _ *Options) { m.gain, m.noise = best, 0.03 })
		if err != nil {
			t.Fatal(err)
		}
		want := Settings{Depth: "2", DraftHead: "3", DraftVocab: "auto", Device: "auto"}
		want.DraftVocab = out.Winner.DraftVocab // which makes no difference here
		if out.Winner != want || !out.Verdict.Wins {
			t.Errorf("seed %d: %v wins, %+v", seed, out.Winner, out.Verdict)
		}
		if gain := math.Pow(1.12*1.08, 0.75) - 1; math.Abs(out.Verdict.Gain-gain) > out.Verdict.Band {
			t.Errorf("seed %d: the gain is %.3f, want %.3f within %.3f", seed, out.Verdict.Gain, gain, out.Verdict.Band)
		}
		if r := out.DefaultRate / out.PlainRate; r < 1.4 || r > 1.9 { // 2^0.75 is 1.68
			t.Errorf("seed %d: %.2f times plain", seed, r)
		}
		if out.Scores[0].Settings != out.Champion || out.Scores[0].Laps < 2 {
			t.Errorf("seed %d: the first score is %+v, of the champion %v", seed, out.Scores[0], out.Champion)
		}
	}
}

// Whatever the noise, nothing wins where nothing is faster; and a machine that becomes half or twice as fast during the run
// favours nobody.
func TestNobodyWinsWhereNobodyIsFaster(t *testing.T) {
	wins, runs := 0, 0
	for _, noise := range []float64{0, 0.01, 0.05, 0.2} {
		for _, drift := range []func(time.Duration) float64{
			func(time.Duration) float64 { return 1 },
			func(d time.Duration) float64 { return 1 - 0.5*d.Seconds()/60 },
			func(d time.Duration) float64 { return 1 + d.Seconds()/60 },
		} {
			for seed := range uint64(25) {
				out, err := run(t, seed, time.Minute, func(m *machine, _ *Options) { m.noise, m.drift = noise, drift })
				if err != nil {
					t.Fatal(err)
				}
				runs++
				if out.Verdict.Wins {
					wins++
					t.Logf("noise %.2f, seed %d: %v wins: %+v", noise, seed, out.Winner, out.Verdict)
				}
				if !out.Verdict.Wins && out.Winner != out.Default {
					t.Errorf("the winner is %v, though %+v", out.Winner, out.Verdict)
				}
			}
		}
	}
	if wins*100 > 2*runs {
		t.Errorf("%d of %d runs had a winner", wins, runs)
	}
}

// A machine that slows down steadily shows no gain where there is none, even where a block of answers is a hundredth slower
// than the one before it.
func TestSteadyDriftCancels(t *testing.T) {
	out, err := run(t, 1, time.Minute, func(m *machine, o *Options) {
		o.Apart, o.Prompts = true, 6
		m.drift = func(d time.Duration) float64 { return math.Exp(-d.Seconds() / 60) }
	})
	if err != nil || !out.Verdict.Enough {
		t.Fatalf("%+v, %v", out, err)
	}
	if math.Abs(out.Verdict.Gain) > 1e-3 {
		t.Errorf("the gain is %g", out.Verdict.Gain)
	}
	for _, s := range out.Scores {
		if s.Laps > 0 && math.Abs(s.Gain) > 1e-3 {
			t.Errorf("%v gains %g", s.Settings, s.Gain)
		}
	}
}

// Where there is no time for all combinations, those of what did well alone are looked at.
func TestPromisingCombinationsComeFirst(t *testing.T) {
	out, err := run(t, 1, 40*time.Second, func(m *machine, _ *Options) { m.gain = best })
	if err != nil {
		t.Fatal(err)
	}
	missed := 0
	for _, s := range out.Scores {
		switch {
		case s.Laps == 0:
			missed++
			if s.Settings.Threads == 0 && s.Settings.Depth == "2" {
				t.Errorf("%v was not looked at", s.Settings)
			}
		case s.Settings.Threads == 1 && len(changes(s.Settings, out.Default)) > 1:
			t.Errorf("%v was looked at", s.Settings)
		}
	}
	if missed == 0 || missed == len(out.Scores) {
		t.Errorf("%d of %d were not looked at", missed, len(out.Scores))
	}
}

// A gain within the band of the noise is no gain; one beyond it is.
func TestDecide(t *testing.T) {
	at := func(mid, spread float64, n int) (x []float64) {
		for i := range n {
			x = append(x, mid+spread*(float64(i)/float64(n-1)-0.5))
		}
		return x
	}
	for _, c := range []struct {
		name          string
		rounds, quiet []float64
		wins, enough  bool
		least, most   float64 // of the band
	}{
		{"nothing", nil, nil, false, false, leastBand, leastBand},
		{"one round", []float64{0.5}, []float64{0}, false, false, leastBand, leastBand},
		{"four rounds", at(0.5, 0.01, 4), at(0, 0.01, 4), false, false, leastBand, 0.03},
		{"clear", at(0.1, 0.02, 9), at(0, 0.02, 9), true, true, leastBand, 0.03},
		{"too little", at(0.015, 0.001, 9), at(0, 0.001, 9), false, true, leastBand, leastBand},
		{"noisy itself", at(0.1, 0.3, 9), at(0, 0.01, 9), false, true, 0.1, 0.3},
		{"a noisy machine", at(0.1, 0.01, 9), at(0, 0.3, 9), false, true, 0.1, 0.3},
		{"one wild round", append(at(0.1, 0.02, 9), -3), append(at(0, 0.02, 9), 3), true, true, leastBand, 0.03},
		{"slower", at(-0.5, 0.01, 9), at(0, 0.01, 9), false, true, leastBand, 0.03},
	} {
		v := Decide(c.rounds, c.quiet)
		if v.Wins != c.wins || v.Enough != c.enough || v.Band < c.least || v.Band > c.most || v.Rounds != len(c.rounds) {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

// As many rounds say more: the band shrinks, and the same small gain wins.
func TestMoreRoundsSayMore(t *testing.T) {
	wins := func(n int) (sum int) {
		random := rand.New(rand.NewPCG(3, 4))
		for range 500 {
			var rounds, quiet []float64
			for range n {
				rounds, quiet = append(rounds, 0.06+0.03*random.NormFloat64()), append(quiet, 0.03*random.NormFloat64())
			}
			if Decide(rounds, quiet).Wins {
				sum++
			}
		}
		return sum
	}
	if few, many := wins(5), wins(24); few > 350 || many < 480 {
		t.Errorf("of 500 runs a gain of 6 %% wins %d with 5 rounds and %d with 24", few, many)
	}
}

// The budget is kept whatever answers take; where it does not suffice, nothing is decided.
func TestBudget(t *testing.T) {
	for _, slow := range []time.Duration{time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 20 * time.Second, 10 * time.Minute} {
		calls := 0
		out, err := run(t, 1, time.Minute, func(m *machine, o *Options) {
			m.slow, m.gain = slow, best
			o.Progress = func(p Progress) {
				calls++
				if p.Done < 0 || p.Done > 1 || p.Stage == "" {
					t.Errorf("%+v", p)
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		// A round that would not end in time is not begun, once it is known what rounds take.
		if out.Elapsed > time.Minute || out.Verdict.Rounds > 0 && out.Elapsed == time.Minute {
			t.Errorf("%v an answer: %v in all", slow, out.Elapsed)
		}
		if out.Verdict.Enough != (slow < time.Second) || out.Verdict.Wins && !out.Verdict.Enough {
			t.Errorf("%v an answer: %+v after %d answers", slow, out.Verdict, out.Answers)
		}
		if calls < out.Answers {
			t.Errorf("%d answers, %d reports of progress", out.Answers, calls)
		}
	}
}

func TestWithoutCandidatesTheDefaultIsMeasured(t *testing.T) {
	out, err := run(t, 1, 30*time.Second, func(m *machine, o *Options) {
		m.gain = best
		o.Space = Space{Depths: []string{"auto"}, DraftHeads: []string{"4"}, DraftVocabs: []string{"auto"}, Threads: []int{0}, Devices: []string{"auto"}}
		o.Prompts = 1
	})
	if err != nil || out.Winner != out.Default || !out.Verdict.Enough || out.Verdict.Wins || math.Abs(out.PlainRate-50) > 1e-9 || math.Abs(out.DefaultRate-100) > 1e-9 {
		t.Errorf("%+v, %v", out, err)
	}
}

// Where models do not fit beside each other, settings change as seldom as rounds allow.
func TestApart(t *testing.T) {
	changes := func(apart bool) (n int) {
		var m *machine
		if _, err := run(t, 1, time.Minute, func(on *machine, o *Options) { m, o.Apart = on, apart }); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(m.asked); i++ {
			if m.asked[i].Engine() != m.asked[i-1].Engine() || m.asked[i] != m.asked[i-1] {
				n++
			}
		}
		return n
	}
	if beside, apart := changes(false), changes(true); apart*3 > beside*2 {
		t.Errorf("settings change %d times apart, %d times beside each other", apart, beside)
	}
}

func TestATextThatChangesEndsTheRun(t *testing.T) {
	out, err := run(t, 1, time.Minute, func(m *machine, o *Options) {
		o.Measure = func(ctx context.Context, s Settings, prompt int, seed uint64) (Sample, error) {
			got, err := m.measure(ctx, s, prompt, seed)
			if s.DraftHead == "3" && prompt == 1 {
				got.Text = append(got.Text, 7)
			}
			return got, err
		}
	})
	e, ok := errors.AsType[*InexactError](err)
	if !ok || out != nil || e.At != 2 || e.Prompt != 1 || !strings.Contains(err.Error(), "3-bit head and depth auto, 4-bit head write different texts for prompt 2") {
		t.Errorf("%v, %+v", err, out)
	}
	// Devices may round differently.
	out, err = run(t, 1, time.Minute, func(m *machine, o *Options) {
		o.Space.Devices = []string{"auto", "cpu"}
		o.Measure = func(ctx context.Context, s Settings, prompt int, seed uint64) (Sample, error) {
			got, err := m.measure(ctx, s, prompt, seed)
			if s.Device == "cpu" {
				got.Text = append(got.Text, 7)
			}
			return got, err
		}
	})
	if err != nil || out.Compared == 0 {
		t.Errorf("%v, %+v", err, out)
	}
}

// Settings that cannot be had are left out, and are not what wins; a default that cannot be had ends the run.
func TestUnable(t *testing.T) {
	unable := func(which func(Settings) bool) (*Outcome, error) {
		return run(t, 1, time.Minute, func(m *machine, o *Options) {
			m.gain = best
			o.Measure = func(ctx context.Context, s Settings, prompt int, seed uint64) (Sample, error) {
				if which(s) {
					return Sample{}, fmt.Errorf("no room: %w", ErrUnable)
				}
				return m.measure(ctx, s, prompt, seed)
			}
		})
	}
	out, err := unable(func(s Settings) bool { return s.DraftHead == "3" })
	if err != nil || !out.Verdict.Wins || out.Winner.Depth != "2" || out.Winner.DraftHead == "3" {
		t.Fatalf("%+v, %v", out, err)
	}
	for _, s := range out.Scores {
		if s.Problem != "" && (s.Laps > 0 || s.Settings.DraftHead != "3") || s.Laps > 0 && s.Settings.DraftHead == "3" {
			t.Errorf("%+v", s)
		}
	}
	if out, err := unable(func(s Settings) bool { return s == out.Default }); !errors.Is(err, ErrUnable) {
		t.Errorf("without a default: %+v, %v", out, err)
	}
}

func TestErrorsAndInterruptions(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		name string
		want string
		make func(n int, got Sample) (Sample, error)
	}{
		{"broken", "broken", func(n int, got Sample) (Sample, error) {
			if n == 30 {
				return got, broken
			}
			return got, nil
		}},
		{"short", "prompt 1 with depth auto, 4-bit head is too short", func(_ int, got Sample) (Sample, error) {
			got.Rate = 0
			return got, nil
		}},
	} {
		n := 0
		out, err := run(t, 1, time.Minute, func(m *machine, o *Options) {
			o.Measure = func(ctx context.Context, s Settings, prompt int, seed uint64) (Sample, error) {
				got, err := m.measure(ctx, s, prompt, seed)
				if err != nil {
					return got, err
				}
				n++
				return c.make(n, got)
			}
		})
		if out != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v", c.name, out, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		out, err := Run(ctx, Options{Space: space(), Prompts: 2, Budget: time.Minute, Measure: newMachine(1).measure})
		if out != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("interrupted: %+v, %v", out, err)
		}
		if _, err := Run(ctx, Options{Space: space()}); err == nil {
			t.Error("without prompts")
		}
	})
}
