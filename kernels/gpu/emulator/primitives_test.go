//go:build unix

package emulator

import (
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/gpu"
)

// half widens an IEEE half by its definition.
func half(h uint16) float32 {
	e, m := int(h>>10&31), float64(h&0x3ff)
	v := math.Ldexp(1+m/1024, e-15)
	switch {
	case e == 0:
		v = math.Ldexp(m, -24)
	case e == 31 && m == 0:
		v = math.Inf(1)
	case e == 31:
		v = math.NaN()
	}
	if h>>15 == 1 {
		v = -v
	}
	return float32(v)
}

// TestPrimitives compares the functions of arith.h with those of package kernels: at their borders
// and on random values of every magnitude, bit for bit.
func TestPrimitives(t *testing.T) {
	needCompiler(t)
	var files map[string]string
	var err error
	if dir := os.Getenv(sourcesVariable); dir != "" {
		files = readSources(t, dir)
	} else if files, err = gpu.Sources(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/primitives.metal")
	if err != nil {
		t.Fatal(err)
	}
	files = maps.Clone(files)
	files["kernels.metal"] = string(text)
	p, err := Start(t.Context(), Options{Sources: files, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})

	const n, outputs = 64 * 1024, 8
	x := make([]float32, 0, n)
	for _, border := range []float32{-87, 88, 20, -15, 10, 0, 1, 0.70710678, 1.4142135, 0x1p-126, 0x1p-149, 0x1p127} {
		u := math.Float32bits(border)
		for d := range uint32(40) {
			x = append(x, math.Float32frombits(u+d), math.Float32frombits(u-d), -math.Float32frombits(u+d))
		}
	}
	rng := rand.New(rand.NewPCG(1, 9))
	for len(x) < n {
		v := math.Float32frombits(rng.Uint32())
		if len(x)%2 == 0 {
			v = float32(rng.NormFloat64() * 12)
		}
		x = append(x, v)
	}
	in, err := p.Alloc(4*n, "x")
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Alloc(4*n*outputs, "y")
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range x {
		putWord(in.Bytes(), i, math.Float32bits(v))
	}
	g, err := p.Record("primitives", []gpu.Launch{{Kernel: "primitives", Grid: [3]uint32{n / 64, 1, 1}, Threads: 64, Args: []gpu.Arg{{Mem: in}, {Mem: out, Write: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := (stream{p}).Run(g); err != nil {
		t.Fatal(err)
	}
	for i, v := range x {
		normal := v >= 0x1p-126 && v <= math.MaxFloat32
		for j, f := range []struct {
			name string
			want func() uint32
			skip bool
		}{
			{"exp", func() uint32 { return bitsOf(kernels.Exp(v)) }, false},
			{"log", func() uint32 { return bitsOf(kernels.Log(v)) }, !normal},
			{"sigmoid", func() uint32 { return bitsOf(kernels.Sigmoid(v)) }, false},
			{"silu", func() uint32 { return bitsOf(kernels.SiLU(v)) }, false},
			{"softplus", func() uint32 { return bitsOf(kernels.Softplus(v)) }, false},
			{"inverse square root", func() uint32 { return bitsOf(kernels.InvSqrt(v)) }, v < 0},
			{"bfloat16", func() uint32 { return uint32(kernels.BF16(v)) }, false},
			{"half", func() uint32 { return bitsOf(half(uint16(math.Float32bits(v) >> 16))) }, false},
		} {
			if f.skip {
				continue
			}
			got := word(out.Bytes(), i*outputs+j)
			if j != 6 {
				got = bitsOf(math.Float32frombits(got))
			}
			if want := f.want(); got != want {
				t.Fatalf("%s of %v (%08x) is %08x, want %08x", f.name, v, math.Float32bits(v), got, want)
			}
		}
	}
}

// bitsOf is v's bits, with one NaN for all.
func bitsOf(v float32) uint32 {
	if v != v {
		return 0x7fc00000
	}
	return math.Float32bits(v)
}
