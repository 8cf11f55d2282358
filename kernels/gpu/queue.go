package gpu

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"mtplx/sched/queue"
)

// gpuQueue runs submitted programs one after another on a stream, from its own goroutine.
type gpuQueue struct {
	dev    *Device
	label  string
	stream Stream
	wake   chan struct{} // room for one
	watch  atomic.Pointer[func(queue.Run)]

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

func newQueue(d *Device, label string, s Stream) *gpuQueue {
	q := &gpuQueue{dev: d, label: label, stream: s, wake: make(chan struct{}, 1), jobs: make([]job, 16), done: make(chan struct{})}
	go q.serve()
	return q
}

func (q *gpuQueue) NewCommandBuffer(label string) queue.CommandBuffer {
	return &commandBuffer{dev: q.dev, label: label}
}

// Submit takes the program even when the queue has faulted, and signals it in its turn, but then
// reports the fault.
func (q *gpuQueue) Submit(p queue.Program, after, done queue.Point) error {
	prog, ok := p.(*program)
	if !ok || prog.dev != q.dev {
		return fmt.Errorf("submit %q to queue %q: the program was recorded by another device", p.Label(), q.label)
	}
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return fmt.Errorf("submit %q to queue %q: the queue is closed", prog.label, q.label)
	}
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

func (q *gpuQueue) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *gpuQueue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Watch implements queue.Timed.
func (q *gpuQueue) Watch(f func(queue.Run)) {
	if f == nil {
		q.watch.Store(nil)
		return
	}
	q.watch.Store(&f)
}

// Close may be called again.
func (q *gpuQueue) Close() {
	q.mu.Lock()
	first := !q.closed
	q.closed = true
	q.mu.Unlock()
	q.nudge()
	<-q.done
	if first {
		q.fail(q.stream.Close())
		q.dev.queues.Add(-1)
	}
}

func (q *gpuQueue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
}

// next waits for a job; false means that the queue is closed and empty.
func (q *gpuQueue) next() (job, bool) {
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

func (q *gpuQueue) serve() {
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
				q.fail(fmt.Errorf("queue %q: program %q: %w", q.label, j.p.label, err))
			}
		}
		if j.done.Event != nil {
			j.done.Event.Signal(j.done.Value)
		}
	}
}

// run runs a program, and tells whoever watches.
func (q *gpuQueue) run(p *program) error {
	watch := q.watch.Load()
	if watch == nil {
		return p.run(q.stream, nil)
	}
	r := queue.Run{Label: p.label}
	if err := p.run(q.stream, &r); err != nil {
		return err
	}
	(*watch)(r)
	return nil
}
