package serial

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"mtplx/sched/queue"
)

// Queue runs submitted programs one after another.
type Queue[P interface{ Label() string }] struct {
	label string
	run   func(p P, times *queue.Run) error
	wake  chan struct{} // room for one
	watch atomic.Pointer[func(queue.Run)]
	times queue.Run // of the program that runs

	mu     sync.Mutex
	jobs   []job[P] // ring
	head   int
	count  int
	closed bool
	err    error
	done   chan struct{}
}

type job[P any] struct {
	p           P
	after, done queue.Point
}

// Start starts a queue whose programs run runs. times, unless it is nil, is to learn when that was.
func Start[P interface{ Label() string }](label string, run func(p P, times *queue.Run) error) *Queue[P] {
	q := &Queue[P]{label: label, run: run, wake: make(chan struct{}, 1), jobs: make([]job[P], 16), done: make(chan struct{})}
	go q.serve()
	return q
}

// Foreign is the error of who submits another device's program.
func (q *Queue[P]) Foreign(p queue.Program) error {
	return fmt.Errorf("submit %q to queue %q: the program was recorded by another device", p.Label(), q.label)
}

// Submit takes the program even when the queue has faulted, and signals it in its turn, but then
// reports the fault.
func (q *Queue[P]) Submit(p P, after, done queue.Point) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return fmt.Errorf("submit %q to queue %q: the queue is closed", p.Label(), q.label)
	}
	if q.count == len(q.jobs) {
		grown := make([]job[P], 2*len(q.jobs))
		n := copy(grown, q.jobs[q.head:])
		copy(grown[n:], q.jobs[:q.head])
		q.jobs, q.head = grown, 0
	}
	q.jobs[(q.head+q.count)%len(q.jobs)] = job[P]{p, after, done}
	q.count++
	err := q.err
	q.mu.Unlock()
	q.nudge()
	return err
}

func (q *Queue[P]) nudge() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Err is what the queue failed with.
func (q *Queue[P]) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// Fail makes err the queue's error, if it has none and err is one.
func (q *Queue[P]) Fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil {
		q.err = err
	}
}

// Watch implements queue.Timed.
func (q *Queue[P]) Watch(f func(queue.Run)) {
	if f == nil {
		q.watch.Store(nil)
		return
	}
	q.watch.Store(&f)
}

// Close ends the queue when it has run what it took, and may be called again; it tells whether this was the first time.
func (q *Queue[P]) Close() (first bool) {
	q.mu.Lock()
	first = !q.closed
	q.closed = true
	q.mu.Unlock()
	q.nudge()
	<-q.done
	return first
}

// next waits for a job; false means that the queue is closed and empty.
func (q *Queue[P]) next() (job[P], bool) {
	for {
		q.mu.Lock()
		if q.count > 0 {
			j := q.jobs[q.head]
			q.jobs[q.head] = job[P]{}
			q.head = (q.head + 1) % len(q.jobs)
			q.count--
			q.mu.Unlock()
			return j, true
		}
		closed := q.closed
		q.mu.Unlock()
		if closed {
			return job[P]{}, false
		}
		<-q.wake
	}
}

func (q *Queue[P]) serve() {
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
			if err := q.tell(j.p); err != nil {
				q.Fail(fmt.Errorf("queue %q: program %q: %w", q.label, j.p.Label(), err))
			}
		}
		if j.done.Event != nil {
			j.done.Event.Signal(j.done.Value)
		}
	}
}

// tell runs a program, and tells whoever watches.
func (q *Queue[P]) tell(p P) error {
	watch := q.watch.Load()
	if watch == nil {
		return q.run(p, nil)
	}
	q.times = queue.Run{Label: p.Label()}
	if err := q.run(p, &q.times); err != nil {
		return err
	}
	(*watch)(q.times)
	return nil
}
