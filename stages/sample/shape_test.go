package sample

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// shaped is a row under a shape, as the definition reads.
func shaped(s Shape, row []float32, prompt, answer []int32) []float32 {
	out := slices.Clone(row)
	for _, b := range s.Biases {
		out[b.ID] += b.Value
	}
	for id := range out {
		n := 0
		for _, t := range answer {
			if int(t) == id {
				n++
			}
		}
		x := float64(out[id])
		if s.Repetition != 0 && (n > 0 || slices.Contains(prompt, int32(id))) {
			if x > 0 {
				x = float64(float32(x / s.Repetition))
			} else {
				x = float64(float32(x * s.Repetition))
			}
		}
		if n > 0 {
			x -= s.Frequency*float64(n) + s.Presence
		}
		out[id] = float32(x)
		if len(answer) < s.Least && slices.Contains(s.Ends, int32(id)) {
			out[id] = float32(math.Inf(-1))
		}
	}
	return out
}

func TestShapeAndMaskAreTheirDefinitions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 200).Draw(t, "vocabulary")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		row := make([]float32, n)
		for i := range row {
			row[i] = rng.Float32()*12 - 4
		}
		draw := func(k int) []int32 {
			var out []int32
			for range k {
				out = append(out, int32(rng.IntN(n)))
			}
			return out
		}
		s := Shape{
			Repetition: rapid.SampledFrom([]float64{0, 0.5, 1.3}).Draw(t, "repetition"),
			Frequency:  rapid.SampledFrom([]float64{0, 0.7, -0.4}).Draw(t, "frequency"),
			Presence:   rapid.SampledFrom([]float64{0, 1.1}).Draw(t, "presence"),
		}
		for _, id := range draw(rng.IntN(4)) {
			s.Biases = append(s.Biases, Bias{id, rng.Float32()*40 - 20})
		}
		prompt, answer := draw(rng.IntN(30)), draw(rng.IntN(30))
		if rapid.Bool().Draw(t, "least length") {
			s.Ends, s.Least = draw(1+rng.IntN(3)), len(answer)+rng.IntN(3)-1
			if len(s.Ends) >= n {
				s.Ends = s.Ends[:n-1]
			}
		}
		h := NewShaper(s, prompt, n)
		for _, id := range answer {
			h.Push(id)
		}
		for _, id := range draw(3) {
			h.Push(id)
		}
		h.Pop(3)
		target := Sampler{
			Temperature: rapid.SampledFrom([]float64{0, 0.6, 1}).Draw(t, "temperature"),
			TopP:        rapid.SampledFrom([]float64{0.313, 0.951, 1}).Draw(t, "top-p"),
			TopK:        rapid.SampledFrom([]int{0, 4, 64}).Draw(t, "top-k"),
		}
		want := shaped(s, row, prompt, answer)
		l := h.Apply(listed(row, target.Temperature, 64), target.Temperature)
		var d Dist
		if !near(target, want) {
			if err := target.Filter(&d, l); err != nil {
				t.Fatal(err)
			}
			checkLoose(t, "shaped", &d, possible(reference(target, want)))
		}
		allowed := make([]uint64, (n+63)/64)
		none := float32(math.Inf(-1))
		sparse := rapid.Bool().Draw(t, "few allowed")
		for id := range want {
			if rng.IntN(20) == 0 || !sparse && rng.IntN(4) > 0 {
				allowed[id/64] |= 1 << (id % 64)
			} else {
				want[id] = none
			}
		}
		some := slices.Max(want) > none
		var m Masker
		l, err := m.Apply(l, allowed, target.Temperature)
		if !some {
			if !errors.Is(err, ErrNoneAllowed) {
				t.Fatalf("nothing is allowed: %v; want ErrNoneAllowed", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if near(target, want) {
			return
		}
		if err := target.Filter(&d, l); err != nil {
			t.Fatal(err)
		}
		checkLoose(t, "shaped and masked", &d, possible(reference(target, want)))
	})
}

// possible leaves out tokens that cannot come.
func possible(p map[int32]float64) map[int32]float64 {
	for id, x := range p {
		if x == 0 {
			delete(p, id)
		}
	}
	return p
}

// checkLoose allows for a normaliser from which touched tokens were subtracted.
func checkLoose(t *rapid.T, what string, d *Dist, want map[int32]float64) {
	if len(d.IDs) != len(want) {
		t.Fatalf("%s: tokens %v, want %v", what, d.IDs, want)
	}
	for i, id := range d.IDs {
		if math.Abs(d.P[i]-want[id]) > 1e-5 {
			t.Fatalf("%s: token %d has probability %v, want %v", what, id, d.P[i], want[id])
		}
	}
}

func TestBadShapesAreRefused(t *testing.T) {
	for want, s := range map[string]Shape{
		"repetition penalty is -1":  {Repetition: -1},
		"repetition penalty is NaN": {Repetition: math.NaN()},
		"frequency penalty is 1e+":  {Frequency: 1e9},
		"presence penalty is NaN":   {Presence: math.NaN()},
		"logit bias names token 9":  {Biases: []Bias{{9, 1}}},
		"token 9 cannot end a text": {Ends: []int32{9}, Least: 1},
		"logit bias of token 3 is ": {Biases: []Bias{{3, float32(math.Inf(1))}}},
	} {
		if err := s.Validate(9); err == nil || err.Error()[:len(want)] != want {
			t.Errorf("%+v: error %v, want one that begins %q", s, err, want)
		}
	}
}

func TestLogprobsAreTheModelsOwn(t *testing.T) {
	row := []float32{1, 3, -2, 0.5}
	z := 0.0
	for _, x := range row {
		z += math.Exp(float64(x))
	}
	for _, temperature := range []float64{0, 0.6, 1} {
		got := LogprobOf(listed(row, temperature, 64), temperature, 3, 2)
		if want := 0.5 - math.Log(z); math.Abs(got.Logprob-want) > 1e-6 {
			t.Errorf("temperature %v: %v, want %v", temperature, got.Logprob, want)
		}
		if len(got.Top) != 2 || got.Top[0].ID != 1 || got.Top[1].ID != 0 || math.Abs(got.Top[0].Logprob-(3-math.Log(z))) > 1e-6 {
			t.Errorf("temperature %v: alternatives %v", temperature, got.Top)
		}
	}
}

func BenchmarkShape(b *testing.B) {
	row := make([]float32, 16384)
	for i := range row {
		row[i] = float32(i*7919%16381) / 1024
	}
	l := listed(row, 0.6, 64)
	h := NewShaper(Shape{Frequency: 0.5}, nil, len(row))
	for i := range 200 {
		h.Push(int32(i * 17))
	}
	b.Run("penalties", func(b *testing.B) {
		for b.Loop() {
			h.Apply(l, 0.6)
		}
	})
	for _, every := range []int{1, 1000} {
		allowed := make([]uint64, len(row)/64)
		for i := 0; i < len(row); i += every {
			allowed[i/64] |= 1 << (i % 64)
		}
		b.Run(fmt.Sprintf("mask of one in %d", every), func(b *testing.B) {
			var m Masker
			for b.Loop() {
				_, _ = m.Apply(l, allowed, 0.6)
			}
		})
	}
}
