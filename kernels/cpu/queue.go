package cpu

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"mtplx/sched/queue"
)

// cpuQueue runs submitted programs one after another on its own goroutine, which is worker 0
// of the device's team while it does.
type cpuQueue struct {
	dev   *Device
	label string
	wake  chan struct{} // room for one
	watch atomic.Pointer[func(queue.Run)]

	mu     sync.Mutex
	jobs   []job // ring
	head   int
	count  int
	closed bool
	err    error
	done   chan struct{}
}

type job struct {
	p           *program
	after, done queue.Point
}

func newQueue(d *Device, label string) *cpuQueue {
	q := &cpuQueue{dev: d, label: label, wake: make(chan struct{}, 1), jobs: make([]job, 16), done: make(chan struct{})}
	go q.serve()
	return q
}

func (q *cpuQueue) NewCommandBuffer(label string) queue.CommandBuffer {
	return &commandBuffer{dev: q.dev, label: label}
}

func (q *cpuQueue) Submit(p queue.Program, after, done queue.Point) error {
	prog, ok := p.(*program)
	if !ok || prog.dev != q.dev {
		return fmt.Errorf("submit %q to queue %q: the program was recorded by another device", p.Label(), q.label)
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return fmt.Errorf("submit %q to queue %q: the queue is closed", prog.label, q.label)
	}
	// A faulted queue takes the job all the same: it only signals it, in its turn.
	if q.count == len(q.jobs) {
		grown := make([]job, 2*len(q.jobs))
		n := copy(grown, q.jobs[q.head:])
		copy(grown[n:], q.jobs[:q.head])
		q.jobs, q.head = grown, 0
	}
	q.jobs[(q.head+q.count)%len(q.jobs)] = job{prog, after, done}
	q.count++
	err := q.err
	q.mu.Unlock()
	q.nudge()
	return err
}

func (q *cpuQueue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *cpuQueue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Watch implements queue.Timed.
func (q *cpuQueue) Watch(f func(queue.Run)) {
	if f == nil {
		q.watch.Store(nil)
		return
	}
	q.watch.Store(&f)
}

func (q *cpuQueue) Close() {
	q.mu.Lock()
	first := !q.closed
	q.closed = true
	q.mu.Unlock()
	q.nudge()
	<-q.done
	if first {
		q.dev.queues.Add(-1)
	}
}

// next waits for a job; false means that the queue is closed and empty.
func (q *cpuQueue) next() (job, bool) {
	for {
		q.mu.Lock()
		if q.count > 0 {
			j := q.jobs[q.head]
			q.jobs[q.head] = job{}
			q.head = (q.head + 1) % len(q.jobs)
			q.count--
			q.mu.Unlock()
			return j, true
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return job{}, false
		}
		<-q.wake
	}
}

func (q *cpuQueue) serve() {
	defer close(q.done)
	for {
		j, ok := q.next()
		if !ok {
			return
		}
		if q.Err() == nil {
			if j.after.Event != nil {
				// Only a cancelled context ends this wait early, and this one never is.
				_ = j.after.Event.Wait(context.Background(), j.after.Value)
			}
			if err := q.run(j.p); err != nil {
				q.mu.Lock()
				q.err = fmt.Errorf("queue %q: program %q: %w", q.label, j.p.label, err)
				q.mu.Unlock()
			}
		}
		if j.done.Event != nil {
			j.done.Event.Signal(j.done.Value)
		}
	}
}

// run runs a program, and tells whoever watches.
func (q *cpuQueue) run(p *program) error {
	watch := q.watch.Load()
	if watch == nil {
		return q.dev.team.run(p.steps)
	}
	r := queue.Run{Label: p.label, Start: time.Now()}
	if err := q.dev.team.run(p.steps); err != nil {
		return err
	}
	r.End = time.Now()
	(*watch)(r)
	return nil
}
