package drift

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// The average by the formula, written out, for outputs in random lots of which a part stands.
func TestTheAverageIsThatOfTheDifferences(t *testing.T) {
	for _, key := range []Key{Global, Token} {
		rng := rand.New(rand.NewPCG(uint64(key), 9))
		o := Options{Alpha: 0.5, Decay: 0.8, Warmup: 3, Key: key}
		d := New(o, 4, 6)
		mean, seen := map[int32][]float64{}, map[int32]int{}
		of := func(token int32) int32 {
			if key == Global {
				return 0
			}
			return token
		}
		used := 0
		for cycle := range 400 {
			n := 1 + rng.IntN(6)
			stand := rng.IntN(n + 1)
			var outputs, rows []float32
			var tokens []int32
			for i := range n {
				token := int32(rng.IntN(5))
				got := d.Shift(i, token)
				if k := of(token); seen[k] < 3 {
					if got != nil {
						t.Fatalf("cycle %d: moved after %d observations", cycle, seen[k])
					}
				} else {
					used++
					for j, m := range mean[k] {
						if math.Abs(float64(got[j])-0.5*m) > 1e-4 {
							t.Fatalf("cycle %d, token %d: shift %v, want half of %v", cycle, token, got, mean[k])
						}
					}
				}
				out := make([]float32, 4)
				for j := range out {
					out[j] = float32(rng.NormFloat64())
					rows = append(rows, out[j]+float32(token)+0.1*float32(rng.NormFloat64()))
				}
				d.Saw(cycle, token, out)
				outputs, tokens = append(outputs, out...), append(tokens, token)
			}
			if base, waits := d.Waiting(); base != cycle || waits != n {
				t.Fatalf("it waits for %d rows from %d, want %d from %d", waits, base, n, cycle)
			}
			d.Learn(rows[:4*stand])
			for i := range stand {
				k := of(tokens[i])
				part := 0.2
				if seen[k] == 0 {
					part, mean[k] = 1, make([]float64, 4)
				}
				seen[k]++
				for j := range 4 {
					diff := float64(rows[4*i+j]) - float64(outputs[4*i+j])
					mean[k][j] += part * (diff - mean[k][j])
				}
			}
			if _, waits := d.Waiting(); waits != 0 {
				t.Fatal("what was not taught still waits")
			}
		}
		if used < 100 {
			t.Errorf("%v: only %d shifts were compared", key, used)
		}
	}
}

func TestTheFeedDepthIsALimit(t *testing.T) {
	d := New(Options{Alpha: 1, MaxFeed: 3}, 1, 8)
	d.Saw(0, 1, []float32{0})
	d.Learn([]float32{1})
	for depth, want := range []bool{true, true, false, false} { // the input of drafts 2, 3, 4 and 5
		if got := d.Shift(depth, 1) != nil; got != want {
			t.Errorf("the input of draft %d is moved: %v, want %v", depth+2, got, want)
		}
	}
}

// Of more tokens than there is room for, the one that was longest not seen gives way.
func TestTheOldestTokenGivesWay(t *testing.T) {
	d := New(Options{Alpha: 1, Key: Token}, 1, 2)
	teach := func(token int32) {
		d.Saw(0, token, []float32{0})
		d.Learn([]float32{float32(token) + 1})
	}
	for token := range int32(Tokens) {
		teach(token)
	}
	teach(0)
	teach(100)
	if d.Shift(0, 1) != nil {
		t.Error("token 1 is still known")
	}
	for _, token := range []int32{0, 2, 100} {
		if s := d.Shift(0, token); s == nil || s[0] != float32(token)+1 {
			t.Errorf("token %d has shift %v", token, s)
		}
	}
}

func TestACycleAllocatesNothing(t *testing.T) {
	for _, key := range []Key{Global, Token} {
		d := New(Options{Alpha: 1, Decay: 0.5, Key: key}, 64, 4)
		row, rows, token := make([]float32, 64), make([]float32, 128), int32(0)
		if n := testing.AllocsPerRun(200, func() {
			for range 4 {
				token++
				d.Shift(1, token)
				d.Saw(3, token, row)
			}
			d.Learn(rows)
		}); n > 0 {
			t.Errorf("%v: a cycle allocates %.2f times", key, n)
		}
	}
}

func TestOptionsAreValidated(t *testing.T) {
	for want, o := range map[string]Options{
		"alpha of the hidden corrector is NaN":     {Alpha: math.NaN()},
		"alpha of the hidden corrector is 5":       {Alpha: 5},
		"decay of the hidden corrector is 1;":      {Decay: 1},
		"warm-up of the hidden corrector is -1":    {Warmup: -1},
		"feed depth of the hidden corrector is -2": {MaxFeed: -2},
		"key 2": {Key: 2},
	} {
		if err := o.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for i, n := range keyNames {
		if k, err := ParseKey(n); err != nil || k != Key(i) || k.String() != n {
			t.Errorf("ParseKey(%q) = %v, %v", n, k, err)
		}
	}
	if _, err := ParseKey("local_prefix"); err == nil {
		t.Error(`ParseKey("local_prefix") was accepted`)
	}
}

// Pairs that lie on a line in each number give that line.
func TestTheFitIsTheLineThatPairsLieOn(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	f := NewFit(3, 4)
	scale, shift := []float64{0.5, 1, -2}, []float64{1, 0, 0.25}
	for range 2000 {
		var rows []float32
		for token := range int32(2) {
			out := make([]float32, 3)
			for j := range out {
				out[j] = float32(0.3 + rng.NormFloat64())
				rows = append(rows, float32(scale[j]*float64(out[j])+shift[j]))
			}
			f.Saw(0, token, out)
		}
		f.Saw(0, 9, []float32{100, 100, 100}) // its token did not stand
		f.Learn(rows)
	}
	gotScale, gotShift, pairs := f.Diagonal(1)
	for j := range scale {
		if math.Abs(float64(gotScale[j])-scale[j]) > 2e-3 || math.Abs(float64(gotShift[j])-shift[j]) > 2e-3 {
			t.Errorf("number %d: %v*h + %v, want %v*h + %v", j, gotScale[j], gotShift[j], scale[j], shift[j])
		}
	}
	if pairs != 4000 || f.Shift(0, 1) != nil {
		t.Errorf("%d pairs, shift %v; want 4000 and none", pairs, f.Shift(0, 1))
	}
	if s, h, n := NewFit(2, 1).Diagonal(1); n != 0 || s[0] != 1 || h[1] != 0 {
		t.Errorf("a fit of nothing is %v*h + %v", s, h)
	}
}
