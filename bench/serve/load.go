package serve

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Load says how conversations arrive.
type Load struct {
	Concurrency int     // conversations at once, at most; 0: as many as arrive
	Rate        float64 // conversations a second, a Poisson process; 0: all at once
	Seed        uint64  // of the process
}

// Ask sends one question and follows its answer. history is what was said before; the text of the answer is needed
// when more is true. arrived is when the question was to be sent, since the epoch.
type Ask func(ctx context.Context, system string, history []Message, turn *Turn, arrived time.Duration, more bool) (Trace, string)

// Message is one message of a conversation.
type Message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// Arrivals are the times of n arrivals after the start.
func Arrivals(n int, rate float64, seed uint64) []time.Duration {
	at := make([]time.Duration, n)
	if rate <= 0 {
		return at
	}
	sum := 0.0
	for i := range at {
		at[i] = time.Duration(sum * float64(time.Second))
		u := rand.New(rand.NewPCG(seed, uint64(i))).Float64()
		sum -= math.Log(1-u) / rate
	}
	return at
}

// Generate holds the conversations under the load and returns the trace of each question that was sent, in the
// order of conversations. A conversation ends with its first question that fails. When ctx ends, what is under way is
// cut off and nothing further is sent.
func Generate(ctx context.Context, epoch time.Time, plan []Conversation, l Load, ask Ask) []Trace {
	arrivals := Arrivals(len(plan), l.Rate, l.Seed)
	traces := make([][]Trace, len(plan))
	width := len(plan)
	if l.Concurrency > 0 {
		width = min(width, l.Concurrency)
	}
	next := make(chan int)
	start := time.Now()
	var talking sync.WaitGroup
	for range width {
		talking.Go(func() {
			for i := range next {
				traces[i] = converse(ctx, epoch, &plan[i], start.Sub(epoch)+arrivals[i], ask)
			}
		})
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
arriving:
	for i := range plan {
		if wait := time.Until(start.Add(arrivals[i])); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				break arriving
			}
		}
		select {
		case next <- i:
		case <-ctx.Done():
			break arriving
		}
	}
	close(next)
	talking.Wait()
	var all []Trace
	for _, t := range traces {
		all = append(all, t...)
	}
	return all
}

func converse(ctx context.Context, epoch time.Time, c *Conversation, arrived time.Duration, ask Ask) []Trace {
	traces := make([]Trace, 0, len(c.Turns))
	var history []Message
	for i := range c.Turns {
		if ctx.Err() != nil {
			break
		}
		turn, more := &c.Turns[i], i+1 < len(c.Turns)
		t, answer := ask(ctx, c.System, history, turn, arrived, more)
		traces = append(traces, t)
		if t.Failure != nil {
			break
		}
		history = append(history, Message{"user", turn.Text}, Message{"assistant", answer})
		arrived = time.Since(epoch)
	}
	return traces
}
