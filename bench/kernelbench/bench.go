package kernelbench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

// Run times what o names on a CPU device of its own. It stops early, with ctx's error, between
// two replays. Progress is called from the calling goroutine.
func Run(ctx context.Context, o Options) (*Report, error) {
	p, err := o.plan()
	if err != nil {
		return nil, err
	}
	r := &Report{Ceilings: Ceilings{Read: map[int]float64{}, Int: map[int]float64{}}}
	for _, n := range p.Threads {
		if err := runThreads(ctx, p, n, r); err != nil {
			return nil, fmt.Errorf("benchmark kernels with %d threads: %w", n, err)
		}
	}
	return r, nil
}

// runThreads times everything with n workers.
func runThreads(ctx context.Context, p *plan, n int, r *Report) (err error) {
	b, err := newBench(p, n)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r.Tier = b.dev.Tier()
	if r.Ceilings.Int[n], err = b.intCeiling(ctx); err != nil {
		return err
	}
	if r.Ceilings.Read[n], err = b.readCeiling(ctx); err != nil {
		return err
	}
	for _, shape := range p.Shapes {
		for _, bits := range p.Bits {
			if err := b.products(ctx, shape, bits); err != nil {
				return fmt.Errorf("product %dx%d, %d bits: %w", shape[0], shape[1], bits, err)
			}
		}
	}
	if !p.ProductsOnly {
		if err := b.others(ctx); err != nil {
			return err
		}
	}
	r.Kernels = append(r.Kernels, b.figures...)
	return nil
}

// bench is one device and what was measured on it.
type bench struct {
	*plan
	dev     *cpu.Device
	queue   queue.Queue
	event   queue.Event
	turn    uint64
	ahead   cpu.Ahead // of the fastest read loop
	frees   []func()  // of the case
	figures []Figure
}

func newBench(p *plan, threads int) (*bench, error) {
	d, err := cpu.New(cpu.Options{Threads: threads, Tier: p.Tier})
	if err != nil {
		return nil, err
	}
	q, err := d.NewQueue("bench")
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return &bench{plan: p, dev: d, queue: q, event: d.NewEvent()}, nil
}

func (b *bench) close() error {
	b.free()
	b.queue.Close()
	return b.dev.Close()
}

// free gives back the memory of a case.
func (b *bench) free() {
	for _, f := range b.frees {
		f()
	}
	b.frees = nil
}

func (b *bench) announce(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

// alloc is memory of the case.
func (b *bench) alloc(bytes int) (queue.Buffer, error) {
	buf, err := b.dev.Alloc(bytes, "benchmark")
	if err == nil {
		b.frees = append(b.frees, buf.Release)
	}
	return buf, err
}

// slots for one lane of rows.
func (b *bench) slots(d kernels.SlotDims) (*kernels.Slots, error) {
	s, err := kernels.NewSlots(b.dev, d)
	if err != nil {
		return nil, err
	}
	b.frees = append(b.frees, s.Buf.Release)
	s.Head[kernels.HeadRows], s.Head[kernels.HeadLanes], s.Head[kernels.HeadLogits] = int32(d.Rows), 1, int32(d.Logits)
	s.Count[0], s.Certain[0] = int32(d.Rows), 1
	for i := range s.Out {
		s.Out[i], s.In[i] = int32(i), int32(i)
	}
	for i := range s.Logit {
		s.Logit[i], s.InvT[i] = int32(i), 1
	}
	return s, nil
}

func (b *bench) record(ops ...queue.Op) (queue.Program, error) {
	cb := b.queue.NewCommandBuffer("benchmark")
	for _, op := range ops {
		cb.Dispatch(op)
	}
	return cb.Finish()
}

// replay runs a program to its end and returns how long that took.
func (b *bench) replay(ctx context.Context, p queue.Program) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	b.turn++
	start := time.Now()
	if err := b.queue.Submit(p, queue.Point{}, queue.Point{Event: b.event, Value: b.turn}); err != nil {
		return 0, err
	}
	// A replay cannot be stopped halfway: its buffers are freed after it.
	if err := b.event.Wait(context.WithoutCancel(ctx), b.turn); err != nil {
		return 0, err
	}
	return time.Since(start), b.queue.Err()
}

// variant is one thing that is timed: programs that do the same on other memory, in turn.
type variant struct {
	programs []queue.Program
	times    []time.Duration
}

// rounds lets every variant run once a round for the time of a case, and at least three times;
// a variant so slow that it would take more than its share rests until it has not. Every replay
// takes the next program of the rotation, whichever variant ran before.
func (b *bench) rounds(ctx context.Context, limit time.Duration, list []*variant) error {
	for _, v := range list {
		if _, err := b.replay(ctx, v.programs[0]); err != nil { // wakes the workers, touches the outputs
			return err
		}
	}
	begin, at := time.Now(), 0
	spent := make([]time.Duration, len(list))
	for round := 0; round < 3 || time.Since(begin) < limit; round++ {
		for i, v := range list {
			share := limit / time.Duration(len(list))
			if len(v.times) >= 3 && spent[i] > 2*share {
				continue
			}
			at++
			t, err := b.replay(ctx, v.programs[at%len(v.programs)])
			if err != nil {
				return err
			}
			v.times = append(v.times, t)
			spent[i] += t
		}
	}
	return nil
}

// took is a variant's median time, or its best one.
func (b *bench) took(v *variant) time.Duration {
	if b.Best {
		return slices.Min(v.times)
	}
	return median(v.times)
}

func median[T cmp.Ordered](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
