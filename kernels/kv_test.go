package kernels

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

var coded = []KV{KVQ8, KVQ8V4, KVQ8V3}

func normals(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// Every code and scale has a place of its own, and the places fill the page.
func TestCodesFillAPage(t *testing.T) {
	for _, kv := range coded {
		for _, hd := range []int{16, 48, 64, 256} {
			d := AttnDims{NKV: 1, HeadDim: hd, KV: kv}
			keys := make([]bool, d.KeyBytes())
			take := func(at, n int) {
				for i := at; i < at+n; i++ {
					if keys[i] {
						t.Fatalf("%v, heads of %d: byte %d of the keys is taken twice", kv, hd, i)
					}
					keys[i] = true
				}
			}
			for tok := range PageTokens {
				for i := range hd {
					take(d.KeyCode(tok, i), 1)
				}
				for g := range d.KeyGroups() {
					take(d.KeyScale(tok, g), 2)
				}
			}
			if slices.Contains(keys, false) {
				t.Errorf("%v, heads of %d: keys leave bytes unused", kv, hd)
			}
			if got, want := d.ValueScales(), PageTokens*hd*kv.ValueBits()/8; got != want || d.ValueBytes() != want+4*PageTokens {
				t.Errorf("%v, heads of %d: scales of values begin at %d of %d", kv, hd, got, d.ValueBytes())
			}
			// Written in any order and over anything, codes read back, and their bits fill all that is before the scales.
			rng := rand.New(rand.NewPCG(1, uint64(hd)))
			values, want := make([]byte, d.ValueBytes()), make([]uint8, PageTokens*hd)
			for i := range values {
				values[i] = byte(rng.Uint32())
			}
			for _, at := range rng.Perm(len(want)) {
				want[at] = uint8(rng.Uint32()) & (1<<kv.ValueBits() - 1)
				kv.SetValueCode(values, at/hd, at%hd, want[at])
			}
			for at, c := range want {
				if got := kv.ValueCode(values, at/hd, at%hd); got != c {
					t.Fatalf("%v, heads of %d: code of dim %d of token %d is %d, want %d", kv, hd, at%hd, at/hd, got, c)
				}
				kv.SetValueCode(values, at/hd, at%hd, 1<<kv.ValueBits()-1)
			}
			for i, b := range values[:d.ValueScales()] {
				if b != 0xff {
					t.Fatalf("%v, heads of %d: byte %d of the values has unused bits: %08b", kv, hd, i, b)
				}
			}
		}
	}
}

// lloyd is the quantiser of least squared error for the normal distribution: the positive levels of 2n.
func lloyd(n int) []float64 {
	density := func(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
	mass := func(x float64) float64 { return math.Erf(x/math.Sqrt2) / 2 }
	l := make([]float64, n)
	for i := range l {
		l[i] = (float64(i) + 0.5) * 3 / float64(n)
	}
	for range 5000 {
		low := 0.0
		for i := range l {
			high := math.Inf(1)
			if i+1 < n {
				high = (l[i] + l[i+1]) / 2
			}
			l[i], low = (density(low)-density(high))/(mass(high)-mass(low)), high
		}
	}
	return l
}

func TestLevelsAreOfLeastError(t *testing.T) {
	for _, kv := range []KV{KVQ8V4, KVQ8V3} {
		want := lloyd(len(kv.levels()))
		top := want[len(want)-1]
		if u := float32(top / 127); math.Abs(float64(levelUnit[kv]/u-1)) > 1e-6 {
			t.Errorf("%v: the unit is %v, want %v", kv, levelUnit[kv], u)
		}
		for i, l := range kv.levels() {
			if math.Abs(float64(l)-want[i]/top*127) > 0.54 {
				t.Errorf("%v: level %d is %v, want %.2f", kv, i, l, want[i]/top*127)
			}
		}
	}
}

// The error of rows of any distribution is about that of the normal one: of 4 bits .0095, of 3 bits .0345 of the square.
func TestRowsKeepTheirValues(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	rows := map[string]func() []float32{
		"normal":       func() []float32 { return normals(rng, 256) },
		"one outlier":  func() []float32 { x := normals(rng, 256); x[77] = 60; return x },
		"few channels": func() []float32 { x := normals(rng, 256); clear(x[24:]); return x },
		"constant": func() []float32 {
			x := make([]float32, 256)
			for i := range x {
				x[i] = 2.5
			}
			return x
		},
		"heavy tails": func() []float32 {
			x := normals(rng, 256)
			for i := range x {
				x[i] *= x[i] * x[i]
			}
			return x
		},
	}
	signs := RotationSigns(256)
	for name, draw := range rows {
		for kv, most := range map[KV]float64{KVQ8: 1e-4, KVQ8V4: 0.0115, KVQ8V3: 0.039} {
			var wrong, all float64
			for range 50 {
				x := draw()
				codes := make([]uint8, len(x))
				s := kv.QuantizeValue(codes, slices.Clone(x), signs)
				y := make([]float32, len(x))
				for i, c := range codes {
					y[i] = kv.Value(c) * s
				}
				Unrotate(y, signs)
				for i := range x {
					wrong += float64(x[i]-y[i]) * float64(x[i]-y[i])
					all += float64(x[i]) * float64(x[i])
				}
			}
			if r := wrong / all; !(r < most) || r < most/20 {
				t.Errorf("%s in %v: %.2g of the square is lost, want at most %g", name, kv, r, most)
			}
		}
	}
	codes, scales := make([]int8, 48), make([]uint16, 2)
	for range 200 {
		x := normals(rng, 48)
		QuantizeKey(codes, scales, x)
		for i, c := range codes {
			s := FromBF16(scales[i/KeyGroup])
			if c == -128 || math.Abs(float64(float32(c)*s-x[i])) > 0.501*float64(s) {
				t.Fatalf("%v is kept as %d times %v", x[i], c, s)
			}
		}
	}
}

func TestRotationIsUndone(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	for _, hd := range []int{16, 48, 128, 256} {
		x := make([]float32, hd)
		for i := range x {
			x[i] = float32(rng.IntN(2001) - 1000) // sums are exact
		}
		y, signs := slices.Clone(x), RotationSigns(hd)
		Rotate(y, signs)
		if slices.Equal(x, y) || !slices.Contains(signs, -1) || !slices.Contains(signs, 1) {
			t.Errorf("heads of %d: nothing is rotated", hd)
		}
		Unrotate(y, signs)
		if !slices.Equal(x, y) {
			t.Errorf("heads of %d: %v comes back as %v", hd, x, y)
		}
	}
}

// Nothing that is not a number is kept as one, and what is too small to divide by is zero.
func TestOddRows(t *testing.T) {
	signs := RotationSigns(32)
	for name, v := range map[string]float32{"NaN": float32(math.NaN()), "infinity": float32(math.Inf(-1)), "zero": 0, "tiny": 1e-38} {
		x := make([]float32, 32)
		x[5] = v
		codes, scales, levels := make([]int8, 32), make([]uint16, 1), make([]uint8, 32)
		QuantizeKey(codes, scales, x)
		finite := v == v && !math.IsInf(float64(v), 0)
		if k := FromBF16(scales[0]); finite != (k == 0) || k > 0 && k < 1 {
			t.Errorf("a key with %s has scale %v", name, k)
		}
		for _, kv := range coded {
			if s := kv.QuantizeValue(levels, slices.Clone(x), signs); finite != (s == 0) || s > 0 && s < 1 {
				t.Errorf("a value with %s has scale %v in %v", name, s, kv)
			}
		}
	}
}

func TestWaysHaveNames(t *testing.T) {
	for kv := range KVQ8V3 + 1 {
		if got, err := ParseKV(kv.String()); err != nil || got != kv {
			t.Errorf("%v is read as %v, %v", kv, got, err)
		}
	}
	if _, err := ParseKV("q2"); err == nil {
		t.Error("q2 is known")
	}
}
