package doctor

import (
	"context"
	"errors"
	"time"

	"mtplx/bench/kernelbench"
	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

// products are the kernels that decoding spends its time in, beside what the machine could do at most.
type products struct{}

// slowShare is the part of the read loop's speed below which a product does something wrong, or is disturbed.
const slowShare = 0.4

func (products) Run(ctx context.Context, m *Machine) Finding {
	s, err := m.Products(ctx)
	if err != nil {
		return skip("the kernels could not be timed: %v", err)
	}
	share := s.Product / s.Read
	if share < slowShare {
		return warn("end what else runs and look again; mtplx bench kernels shows each kernel", "a 4-bit product reads its weights at %.1f GB/s, %.0f %% of the read loop's %.1f", s.Product, 100*share, s.Read)
	}
	return ok("a 4-bit product reads its weights at %.1f GB/s, %.0f %% of the read loop's %.1f", s.Product, 100*share, s.Read)
}

// productSpeed times one product of a large model's shape with all threads.
func productSpeed(ctx context.Context) (Speed, error) {
	r, err := kernelbench.Run(ctx, kernelbench.Options{Quick: true, ProductsOnly: true, Bits: []int{4}, Rows: []int{1}, Mode: kernels.Fast})
	if err != nil {
		return Speed{}, err
	}
	for i := range r.Kernels {
		if f := &r.Kernels[i]; f.Rows == 1 && f.OfRead > 0 {
			return Speed{Product: f.GBs, Read: f.GBs / f.OfRead}, nil
		}
	}
	return Speed{}, errors.New("no product was timed")
}

// The read loop goes over so many bytes, more than caches hold on most machines, and so often.
const (
	readBytes  = 256 << 20
	readRounds = 3
)

// readSpeed is the best of a few rounds of the read loop, in 10^9 bytes a second.
func readSpeed(ctx context.Context) (best float64, err error) {
	d, err := cpu.New(cpu.Options{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	q, err := d.NewQueue("doctor")
	if err != nil {
		return 0, err
	}
	defer q.Close()
	buf, err := d.Alloc(readBytes, "doctor")
	if err != nil {
		return 0, err
	}
	defer buf.Release()
	for mem, i := buf.Bytes(), 0; i < len(mem); i += 4096 { // untouched pages are all one page of zeros
		mem[i] = 1
	}
	cb := q.NewCommandBuffer("doctor")
	cb.Dispatch(&cpu.Sweep{Buffers: []queue.Buffer{buf}})
	prog, err := cb.Finish()
	if err != nil {
		return 0, err
	}
	done := d.NewEvent()
	for turn := range uint64(readRounds) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := q.Submit(prog, queue.Point{}, queue.Point{Event: done, Value: turn + 1}); err != nil {
			return 0, err
		}
		// The buffer is freed after the program, which cannot be stopped halfway.
		if err := done.Wait(context.WithoutCancel(ctx), turn+1); err != nil {
			return 0, err
		}
		best = max(best, readBytes/float64(time.Since(start).Nanoseconds()))
	}
	return best, q.Err()
}
