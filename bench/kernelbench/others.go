package kernelbench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

// The operations beside products are timed at the default checkpoint's shapes: width 512, four
// value heads of 128 by 128, one key/value head of 256, a vocabulary of 16384.
const (
	width      = 512
	vocabulary = 16384
)

// other is an operation beside products.
type other struct {
	name  string
	kv    string // the way of keeping keys and values
	shape [2]int
	times int // repetitions in a program, on the same or on other memory
	rows  []int
	// build makes the operations of `rows` rows and the bytes that one repetition must move;
	// sweep is what a read loop over them covers, or nil where they stay in the first cache.
	build func(b *bench, rows int) (ops []queue.Op, bytes int, sweep *cpu.Sweep, err error)
}

// rest is every operation beside products.
func (p *plan) rest() []other {
	return slices.Concat([]other{
		{"quantize", "", [2]int{1, width}, 64, []int{1, 4, 512}, (*bench).quantize},
		{"norm", "", [2]int{1, width}, 64, []int{1, 4, 512}, (*bench).norm},
		{"delta", "", [2]int{128, 128}, 9, []int{1, 2, 4, 8}, (*bench).delta},
		{"support", "", [2]int{1, vocabulary}, 1, []int{1, 4, 8}, (*bench).support},
	}, p.attention())
}

func (b *bench) others(ctx context.Context) error {
	for _, o := range b.rest() {
		b.announce("%s, %d threads", strings.TrimSpace(o.name+" "+o.kv), b.dev.Threads())
		if err := b.other(ctx, o); err != nil {
			return fmt.Errorf("%s: %w", o.name, err)
		}
	}
	return nil
}

func (b *bench) other(ctx context.Context, o other) error {
	defer b.free()
	var list []*variant
	var bytes []int
	var sweeps []*variant
	for _, rows := range o.rows {
		ops, n, sweep, err := o.build(b, rows)
		if err != nil {
			return err
		}
		prog, err := b.record(ops...)
		if err != nil {
			return err
		}
		v := &variant{programs: []queue.Program{prog}}
		list, bytes = append(list, v), append(bytes, n)
		if sweep == nil {
			sweeps = append(sweeps, nil)
			continue
		}
		if prog, err = b.record(sweep); err != nil {
			return err
		}
		sweeps = append(sweeps, &variant{programs: []queue.Program{prog}})
	}
	all := list
	for _, s := range sweeps {
		if s != nil {
			all = append(all, s)
		}
	}
	if err := b.rounds(ctx, b.time/2, all); err != nil {
		return err
	}
	for i, v := range list {
		us := float64(b.took(v)) / float64(time.Microsecond) / float64(o.times)
		f := Figure{
			Name: o.name, KV: o.kv, Tier: b.dev.Tier(), Mode: kernels.Fast.String(), Rows: o.rows[i], Shape: o.shape, Threads: b.dev.Threads(),
			Micros: us, C: float64(b.took(v)) / float64(b.took(list[0])),
		}
		if bytes[i] > 0 {
			f.GBs = float64(bytes[i]) / us / 1e3
		}
		if sweeps[i] != nil {
			f.OfRead = float64(b.took(sweeps[i])) / float64(b.took(v))
		}
		b.figures = append(b.figures, f)
	}
	return nil
}

// actsFor is activations for 4-bit products of k inputs.
func (b *bench) actsFor(k, rows int) (*kernels.Acts, error) {
	w, err := b.dev.Load(newMatrix(16, k, 4), kernels.Fast, "benchmark")
	if err != nil {
		return nil, err
	}
	b.frees = append(b.frees, w.Release)
	return b.acts(rows, w)
}

func (b *bench) rowsAndActs(rows, k int) (s *kernels.Slots, x queue.Buffer, a *kernels.Acts, err error) {
	if s, err = b.slots(kernels.SlotDims{Rows: rows, Lanes: 1, Logits: rows, Pages: 1}); err != nil {
		return nil, nil, nil, err
	}
	if x, err = b.random(rows*k, 1); err != nil {
		return nil, nil, nil, err
	}
	a, err = b.actsFor(k, rows)
	return s, x, a, err
}

func repeat(op queue.Op, times int) []queue.Op { return slices.Repeat([]queue.Op{op}, times) }

func (b *bench) quantize(rows int) ([]queue.Op, int, *cpu.Sweep, error) {
	s, x, a, err := b.rowsAndActs(rows, width)
	return repeat(&kernels.Quantize{S: s, X: x, Acts: a}, 64), 4 * rows * width, nil, err
}

func (b *bench) norm(rows int) ([]queue.Op, int, *cpu.Sweep, error) {
	s, x, a, err := b.rowsAndActs(rows, width)
	if err != nil {
		return nil, 0, nil, err
	}
	gain, err := b.random(width, 1)
	return repeat(&kernels.Norm{S: s, Width: width, Eps: 1e-6, Gain: gain, X: x, Acts: a}, 64), 4 * rows * width, nil, err
}

// delta is nine layers' recurrences: a fold of all rows but one, one certain row, the rest to the
// tape.
func (b *bench) delta(rows int) ([]queue.Op, int, *cpu.Sweep, error) {
	d := kernels.DeltaDims{Layers: 9, HK: 2, HV: 4, DK: 128, DV: 128, Tape: 8}
	s, err := b.slots(kernels.SlotDims{Rows: rows, Lanes: 1, Logits: 1, Pages: 1})
	if err != nil {
		return nil, 0, nil, err
	}
	s.Base[0], s.Fold[0], s.TapeOut[0] = 100, int32(rows-1), 1
	var bufs [5]queue.Buffer
	for i, n := range []int{d.StateBytes() / 4, 2 * d.TapeBytes() / 4, rows * d.ConvDim(), rows * 2 * d.HV, rows * d.HV * d.DV} {
		if bufs[i], err = b.random(n, 0.05); err != nil {
			return nil, 0, nil, err
		}
	}
	gates := kernels.Floats(bufs[3])
	for i := range gates {
		gates[i] = 0.9
	}
	var ops []queue.Op
	for l := range d.Layers {
		ops = append(ops, &kernels.Delta{
			S: s, Recurrent: kernels.Recurrent{Dims: d, Layer: l, States: bufs[0], Tapes: bufs[1]}, In: bufs[2], Gates: bufs[3], O: bufs[4],
		})
	}
	// Integers counted up in place of states, since states so changed would become subnormal.
	like, err := b.alloc(d.StateBytes())
	return ops, 2 * d.StateBytes() / d.Layers, &cpu.Sweep{Buffers: []queue.Buffer{like}, Update: true}, err
}

func (b *bench) support(rows int) ([]queue.Op, int, *cpu.Sweep, error) {
	s, err := b.slots(kernels.SlotDims{Rows: rows, Lanes: 1, Logits: rows, Pages: 1})
	if err != nil {
		return nil, 0, nil, err
	}
	logits, err := b.random(rows*vocabulary, 3)
	if err != nil {
		return nil, 0, nil, err
	}
	out, err := b.alloc(4 * rows * kernels.SupportWords)
	op := &kernels.Support{S: s, Vocab: vocabulary, Stride: vocabulary, Logits: logits, Out: out}
	return []queue.Op{op}, 4 * rows * vocabulary, &cpu.Sweep{Buffers: []queue.Buffer{logits}, Ahead: b.ahead}, err
}
