package forward

import (
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
	// Rows are row counts of the trunk; empty means 1, 2, 3, 4 and 8. One row is always timed.
	Rows []int
	// Context is how many tokens lie before the rows; 0 means 512.
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
	if !slices.Contains(o.Rows, 1) {
		o.Rows = append([]int{1}, o.Rows...)
	}
	slices.Sort(o.Rows)
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
