package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"
)

// Emission is a moment at which an engine gave tokens of a request to the server.
type Emission struct {
	At     time.Duration // since the epoch of the client's traces
	Tokens int
}

// Inside is the engine of a server in this process.
type Inside interface {
	// Emissions are those of the request with that seed, since it was last sent.
	Emissions(seed uint64) []Emission
	// Replay runs the request of that seed again, straight on the engine, and returns its number of tokens and whether
	// they are those that it wrote for the server.
	Replay(ctx context.Context, seed uint64) (tokens int, same bool, err error)
}

// Cost is what HTTP and SSE add to an engine. The same requests run over HTTP and straight on the engine, in turn;
// ratios are HTTP's time over the engine's of the same round. The time of HTTP includes the client's, which runs on the
// same cores, the reading of requests and the writing of prompts as tokens.
type Cost struct {
	Streams   int     `json:"streams"`
	Rounds    int     `json:"rounds"`
	Tokens    int     `json:"tokens"` // of one round
	Direct    float64 `json:"direct_tok_s"`
	HTTP      float64 `json:"http_tok_s"`
	Ratio     float64 `json:"time_ratio"` // median
	RatioMin  float64 `json:"time_ratio_min"`
	RatioMax  float64 `json:"time_ratio_max"`
	Percent   float64 `json:"cost_percent"`
	Identical bool    `json:"identical"` // both ways wrote the same tokens
	// Added is the time from the engine's emission of an event's last token to the client's reading of the event.
	Added Spread `json:"added_ms"`
}

// Round is one round of a cost measurement.
type Round struct{ HTTP, Direct time.Duration }

// OverHTTP holds conversations under a load, as Generate does.
type OverHTTP func(ctx context.Context, plan []Conversation, l Load) ([]Trace, error)

// MeasureCost runs the plan's conversations, of one turn each, once unmeasured and then in turn both ways.
func MeasureCost(ctx context.Context, generate OverHTTP, in Inside, plan []Conversation, streams, rounds int, percentiles []float64) (*Cost, error) {
	cost := &Cost{Streams: streams, Rounds: rounds, Identical: true}
	var measured []Round
	var added []float64
	for round := range rounds + 1 {
		var r Round
		overHTTP := func() error {
			traces, err := generate(ctx, plan, Load{Concurrency: streams})
			if err = errors.Join(ctx.Err(), err); err != nil {
				return err
			}
			r.HTTP = span(traces)
			for i := range traces {
				t := &traces[i]
				if t.Failure != nil {
					return fmt.Errorf("measure what HTTP costs: %w", t.Failure.Err())
				}
				if round > 0 {
					added = append(added, Added(in.Emissions(t.Seed), t.Events)...)
				}
			}
			return nil
		}
		direct := func() (err error) {
			start := time.Now()
			cost.Tokens, err = replay(ctx, in, plan, streams, &cost.Identical)
			r.Direct = time.Since(start)
			return err
		}
		order := []func() error{overHTTP, direct}
		if round%2 == 1 { // not the first: the engine repeats what came over HTTP
			slices.Reverse(order)
		}
		for _, run := range order {
			if err := run(); err != nil {
				return nil, err
			}
		}
		if round > 0 {
			measured = append(measured, r)
		}
	}
	cost.settle(measured)
	cost.Added = Describe(added, percentiles)
	return cost, nil
}

// replay runs all conversations straight on the engine, as many at once as there are streams.
func replay(ctx context.Context, in Inside, plan []Conversation, streams int, identical *bool) (int, error) {
	next := make(chan uint64, len(plan))
	for i := range plan {
		next <- plan[i].Turns[0].Seed
	}
	close(next)
	var mu sync.Mutex
	var tokens int
	var failed []error
	var running sync.WaitGroup
	for range min(streams, len(plan)) {
		running.Go(func() {
			for seed := range next {
				n, same, err := in.Replay(ctx, seed)
				mu.Lock()
				tokens += n
				*identical = *identical && same
				if err != nil {
					failed = append(failed, err)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	running.Wait()
	return tokens, errors.Join(failed...)
}

// settle makes the figures of the rounds' times.
func (c *Cost) settle(rounds []Round) {
	if len(rounds) == 0 {
		return
	}
	var ratios, http, direct []float64
	for _, r := range rounds {
		ratios = append(ratios, float64(r.HTTP)/float64(r.Direct))
		http = append(http, float64(c.Tokens)/r.HTTP.Seconds())
		direct = append(direct, float64(c.Tokens)/r.Direct.Seconds())
	}
	for _, x := range [][]float64{ratios, http, direct} {
		slices.Sort(x)
	}
	c.Ratio, c.RatioMin, c.RatioMax = percentile(ratios, 50), ratios[0], ratios[len(ratios)-1]
	c.HTTP, c.Direct = percentile(http, 50), percentile(direct, 50)
	c.Percent = 100 * (c.Ratio - 1)
}

// Added is how much later than the engine gave them the client had each event's tokens, in milliseconds. Events are
// paired with emissions by the number of tokens up to them; without those numbers there is nothing to pair.
func Added(emitted []Emission, read []Event) []float64 {
	var late []float64
	k, given, got := 0, 0, 0
	for _, e := range read {
		if e.Tokens == 0 {
			return nil
		}
		got += e.Tokens
		for k < len(emitted) && given+emitted[k].Tokens < got {
			given += emitted[k].Tokens
			k++
		}
		if k == len(emitted) {
			return late
		}
		late = append(late, ms(e.At-emitted[k].At))
	}
	return late
}

func (c *Cost) print(w io.Writer) {
	fmt.Fprintf(w, "\nHTTP and SSE at %d streams: %.1f tok/s, the engine alone %.1f; %.2f times its time [%.2f-%.2f], %+.1f %%\n",
		c.Streams, c.HTTP, c.Direct, c.Ratio, c.RatioMin, c.RatioMax, c.Percent)
	if !c.Identical {
		fmt.Fprintln(w, "  the two did not write the same tokens: the ratio compares unlike work")
	}
	if a := c.Added; a.N > 0 {
		fmt.Fprintf(w, "  added to an event: %.3f ms on average", a.Mean)
		for _, p := range slices.Sorted(maps.Keys(a.P)) {
			fmt.Fprintf(w, ", p%s %.3f ms", p, a.P[p])
		}
		fmt.Fprintln(w)
	}
}
