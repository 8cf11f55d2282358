package qwen_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mtplx/kernels/cpu"
	"mtplx/model/arrays"
	"mtplx/model/corrector"
	"mtplx/model/qwen"
	"mtplx/sched/page"
)

// fitted is a corrector of random numbers with a residual of rank 5, from arrays as a file would hold them.
func fitted(t *testing.T, hidden int, blend float64) (a map[string]arrays.Array, c *corrector.Corrector) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	numbers := func(at, spread float64, shape ...int) arrays.Array {
		n := 1
		for _, d := range shape {
			n *= d
		}
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(at + spread*rng.NormFloat64())
		}
		return arrays.Array{Shape: shape, Data: x}
	}
	a = map[string]arrays.Array{
		"scale": numbers(1, 0.2, hidden), "shift": numbers(0, 0.3, 1, hidden), "mean": numbers(0, 0.5, hidden),
		"A": numbers(0, 0.3/math.Sqrt(float64(hidden)), hidden, 5), "B": numbers(0, 0.5, 5, hidden),
	}
	c, err := corrector.New(a, blend)
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

// mended is the formula in float64, normalised as the head's input is.
func mended(a map[string]arrays.Array, h []float32, blend float64, shift []float32) []float64 {
	n := len(h)
	low := make([]float64, 5)
	for i, x := range h {
		for j := range low {
			low[j] += (float64(x) - float64(a["mean"].Data[i])) * float64(a["A"].Data[5*i+j])
		}
	}
	out, ss := make([]float64, n), 0.0
	for i, x := range h {
		v := float64(x)*float64(a["scale"].Data[i]) + float64(a["shift"].Data[i])
		for j, l := range low {
			v += l * float64(a["B"].Data[j*n+i])
		}
		v = float64(x) + blend*(v-float64(x))
		if shift != nil {
			v += float64(shift[i])
		}
		out[i] = v
		ss += v * v
	}
	for i := range out {
		out[i] /= math.Sqrt(ss / float64(n))
	}
	return out
}

func TestTheHeadsOutputIsMendedBeforeItIsFedBack(t *testing.T) {
	if testing.Short() {
		t.Skip("loads the default model many times")
	}
	ck := openDemo(t)
	h := ck.HiddenSize
	const blend = 0.6
	a, c := fitted(t, h, blend)
	shift := make([]float32, h)
	for i := range shift {
		shift[i] = float32(i%7) / 20
	}
	text := randomText(rand.New(rand.NewPCG(1, 1)), 12, 500)
	// play forwards a text, its history and a chain of two, and tells what the head gave, what it was fed, and the logits.
	type seen struct {
		output, fed []float32
		first, next []float32
	}
	play := func(o qwen.Options, shift []float32) seen {
		r, s := begin(t, ck, o, text)
		defer s.Release()
		r.run(t, r.head, &page.Span{State: s, Tokens: text[1:12], Logits: 1, Shift: shift})
		out := seen{fed: r.head.Hidden(s, -1), first: slices.Clone(r.head.Logits(0))}
		if o.Feedback {
			var err error
			if out.output, err = r.head.Output(nil, 0); err != nil {
				t.Fatal(err)
			}
		}
		s.SetHeadLen(11)
		r.run(t, r.head, &page.Span{State: s, Tokens: []int32{7}, Base: 11, Chain: true, Logits: 1})
		out.next = slices.Clone(r.head.Logits(0))
		return out
	}
	plain := play(qwen.Options{}, nil)
	for name, x := range map[string]struct {
		o     qwen.Options
		shift []float32
	}{
		"corrector":           {qwen.Options{Corrector: c}, nil},
		"corrector and shift": {qwen.Options{Corrector: c, Feedback: true}, shift},
		"corrector, no shift": {qwen.Options{Corrector: c, Feedback: true}, nil},
	} {
		got := play(x.o, x.shift)
		if err := sameBits(got.first, plain.first); err != nil {
			t.Errorf("%s: the first draft's logits differ, which no corrector may touch: %v", name, err)
		}
		if got.output != nil {
			if err := sameBits(got.output, plain.fed); err != nil {
				t.Errorf("%s: what is told of the head's output is not it: %v", name, err)
			}
		}
		for i, want := range mended(a, plain.fed, blend, x.shift) {
			if math.Abs(float64(got.fed[i])-want) > 2e-4*(1+math.Abs(want)) {
				t.Fatalf("%s: number %d that is fed back is %v, want %v", name, i, got.fed[i], want)
			}
		}
		if sameBits(got.next, plain.next) == nil {
			t.Errorf("%s: the second draft's logits are as without", name)
		}
	}
	shifted := play(qwen.Options{Feedback: true}, shift)
	bare := play(qwen.Options{Feedback: true}, nil)
	for i := range plain.next {
		if d := math.Abs(float64(bare.next[i] - plain.next[i])); d > 1e-3 {
			t.Fatalf("fed back as it is, the head's output gives logit %d %v, want %v", i, bare.next[i], plain.next[i])
		}
	}
	if sameBits(shifted.next, bare.next) == nil {
		t.Error("a shift changes nothing")
	}
}

func TestCorrectorsOfOtherModelsAreRefused(t *testing.T) {
	ck := openDemo(t)
	_, c := fitted(t, ck.HiddenSize+64, 1)
	dev := newRig(t, ck, 1, qwen.Options{Context: 64, Rows: 9})
	s := dev.state(t)
	defer s.Release()
	if err := s.Extend(4); err != nil {
		t.Fatal(err)
	}
	if err := dev.head.Add(&page.Span{State: s, Tokens: []int32{1}, Shift: make([]float32, 3)}); err == nil || !strings.Contains(err.Error(), "shift of 3 numbers where this forward takes 0") {
		t.Errorf("error %v", err)
	}
	if _, err := qwen.New(deviceFor(t), ck, qwen.Options{Context: 64, Rows: 9, Corrector: c}); err == nil || !strings.Contains(err.Error(), "the corrector is for rows of") {
		t.Errorf("error %v", err)
	}
}

func deviceFor(t *testing.T) *cpu.Device {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Close() })
	return dev
}
