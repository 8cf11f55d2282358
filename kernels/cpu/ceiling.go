package cpu

import (
	"errors"
	"fmt"
	"unsafe"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() {
	register((*Sweep)(nil).Kernel(), compileSweep)
	register((*Peak)(nil).Kernel(), compilePeak)
}

// Sweep reads memory as fast as the workers can, one word of every cache line: the ceiling that
// benchmarks set beside an operation that reads the same bytes. Each weight and buffer is shared
// out among the workers in equal pieces.
type Sweep struct {
	Weights []kernels.Weight
	Buffers []queue.Buffer
	// Update writes every word back, plus one: the ceiling of state that is read and written.
	Update bool
	// Ahead is how many bytes before their turn lines are asked for.
	Ahead Ahead
}

// Ahead is how many bytes before their turn lines are asked for into the first cache (Near) and the second (Far);
// 0 leaves it to the processor.
type Ahead struct{ Near, Far int }

// Aheads are the distances worth trying: which makes the fastest read loop differs between processors.
var Aheads = []Ahead{{}, {512, 0}, {2048, 0}, {4096, 0}, {2048, 12288}}

// Kernel is "sweep".
func (*Sweep) Kernel() string { return "sweep" }

type sweep struct {
	mem    [][]byte
	update bool
	args   []sweepArgs // by worker
}

// sweepArgs is what the read loop takes, and where it leaves the sum of what it read, for which
// nobody asks.
type sweepArgs struct {
	p         unsafe.Pointer
	lines     int
	near, far int
	sum       uint64 //nolint:unused // the assembly writes it
	_         [border]byte
}

// sweepRun is how many lines a call reads, so that Go can stop the thread.
const sweepRun = 1 << 14

func compileSweep(d *Device, op queue.Op) (step, error) {
	o := op.(*Sweep)
	if o.Ahead.Near < 0 || o.Ahead.Far < 0 {
		return nil, fmt.Errorf("%+v bytes ahead; expecting 0 or more", o.Ahead)
	}
	s := &sweep{update: o.Update, args: make([]sweepArgs, d.team.n)}
	for i := range s.args {
		s.args[i].near, s.args[i].far = o.Ahead.Near, o.Ahead.Far
	}
	for i, kw := range o.Weights {
		w, ok := kw.(*weight)
		if !ok || w.dev != d {
			return nil, fmt.Errorf("weight %d was loaded by another device", i)
		}
		if o.Update {
			return nil, errors.New("weights are not written")
		}
		s.mem = append(s.mem, w.mem)
	}
	for _, b := range o.Buffers {
		s.mem = append(s.mem, b.Bytes())
	}
	return s, nil
}

func (s *sweep) run(t, n int) {
	a := &s.args[t]
	for _, m := range s.mem {
		from, to := share(len(m)/64, t, n)
		if s.update {
			words := view[uint64](m[64*from : 64*to])
			for i := 0; i < len(words); i += 8 {
				words[i]++
			}
			continue
		}
		for ; from < to; from += sweepRun {
			a.p, a.lines = unsafe.Pointer(&m[64*from]), min(sweepRun, to-from)
			readLines(a)
		}
	}
}

// Peak runs the tier's integer multiply-add instruction on registers, on every worker: the
// ceiling of products that never wait for memory. Each round is MACs multiply-adds a worker.
type Peak struct{ Rounds int }

// Kernel is "peak".
func (*Peak) Kernel() string { return "peak" }

// PeakMACs is the number of multiply-adds that one round of Peak does on one worker.
func (d *Device) PeakMACs() int { return peakKernel(d.tier).macs }

// peak is a loop of multiply-adds and how many of them one turn does.
type peak struct {
	run  func(a *peakArgs)
	macs int
}

// peakArgs is what the loop reads.
type peakArgs struct {
	rounds int
	config [64]byte // of tiles, for the tier that has them
	sum    int32
}

type peakStep struct {
	kernel peak
	args   []peakArgs // by worker
}

// callRounds bounds one call, so that Go can stop the thread.
const callRounds = 2000

func compilePeak(d *Device, op queue.Op) (step, error) {
	o := op.(*Peak)
	if o.Rounds < 1 {
		return nil, fmt.Errorf("%d rounds; expecting at least 1", o.Rounds)
	}
	s := &peakStep{kernel: peakKernel(d.tier), args: make([]peakArgs, d.team.n)}
	for i := range s.args {
		s.args[i].rounds = o.Rounds
	}
	return s, nil
}

func (s *peakStep) run(t, _ int) {
	a := &s.args[t]
	total := a.rounds
	for done := 0; done < total; done += callRounds {
		a.rounds = min(callRounds, total-done)
		s.kernel.run(a)
	}
	a.rounds = total
}

// portablePeak is 16 independent chains of plain multiply-adds.
func portablePeak(a *peakArgs) {
	var t [16]int32
	c, v := a.sum|3, a.sum|5
	for range a.rounds {
		for o := range t {
			t[o] += c * v
		}
		c++
	}
	for _, x := range t {
		a.sum += x
	}
}
