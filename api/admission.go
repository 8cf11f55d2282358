package api

import (
	"context"
	"sync"
	"time"

	"mtplx/api/request"
)

// admission counts sessions. The engine runs them in the order in which they start, as many as its memory
// holds; here the rest is bounded, and told how long it may take.
type admission struct {
	running, waiting int // bounds
	each             int // bound for one key, or one address without keys; 0: none

	mu      sync.Mutex
	now     int            // sessions that were admitted and have not left
	by      map[string]int // of them, whose
	average time.Duration
	flights map[string]*flight
	closed  bool
	empty   chan struct{} // closed when nothing is in work any more and nothing may come
}

// flight is one request in work.
type flight struct {
	ID       string    `json:"id"`
	Request  string    `json:"request_id"`
	Route    string    `json:"route"`
	Key      string    `json:"key"`
	Session  string    `json:"session_id,omitempty"`
	Started  time.Time `json:"started"`
	Sessions int       `json:"sessions"`
	Prompt   int       `json:"prompt_tokens"`
	Stream   bool      `json:"stream"`

	mu        sync.Mutex
	completed int
	cancel    context.CancelCauseFunc
}

func newAdmission(running, waiting, each int) *admission {
	return &admission{running: running, waiting: waiting, each: each, by: map[string]int{}, flights: map[string]*flight{}, average: time.Second, empty: make(chan struct{})}
}

func (a *admission) full() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now >= a.running+a.waiting
}

// counts is how many sessions run and wait.
func (a *admission) counts() (running, waiting int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return min(a.now, a.running), max(0, a.now-a.running)
}

// enter admits a request's sessions and returns its place among those that wait, 0 when
// it need not, or says that the queue
// is full.
func (a *admission) enter(f *flight) (position int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return 0, &request.Error{Kind: request.Draining, RetryAfter: 5, Message: "the server is shutting down"}
	}
	if f.Sessions > a.running+a.waiting {
		return 0, request.Errorf("n", "the request asks for %d answers at once; this server takes at most %d", f.Sessions, a.running+a.waiting)
	}
	if a.each > 0 && f.Sessions > a.each {
		return 0, request.Errorf("n", "the request asks for %d answers at once; a client of this server may have at most %d", f.Sessions, a.each)
	}
	if n := a.by[f.Key]; a.each > 0 && n+f.Sessions > a.each {
		return 0, &request.Error{
			Kind: request.RateLimited, RetryAfter: seconds(a.average),
			Message: "you have " + itoa(n) + " answers in work already; this server gives each client at most " + itoa(a.each) + " at once",
		}
	}
	if a.now+f.Sessions > a.running+a.waiting {
		position = a.now - a.running + 1
		wait := a.average * time.Duration(position) / time.Duration(a.running)
		return position, &request.Error{
			Kind: request.Overloaded, RetryAfter: seconds(wait), Position: position,
			Message: "the queue is full: " + itoa(a.now-a.running) + " answers wait already; try again in about " + itoa(seconds(wait)) + " s",
		}
	}
	position = max(0, a.now+1-a.running)
	a.now += f.Sessions
	a.by[f.Key] += f.Sessions
	a.flights[f.ID] = f
	return position, nil
}

// leave takes a request out.
func (a *admission) leave(f *flight, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.flights[f.ID] != f {
		return // it has left already
	}
	a.now -= f.Sessions
	if a.by[f.Key] -= f.Sessions; a.by[f.Key] <= 0 {
		delete(a.by, f.Key)
	}
	delete(a.flights, f.ID)
	a.average += (took - a.average) / 8
	a.check()
}

// close refuses what comes from now on. The channel is closed when nothing is in work any more.
func (a *admission) close() <-chan struct{} {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.closed {
		a.closed = true
		a.check()
	}
	return a.empty
}

func (a *admission) check() {
	if a.closed && len(a.flights) == 0 {
		select {
		case <-a.empty:
		default:
			close(a.empty)
		}
	}
}

// list is what is in work.
func (a *admission) list() []*flight {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]*flight, 0, len(a.flights))
	for _, f := range a.flights {
		out = append(out, f)
	}
	return out
}

// cancel ends a request by its own id or its answer's; false says that there is none.
func (a *admission) cancel(id string, cause error) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, f := range a.flights {
		if f.ID == id || f.Request == id {
			f.cancel(cause)
			return true
		}
	}
	return false
}

// seconds rounds up, to at least one: for Retry-After.
func seconds(d time.Duration) int { return max(1, int((d+time.Second-1)/time.Second)) }

// watch makes cancel what ends a request that was admitted.
func (a *admission) watch(f *flight, cancel context.CancelCauseFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f.cancel = cancel
}

// add counts tokens that were written.
func (f *flight) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.completed += n
}
