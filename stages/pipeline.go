package stages

import (
	"context"
	"fmt"

	"github.com/sourcegraph/conc/pool"
)

// Stage is one step of the cycle. Run handles one cycle; Pipeline calls it from one goroutine, in
// the order in which cycles arrive. An error is the device's or the program's, never a lane's.
type Stage interface {
	Name() string
	Run(ctx context.Context, c *Cycle) error
}

// Onward is a Stage that has more to do for a cycle once it is handed on. It may touch nothing of the cycle but its
// Foresight, which it has armed, and of its lanes but their guesses.
type Onward interface {
	Onward(ctx context.Context, c *Cycle) error
}

// Pipeline runs stages over bounded channels.
type Pipeline struct{ stages []Stage }

// NewPipeline joins stages in order.
func NewPipeline(s ...Stage) *Pipeline { return &Pipeline{stages: s} }

// Run passes cycles from in to out through every stage until in is closed and the last cycle is
// out, or ctx ends, or a stage fails. It closes out and returns the first error.
func (p *Pipeline) Run(ctx context.Context, in <-chan *Cycle, out chan<- *Cycle) error {
	defer close(out)
	group := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	from := in
	for i, s := range p.stages {
		src, last := from, i == len(p.stages)-1
		var dst chan *Cycle
		if !last {
			dst = make(chan *Cycle, 1)
			from = dst
		}
		group.Go(func(ctx context.Context) error {
			if last {
				return pump(ctx, s, src, out)
			}
			defer close(dst)
			return pump(ctx, s, src, dst)
		})
	}
	return group.Wait()
}

func pump(ctx context.Context, s Stage, in <-chan *Cycle, out chan<- *Cycle) error {
	for {
		var c *Cycle
		var ok bool
		select {
		case c, ok = <-in:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !ok {
			return nil
		}
		if err := s.Run(ctx, c); err != nil {
			return fmt.Errorf("%s cycle %d: %w", s.Name(), c.ID, err)
		}
		select {
		case out <- c:
		case <-ctx.Done():
			return ctx.Err()
		}
		if o, ok := s.(Onward); ok {
			if err := o.Onward(ctx, c); err != nil {
				return fmt.Errorf("%s ahead of a verify: %w", s.Name(), err)
			}
		}
	}
}
