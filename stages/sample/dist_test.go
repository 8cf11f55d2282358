package sample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

type rows []float32

func (r rows) Logits(int) []float32 { return r }

// listed shows a row as a device does that lists only its n best candidates.
func listed(row []float32, temperature float64, n int) Logits {
	l := LogitsOf(row, temperature)
	l.IDs, l.Top, l.Rows = l.IDs[:min(n, len(row))], l.Top[:min(n, len(row))], rows(row)
	return l
}

// reference is the sampler written as its definition reads, over the whole sorted vocabulary.
func reference(s Sampler, row []float32) map[int32]float64 {
	l := LogitsOf(row, s.Temperature)
	if s.Temperature == 0 {
		return map[int32]float64{l.IDs[0]: 1}
	}
	p, z := make([]float64, len(row)), 0.0
	for i, x := range l.Top {
		p[i] = math.Exp(float64(x-l.Max) / s.Temperature)
		z += p[i]
	}
	out, before, kept := map[int32]float64{}, 0.0, 0.0
	for i, id := range l.IDs {
		p[i] /= z
		if i == 0 || (s.TopK == 0 || i < s.TopK) && (s.TopP == 1 || before < s.TopP) && p[i] >= s.MinP*p[0] {
			out[id] = p[i]
			kept += p[i]
		}
		before += p[i]
	}
	for id := range out {
		out[id] /= kept
	}
	return out
}

func checkDist(t interface{ Fatalf(string, ...any) }, what string, d *Dist, want map[int32]float64) {
	if len(d.IDs) != len(want) || len(d.P) != len(want) || !slices.IsSorted(d.IDs) {
		t.Fatalf("%s: tokens %v with %d probabilities; want %d tokens, ascending", what, d.IDs, len(d.P), len(want))
	}
	for i, id := range d.IDs {
		if math.Abs(d.P[i]-want[id]) > 1e-6*want[id] || want[id] == 0 {
			t.Fatalf("%s: token %d has probability %v, want %v", what, id, d.P[i], want[id])
		}
	}
}

func TestFilterIsTheDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "vocabulary")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		row := make([]float32, n)
		steps := float32(rapid.SampledFrom([]int{1, 3, 1000}).Draw(t, "levels")) // few levels give ties
		for i := range row {
			row[i] = float32(math.Floor(float64(rng.Float32()*steps))) / steps * 8
		}
		s := Sampler{
			Temperature: rapid.SampledFrom([]float64{0, 0.3, 0.6, 1, 2}).Draw(t, "temperature"),
			TopP:        rapid.SampledFrom([]float64{0, 0.313, 0.707, 0.95, 1}).Draw(t, "top-p"),
			TopK:        rapid.SampledFrom([]int{0, 1, 5, 64, 65, 200}).Draw(t, "top-k"),
			MinP:        rapid.SampledFrom([]float64{0, 0.0503, 1}).Draw(t, "min-p"),
		}
		if near(s, row) {
			t.Skip("a cut falls within rounding of a candidate")
		}
		want := reference(s, row)
		var d Dist
		for _, candidates := range []int{1, 7, 64, n} {
			if err := s.Filter(&d, listed(row, s.Temperature, candidates)); err != nil {
				t.Fatal(err)
			}
			checkDist(t, fmt.Sprintf("%+v over %d of %d candidates", s, candidates, n), &d, want)
		}
	})
}

// near tells whether the nucleus or the min-p bound falls so close to a candidate that float32 and
// float64 normalisers may differ about it.
func near(s Sampler, row []float32) bool {
	if s.Temperature == 0 {
		return false
	}
	l := LogitsOf(row, s.Temperature)
	mass, z := 0.0, 0.0
	for _, x := range l.Top {
		z += math.Exp(float64(x-l.Max) / s.Temperature)
	}
	for _, x := range l.Top {
		p := math.Exp(float64(x-l.Max)/s.Temperature) / z
		if mass += p; math.Abs(mass-s.TopP) < 1e-6 || s.MinP < 1 && math.Abs(p*z-s.MinP) < 1e-6 {
			return true
		}
	}
	return false
}

func TestLogitsThatAreNotFiniteAreRefused(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, l := range map[string]Logits{
		"no candidates": {Max: 1, Z: 1},
		"NaN maximum":   {IDs: []int32{0}, Top: []float32{1}, Max: nan, Z: 1},
		"infinite":      {IDs: []int32{0}, Top: []float32{1}, Max: inf, Z: 1},
		"NaN sum":       {IDs: []int32{0}, Top: []float32{1}, Max: 1, Z: nan},
		"zero sum":      {IDs: []int32{0}, Top: []float32{1}, Max: 1},
	} {
		for _, temperature := range []float64{0, 1} {
			var d Dist
			if err := (Sampler{Temperature: temperature, TopP: 1}).Filter(&d, l); err == nil {
				t.Errorf("%s at temperature %v was accepted", name, temperature)
			}
		}
	}
}

func TestValidateNamesTheValue(t *testing.T) {
	nan := math.NaN()
	for want, s := range map[string]Sampler{
		"temperature is -1":    {Temperature: -1, TopP: 1},
		"temperature is NaN":   {Temperature: nan, TopP: 1},
		"temperature is 1e-09": {Temperature: 1e-9, TopP: 1},
		"temperature is +Inf":  {Temperature: math.Inf(1), TopP: 1},
		"top-p is 1.5":         {TopP: 1.5},
		"top-p is NaN":         {TopP: nan},
		"min-p is -0.1":        {TopP: 1, MinP: -0.1},
		"top-k is -2":          {TopP: 1, TopK: -2},
	} {
		if err := s.Validate(); err == nil || len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
			t.Errorf("%+v: error %v, want one that begins %q", s, err, want)
		}
	}
	if err := (Sampler{Temperature: 0.6, TopP: 0.95, TopK: 20}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestDraftSamplerIsGreedyUnderAGreedyTarget(t *testing.T) {
	warm, other := Sampler{Temperature: 0.7, TopP: 1}, Sampler{Temperature: 1, TopP: 0.9}
	for _, c := range []struct {
		target            Sampler
		recommended, over *Sampler
		want              Sampler
	}{
		{Sampler{TopP: 1}, &warm, &other, Sampler{TopP: 1}},
		{warm, nil, nil, warm},
		{warm, &other, nil, other},
		{warm, &warm, &other, other},
	} {
		if got := DraftSampler(c.target, c.recommended, c.over); got != c.want {
			t.Errorf("target %+v, recommended %v, chosen %v: %+v, want %+v", c.target, c.recommended, c.over, got, c.want)
		}
	}
}
