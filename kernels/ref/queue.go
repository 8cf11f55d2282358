package ref

import (
	"context"
	"fmt"
	"sync"
	"time"

	"mtplx/sched/queue"
)

// refQueue runs submitted programs one after another on its own goroutine.
type refQueue struct {
	dev   *Device
	label string

	mu      sync.Mutex
	changed *sync.Cond // a job came, or the queue was closed
	jobs    []job
	closed  bool
	err     error
	watch   func(queue.Run)
	done    chan struct{}
}

type job struct {
	p           *program
	after, done queue.Point
}

func newQueue(d *Device, label string) *refQueue {
	q := &refQueue{dev: d, label: label, done: make(chan struct{})}
	q.changed = sync.NewCond(&q.mu)
	go q.serve()
	return q
}

func (q *refQueue) NewCommandBuffer(label string) queue.CommandBuffer {
	return &commandBuffer{dev: q.dev, label: label}
}

// Submit takes the program even when the queue has faulted, and signals it in its turn, but
// then reports the fault.
func (q *refQueue) Submit(p queue.Program, after, done queue.Point) error {
	prog, ok := p.(*program)
	if !ok || prog.dev != q.dev {
		return fmt.Errorf("submit %q to queue %q: the program was recorded by another device", p.Label(), q.label)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return fmt.Errorf("submit %q to queue %q: the queue is closed", prog.label, q.label)
	}
	q.jobs = append(q.jobs, job{prog, after, done})
	q.changed.Signal()
	return q.err
}

func (q *refQueue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Watch implements queue.Timed.
func (q *refQueue) Watch(f func(queue.Run)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.watch = f
}

// Close may be called again.
func (q *refQueue) Close() {
	q.mu.Lock()
	first := !q.closed
	q.closed = true
	q.changed.Signal()
	q.mu.Unlock()
	<-q.done
	if first {
		q.dev.queues.Add(-1)
	}
}

// next waits for a job; false means that the queue is closed and empty.
func (q *refQueue) next() (job, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.jobs) == 0 {
		if q.closed {
			return job{}, false
		}
		q.changed.Wait()
	}
	j := q.jobs[0]
	// Moved down rather than cut off, so that a steady queue never grows its array.
	n := copy(q.jobs, q.jobs[1:])
	q.jobs[n] = job{}
	q.jobs = q.jobs[:n]
	return j, true
}

func (q *refQueue) serve() {
	defer close(q.done)
	for {
		j, ok := q.next()
		if !ok {
			return
		}
		if q.Err() == nil {
			if err := q.run(&j); err != nil {
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

func (q *refQueue) run(j *job) error {
	if j.after.Event != nil {
		if err := j.after.Event.Wait(context.Background(), j.after.Value); err != nil {
			return fmt.Errorf("wait for %d: %w", j.after.Value, err)
		}
	}
	r := queue.Run{Label: j.p.label, Start: time.Now()}
	if err := j.p.run(); err != nil {
		return err
	}
	r.End = time.Now()
	q.mu.Lock()
	watch := q.watch
	q.mu.Unlock()
	if watch != nil {
		watch(r)
	}
	return nil
}
