package forward

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/model/qwen"
	"mtplx/sched/page"
	"mtplx/sched/queue"
)

// Run times forwards of o.Checkpoint on a CPU device of its own for each number of threads. It stops early, with
// ctx's error, between two forwards. Progress is called from the calling goroutine.
func Run(ctx context.Context, o Options) (*Report, error) {
	o, err := o.defaults()
	if err != nil {
		return nil, err
	}
	r := &Report{Mode: o.Mode.String(), Context: o.Context}
	for _, n := range o.Threads {
		for _, kv := range o.KV {
			if err := runThreads(ctx, &o, n, kv, r); err != nil {
				return nil, fmt.Errorf("benchmark forward with %d threads, keys and values %s: %w", n, kv.Stored(o.Mode), err)
			}
		}
	}
	return r, nil
}

func runThreads(ctx context.Context, o *Options, threads int, kv kernels.KV, r *Report) (err error) {
	o.Progress(fmt.Sprintf("load for %d threads, %s", threads, kv.Stored(o.Mode)))
	b, err := open(o, threads, kv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r.Tier = b.dev.Tier()
	if err := b.prompt(ctx); err != nil {
		return err
	}
	o.Progress(fmt.Sprintf("forwards, %d threads, %s", threads, b.model.Stored()))
	if err := b.rounds(ctx); err != nil {
		return err
	}
	read := median(b.reads[0])
	for _, times := range b.reads[1:] {
		read = min(read, median(times))
	}
	one := median(b.times[0])
	for i, z := range b.sizes {
		t, bytes := median(b.times[i]), b.queue.total(z.lanes)
		f := Figure{
			Threads: threads, KV: b.model.Stored(), TokenBytes: b.model.TokenBytes(), Lanes: z.lanes, Rows: z.rows, Micros: micros(t), Bytes: bytes,
			GBs: float64(bytes) / float64(t.Nanoseconds()), ReadGBs: float64(b.swept) / float64(read.Nanoseconds()),
			C: float64(t) / float64(one),
		}
		f.OfRead = f.GBs / f.ReadGBs
		o.Progress(fmt.Sprintf("profile, %d threads, %d rows%s", threads, z.rows, of(z.lanes)))
		if f.Operations, err = b.profile(ctx, z, t); err != nil {
			return err
		}
		r.Forwards = append(r.Forwards, f)
	}
	return nil
}

// bench is a model on a device of some threads, with as many sessions as the largest forward takes.
type bench struct {
	*Options
	sizes   []size
	threads int
	dev     *cpu.Device
	model   *qwen.Model
	queue   *counted
	event   queue.Event
	turn    uint64
	trunk   *qwen.Forward
	states  []*page.State
	tokens  []int32

	sweeps []queue.Program // by index into cpu.Aheads
	buffer queue.Buffer
	swept  int64
	times  [][]time.Duration // by index into sizes
	reads  [][]time.Duration // by index into cpu.Aheads
}

func open(o *Options, threads int, kv kernels.KV) (_ *bench, err error) {
	sizes := o.sizes()
	b := &bench{Options: o, sizes: sizes, threads: threads, times: make([][]time.Duration, len(sizes)), reads: make([][]time.Duration, len(cpu.Aheads))}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.dev, err = cpu.New(cpu.Options{Threads: threads, Tier: o.Tier, Profile: true}); err != nil {
		return nil, err
	}
	b.dev.PauseProfile(true)
	b.event = b.dev.NewEvent()
	q, err := b.dev.NewQueue("bench")
	if err != nil {
		return nil, err
	}
	b.queue = &counted{Queue: q, once: map[string]int64{}, each: map[string]int64{}, position: o.Context}
	lanes := slices.Max(o.Lanes)
	if b.model, err = qwen.New(b.dev, o.Checkpoint, qwen.Options{
		Mode: o.Mode, KV: kv, Context: o.Context + maxRows, Rows: max(chunk, lanes*maxRows), Lanes: lanes, Sessions: lanes,
	}); err != nil {
		return nil, err
	}
	if b.trunk, err = b.model.NewTrunk(b.queue); err != nil {
		return nil, err
	}
	for range lanes {
		s, err := b.model.NewState()
		if err != nil {
			return nil, err
		}
		b.states = append(b.states, s)
		if err = s.Extend(o.Context + maxRows); err != nil {
			return nil, err
		}
	}
	b.tokens = make([]int32, chunk)
	for i := range b.tokens {
		b.tokens[i] = int32((300 + 31*i) % o.Checkpoint.VocabSize)
	}
	return b, b.makeSweeps()
}

// makeSweeps records read loops over as many bytes as the largest forward moves.
func (b *bench) makeSweeps() (err error) {
	b.swept = b.queue.total(len(b.states)) &^ 63
	if b.buffer, err = b.dev.Alloc(int(b.swept), "read loop"); err != nil {
		return err
	}
	// Every page must be real: the system maps untouched ones to a single page of zeros.
	mem := b.buffer.Bytes()
	for i := 0; i < len(mem); i += 4096 {
		mem[i] = 1
	}
	for _, ahead := range cpu.Aheads {
		cb := b.queue.Queue.NewCommandBuffer("read")
		cb.Dispatch(&cpu.Sweep{Buffers: []queue.Buffer{b.buffer}, Ahead: ahead})
		p, err := cb.Finish()
		if err != nil {
			return err
		}
		b.sweeps = append(b.sweeps, p)
	}
	return nil
}

func (b *bench) close() error {
	if b.dev == nil {
		return nil
	}
	for _, s := range b.states {
		s.Release()
	}
	if b.trunk != nil {
		b.trunk.Close()
	}
	if b.model != nil {
		b.model.Close()
	}
	if b.buffer != nil {
		b.buffer.Release()
	}
	if b.queue != nil {
		b.queue.Close()
	}
	return b.dev.Close()
}

// await runs what submit hands over to its end and returns how long that took.
func (b *bench) await(ctx context.Context, submit func(done queue.Point) error) (time.Duration, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	b.turn++
	start := time.Now()
	if err := submit(queue.Point{Event: b.event, Value: b.turn}); err != nil {
		return 0, err
	}
	// What was submitted cannot be stopped halfway.
	if err := b.event.Wait(context.WithoutCancel(ctx), b.turn); err != nil {
		return 0, err
	}
	return time.Since(start), b.queue.Err()
}

func (b *bench) forward(ctx context.Context, spans ...*page.Span) (time.Duration, error) {
	b.trunk.Begin()
	for _, span := range spans {
		if err := b.trunk.Add(span); err != nil {
			return 0, err
		}
	}
	return b.await(ctx, func(done queue.Point) error { return b.trunk.Submit(b.queue, queue.Point{}, done) })
}

// prompt commits Context tokens of every session.
func (b *bench) prompt(ctx context.Context) error {
	for _, state := range b.states {
		for left := b.Context; left > 0; {
			n := min(left, chunk)
			span := page.Span{State: state, Tokens: b.tokens[:n], Base: state.Len(), Certain: n}
			if _, err := b.forward(ctx, &span); err != nil {
				return err
			}
			state.Commit(&span, n)
			left -= n
		}
	}
	return nil
}

// verify runs the forward of a cycle with z.rows-1 drafts of each session, and commits nothing.
func (b *bench) verify(ctx context.Context, z size) (time.Duration, error) {
	spans := make([]*page.Span, 0, z.lanes)
	for _, state := range b.states[:z.lanes] {
		spans = append(spans, &page.Span{
			State: state, Tokens: b.tokens[:z.rows], Base: state.Len(), Certain: 1, Logits: z.rows, Temperature: 0.6,
		})
	}
	return b.forward(ctx, spans...)
}

// rounds runs the read loops and a forward of each size in turn, until Time is over and at least thrice.
func (b *bench) rounds(ctx context.Context) error {
	begin := time.Now()
	for round := 0; round < 4 || time.Since(begin) < b.Time; round++ {
		for i, sweep := range b.sweeps {
			t, err := b.await(ctx, func(done queue.Point) error { return b.queue.Submit(sweep, queue.Point{}, done) })
			if err != nil {
				return err
			}
			if round > 0 { // the first one wakes the workers and touches the memory
				b.reads[i] = append(b.reads[i], t)
			}
		}
		for i, z := range b.sizes {
			t, err := b.verify(ctx, z)
			if err != nil {
				return err
			}
			if round > 0 {
				b.times[i] = append(b.times[i], t)
			}
		}
	}
	return nil
}

// profile adds up where the time of forwards of a size goes. What is left of the forward's own time is waiting:
// for workers at the end of each operation, and for the host.
func (b *bench) profile(ctx context.Context, z size, took time.Duration) ([]Operation, error) {
	count := int(max(3, min(50, b.Time/time.Duration(2*len(b.sizes))/max(took, 1))))
	b.dev.PauseProfile(false)
	b.dev.TakeProfile()
	for range count {
		// As in rounds, the caches hold something else when a forward begins.
		if _, err := b.await(ctx, func(done queue.Point) error { return b.queue.Submit(b.sweeps[0], queue.Point{}, done) }); err != nil {
			return nil, err
		}
		if _, err := b.verify(ctx, z); err != nil {
			return nil, err
		}
	}
	b.dev.PauseProfile(true)
	var list []Operation
	rest := micros(took)
	for name, t := range b.dev.TakeProfile() {
		if name == (*cpu.Sweep)(nil).Kernel() {
			continue
		}
		o := Operation{Name: name, Micros: micros(t) / float64(count*b.threads), Bytes: b.queue.bytes(name, z.lanes)}
		if o.Bytes > 0 {
			o.GBs = float64(o.Bytes) / o.Micros / 1e3
		}
		rest -= o.Micros
		list = append(list, o)
	}
	list = append(list, Operation{Name: "waiting", Micros: max(0, rest)})
	for i := range list {
		list[i].Share = list[i].Micros / micros(took)
	}
	slices.SortFunc(list, func(a, b Operation) int {
		switch {
		case a.Micros > b.Micros:
			return -1
		case a.Micros < b.Micros:
			return 1
		}
		return 0
	})
	return list, nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func median(list []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(list))
	return s[len(s)/2]
}
