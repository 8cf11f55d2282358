package corrector

import (
	"math"
	"strings"
	"testing"

	"mtplx/model/arrays"
)

func array(x float32, shape ...int) arrays.Array {
	n := 1
	for _, d := range shape {
		n *= d
	}
	a := arrays.Array{Shape: shape, Data: make([]float32, n)}
	for i := range a.Data {
		a.Data[i] = x + float32(i)
	}
	return a
}

// Half of a corrector is half way between it and nothing.
func TestBlending(t *testing.T) {
	a := map[string]arrays.Array{"scale": array(2, 3), "shift": array(1, 1, 3), "A": array(1, 3, 2), "B": array(-1, 2, 3), "mean": array(0.5, 3)}
	h := []float64{0.3, -1, 2}
	apply := func(blend float64) []float64 {
		c, err := New(a, blend)
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float64, 3)
		for i := range out {
			out[i] = h[i]*float64(c.Scale[i]) + float64(c.Shift[i])
			for j := range c.Rank {
				for k := range h {
					out[i] += h[k] * float64(c.A[k*c.Rank+j]) * float64(c.B[j*3+i])
				}
			}
		}
		return out
	}
	for i, half := range apply(0.5) {
		all := h[i]*float64(2+i) + float64(1+i)
		for j := range 2 {
			for k := range h {
				all += (h[k] - 0.5 - float64(k)) * float64(1+2*k+j) * float64(-1+3*j+i)
			}
		}
		if want := (h[i] + all) / 2; math.Abs(half-want) > 1e-4 {
			t.Errorf("number %d is %v, want %v", i, half, want)
		}
		if none := apply(0)[i]; math.Abs(none-h[i]) > 1e-6 {
			t.Errorf("without any of it number %d is %v, want %v", i, none, h[i])
		}
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	for want, a := range map[string]map[string]arrays.Array{
		"shift has shape [4]; the others ask for [3]":      {"scale": array(0, 3), "shift": array(0, 4)},
		"shift has shape [3 1]":                            {"shift": array(0, 3, 1)},
		"scale has shape [] and so no numbers":             {"scale": {}},
		"one of A and B":                                   {"A": array(0, 3, 2)},
		"A has shape [2 3]; the others ask for [3][rank]":  {"mean": array(0, 3), "A": array(0, 2, 3), "B": array(0, 3, 2)},
		"A has shape [3 0]":                                {"A": array(0, 3, 0), "B": array(0, 0, 3)},
		"B has shape [3 2]; A asks for [2][3]":             {"A": array(0, 3, 2), "B": array(0, 3, 2)},
		"a mean but no A and B":                            {"mean": array(0, 3)},
		"it has the arrays scale, slope; scale, shift, A":  {"scale": array(0, 3), "slope": array(0, 3)},
		`it has the arrays ""`:                             {},
		`it has the arrays "slope, tilt"; scale, shift, A`: {"slope": array(0, 3), "tilt": array(0, 3)},
	} {
		if _, err := New(a, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for _, blend := range []float64{-0.1, 1.1, math.NaN()} {
		if _, err := New(map[string]arrays.Array{"scale": array(0, 3)}, blend); err == nil || !strings.Contains(err.Error(), "the blend is") {
			t.Errorf("blend %v: error %v", blend, err)
		}
	}
	big := map[string]arrays.Array{"A": array(1e30, 3, 1), "B": array(1e30, 1, 3), "mean": array(1e30, 3)}
	if _, err := New(big, 1); err == nil || !strings.Contains(err.Error(), "becomes") {
		t.Errorf("numbers that overflow: error %v", err)
	}
}
