package kernelbench

import (
	"context"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

const product = "product"

// batchBytes is what one timed program reads at least, so that starting it costs little.
const batchBytes = 24 << 20

// products times all row counts of one matrix.
func (b *bench) products(ctx context.Context, shape [2]int, bits int) error {
	b.announce("product %dx%d, %d bits, %d threads", shape[0], shape[1], bits, b.dev.Threads())
	defer b.free()
	n, k := shape[0], shape[1]
	m := newMatrix(n, k, bits)
	var weights []kernels.Weight
	for total := 0; len(weights) < 4 || total < b.copies; {
		w, err := b.dev.Load(m, b.Mode, "benchmark")
		if err != nil {
			return err
		}
		b.frees = append(b.frees, w.Release)
		weights = append(weights, w)
		total += int(w.Bytes())
	}
	bytes := int(weights[0].Bytes())
	batch := max(1, (batchBytes+bytes-1)/bytes)
	if len(weights) < 3*batch {
		batch = 1
	}

	read := &variant{}
	for i := 0; i+batch <= len(weights); i += batch {
		prog, err := b.record(&cpu.Sweep{Weights: weights[i : i+batch], Ahead: b.ahead})
		if err != nil {
			return err
		}
		read.programs = append(read.programs, prog)
	}
	list := []*variant{read}
	for _, rows := range b.Rows {
		v := &variant{}
		list = append(list, v)
		s, x, err := b.input(ctx, rows, weights[0])
		if err != nil {
			return err
		}
		out, err := b.alloc(4 * rows * n)
		if err != nil {
			return err
		}
		per := batch
		if rows > 16 { // bound by arithmetic: one matrix is long enough
			per = 1
		}
		for i := 0; i+per <= len(weights); i += per {
			var ops []queue.Op
			for _, w := range weights[i : i+per] {
				ops = append(ops, &kernels.Product{S: s, X: x, Parts: []kernels.Part{{W: w}}, Out: out, Stride: n})
			}
			prog, err := b.record(ops...)
			if err != nil {
				return err
			}
			v.programs = append(v.programs, prog)
		}
	}
	if err := b.rounds(ctx, b.time, list); err != nil {
		return err
	}
	once := func(v *variant, count int) float64 { // us a matrix
		return float64(b.took(v)) / float64(time.Microsecond) / float64(count)
	}
	readTime := once(read, batch)
	var one float64
	for i, rows := range b.Rows {
		v, per := list[1+i], batch
		if rows > 16 {
			per = 1
		}
		us := once(v, per)
		if rows == 1 {
			one = us
		}
		b.figures = append(b.figures, Figure{
			Name: product, Tier: b.dev.Tier(), Bits: bits, Mode: b.Mode.String(), Rows: rows, Shape: shape, Threads: b.dev.Threads(),
			OutOfCache: len(weights)*bytes > 2*lastLevelCache(), Micros: us, GBs: float64(bytes) / us / 1e3, OfRead: readTime / us, C: us / one,
		})
	}
	return nil
}

// input is slots and activations of rows random rows for products with w.
func (b *bench) input(ctx context.Context, rows int, w kernels.Weight) (*kernels.Slots, *kernels.Acts, error) {
	s, err := b.slots(kernels.SlotDims{Rows: rows, Lanes: 1, Logits: 1, Pages: 1})
	if err != nil {
		return nil, nil, err
	}
	x, err := b.acts(rows, w)
	if err != nil {
		return nil, nil, err
	}
	values, err := b.random(rows*w.Cols(), 1)
	if err != nil {
		return nil, nil, err
	}
	prog, err := b.record(&kernels.Quantize{S: s, X: values, Acts: x})
	if err != nil {
		return nil, nil, err
	}
	_, err = b.replay(ctx, prog)
	return s, x, err
}

// acts is activations for products with w.
func (b *bench) acts(rows int, w kernels.Weight) (*kernels.Acts, error) {
	x, err := kernels.NewActs(b.dev, rows, w)
	if err != nil {
		return nil, err
	}
	for _, buf := range append(x.Packed, x.F32) {
		if buf != nil {
			b.frees = append(b.frees, buf.Release)
		}
	}
	return x, nil
}
