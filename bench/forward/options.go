package forward

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"
	"time"

	"mtplx/kernels"
	"mtplx/model/qwen"
)

// Options says what to time. Checkpoint is needed; the zero value of the others fills in a default.
type Options struct {
	Checkpoint *qwen.Checkpoint
	// Tier is the instruction set; empty takes the device's choice.
	Tier string
	Mode kernels.Mode
	// KV are the ways of keeping keys and values; empty means plain.
	KV []kernels.KV
	// Threads are the numbers of workers; empty means 1 and all processors.
	Threads []int
	// Lanes are numbers of sessions in a forward, each with a context of its own; empty means 1.
	Lanes []int
	// Rows are numbers of rows of each session; empty means 1, 2, 3, 4 and 8. One row of one session is always timed.
	Rows []int
	// Context is how many tokens lie before a session's rows; 0 means 512.
	Context int
	// Time is how long the forwards of one number of threads run in all; 0 means 6 seconds.
	Time time.Duration
	// Progress, when set, is called before each part with its description.
	Progress func(what string)
}

const (
	defaultContext = 512
	defaultTime    = 6 * time.Second
	maxRows        = 9 // the root and eight drafts
	maxLanes       = 64
	chunk          = 128
)

func (o Options) defaults() (Options, error) {
	if len(o.Threads) == 0 {
		o.Threads = []int{1}
		if n := runtime.GOMAXPROCS(0); n > 1 {
			o.Threads = append(o.Threads, n)
		}
	}
	if len(o.Rows) == 0 {
		o.Rows = []int{1, 2, 3, 4, 8}
	}
	if len(o.Lanes) == 0 {
		o.Lanes = []int{1}
	}
	if len(o.KV) == 0 {
		o.KV = []kernels.KV{kernels.KVPlain}
	}
	if o.Context == 0 {
		o.Context = defaultContext
	}
	if o.Time == 0 {
		o.Time = defaultTime
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	for _, n := range o.Threads {
		if n < 1 {
			return o, fmt.Errorf("benchmark forward: %d threads; expecting at least 1", n)
		}
	}
	for _, l := range o.Lanes {
		if l < 1 || l > maxLanes {
			return o, fmt.Errorf("benchmark forward: %d sessions; expecting 1 to %d", l, maxLanes)
		}
	}
	for _, r := range o.Rows {
		if r < 1 || r > maxRows {
			return o, fmt.Errorf("benchmark forward: %d rows; expecting 1 to %d", r, maxRows)
		}
	}
	if most := o.Checkpoint.MaxPositions - maxRows; o.Context < 1 || o.Context > most {
		return o, fmt.Errorf("benchmark forward: %d tokens of context; this model takes 1 to %d", o.Context, most)
	}
	return o, nil
}

// size is a forward's: so many rows of each of so many sessions.
type size struct{ lanes, rows int }

// sizes are those to time, the smallest first.
func (o *Options) sizes() []size {
	list := make([]size, 1, 1+len(o.Lanes)*len(o.Rows))
	list[0] = size{1, 1}
	for _, l := range o.Lanes {
		for _, r := range o.Rows {
			list = append(list, size{l, r})
		}
	}
	slices.SortFunc(list, func(a, b size) int { return cmp.Or(cmp.Compare(a.lanes, b.lanes), cmp.Compare(a.rows, b.rows)) })
	return slices.Compact(list)
}
