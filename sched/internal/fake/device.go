package fake

import (
	"context"
	"errors"
	"math/bits"
	"sync"
	"time"

	"mtplx/sched/queue"
)

// Device gives out buffers and events and nothing else.
type Device struct{ queue.Device }

type buffer []byte

func (b buffer) Bytes() []byte { return b }
func (b buffer) Release()      {}

// Alloc implements queue.Device.
func (Device) Alloc(n int, _ string) (queue.Buffer, error) { return buffer(make([]byte, n)), nil }

// Copy implements queue.Device.
func (Device) Copy(dst queue.Buffer, dstOff int, src queue.Buffer, srcOff, n int) error {
	copy(dst.Bytes()[dstOff:dstOff+n], src.Bytes()[srcOff:])
	return nil
}

// NewEvent implements queue.Device.
func (Device) NewEvent() queue.Event { return &event{changed: make(chan struct{})} }

type event struct {
	mu      sync.Mutex
	value   uint64
	changed chan struct{}
}

func (e *event) Value() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.value
}

func (e *event) Signal(v uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if v > e.value {
		e.value = v
		close(e.changed)
		e.changed = make(chan struct{})
	}
}

func (e *event) Wait(ctx context.Context, v uint64) error {
	for {
		e.mu.Lock()
		reached, changed := e.value >= v, e.changed
		e.mu.Unlock()
		if reached {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ErrFault is what a queue fails with.
var ErrFault = errors.New("fake device fault")

// Queue runs forwards one after another, each taking Time of the test's clock, PerRow for each of its rows after the
// first, and PerLane for each of its lanes after the first.
type Queue struct {
	queue.Queue
	Time, PerRow, PerLane time.Duration
	// Takes, when set, is the time of a forward of so many lanes and rows instead.
	Takes func(lanes, rows int) time.Duration
	// Aging is how much longer each forward takes than the one before it.
	Aging time.Duration
	// Recording is how much longer a forward takes that is of another shape than all before it, as GPUs round shapes.
	Recording time.Duration
	// FailAt is the submission that faults; 0 is never.
	FailAt int

	work  chan func()
	ended chan struct{}
	mu    sync.Mutex
	err   error
	count int
	done  int
	met   map[[2]int]bool // shapes: lanes and rows, in powers of two
}

// NewQueue starts a queue; Close ends it.
func NewQueue(d time.Duration) *Queue {
	q := &Queue{Time: d, work: make(chan func(), 16), ended: make(chan struct{})}
	go func() {
		defer close(q.ended)
		for f := range q.work {
			f()
		}
	}()
	return q
}

// takes is the time of a forward, its age aside.
func (q *Queue) takes(lanes, rows int) time.Duration {
	if q.Takes != nil {
		return q.Takes(lanes, rows)
	}
	return q.Time + time.Duration(rows-1)*q.PerRow + time.Duration(lanes-1)*q.PerLane
}

// run queues f, which is the forward's work, and signals done after it.
func (q *Queue) run(lanes, rows int, f func(), done queue.Point) error {
	q.mu.Lock()
	q.count++
	fail, age := q.count == q.FailAt, time.Duration(q.count)*q.Aging
	if shape := [2]int{bits.Len(uint(lanes - 1)), bits.Len(uint(rows - 1))}; q.Recording > 0 && !q.met[shape] {
		if q.met == nil {
			q.met = map[[2]int]bool{}
		}
		q.met[shape] = true
		age += q.Recording
	}
	q.mu.Unlock()
	q.work <- func() {
		time.Sleep(q.takes(lanes, rows) + age)
		if fail {
			q.mu.Lock()
			q.err = ErrFault
			q.mu.Unlock()
		}
		f()
		q.mu.Lock()
		q.done++
		q.mu.Unlock()
		if done.Event != nil {
			done.Event.Signal(done.Value)
		}
	}
	return nil
}

// Count is how many forwards were submitted.
func (q *Queue) Count() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.count
}

// Busy tells whether a forward was submitted that has not ended.
func (q *Queue) Busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.done < q.count
}

// Recorded is how many shapes were met, where that counts.
func (q *Queue) Recorded() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return uint64(len(q.met))
}

// Err implements queue.Queue.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Close implements queue.Queue.
func (q *Queue) Close() {
	close(q.work)
	<-q.ended
}
