package serve

import (
	"errors"
	"time"
)

// Event is an event of a stream that brought tokens. Times are since the clock's epoch, which all traces of a
// report share.
type Event struct {
	At     time.Duration
	Tokens int // 0: the server does not say
}

// Source says how a request's tokens were counted.
type Source string

// From the best source to the poorest.
const (
	FromUsage  Source = "usage"
	FromIDs    Source = "token_ids"
	FromEvents Source = "events" // one token an event is assumed
)

// Trace is what happened to one request.
type Trace struct {
	Seed    uint64
	Arrived time.Duration // when it was to be sent
	Sent    time.Duration
	Ended   time.Duration // when its stream was over or had failed
	Events  []Event

	// Of the server's usage; 0 where it gives none.
	Prompt, Cached, Completion int

	Failure *Failure
}

// Failure is why a request failed.
type Failure struct {
	Kind string // see the package comment
	Text string
}

// Err is the failure as an error.
func (f *Failure) Err() error { return errors.New(f.Kind + ": " + f.Text) }

// Cancelled is the kind of a request that the caller's context ended. It is no failure of the server.
const Cancelled = "cancelled"

// counted tells whether every event says how many tokens it brought.
func (t *Trace) counted() bool {
	for _, e := range t.Events {
		if e.Tokens == 0 {
			return false
		}
	}
	return len(t.Events) > 0
}

// tokens is how many tokens came, and how that is known.
func (t *Trace) tokens() (int, Source) {
	if t.Completion > 0 {
		return t.Completion, FromUsage
	}
	if !t.counted() {
		return len(t.Events), FromEvents
	}
	n := 0
	for _, e := range t.Events {
		n += e.Tokens
	}
	return n, FromIDs
}
