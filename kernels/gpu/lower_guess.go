package gpu

import (
	"fmt"

	"mtplx/kernels"
)

func (l *lowering) guess(o *kernels.Guess) (step, error) {
	if err := o.Check(); err != nil {
		return step{}, err
	}
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	s, draws := o.S, o.Draws
	c := collect{dev: l.dev}
	lists := c.optional(o.Blocks, "the lists of blocks")
	said := c.buffer(draws.Buf, "the draws", s.Dims.Rows*kernels.DrawWords)
	support, tokens := c.buffer(o.Support, "the rows of support", kernels.SupportWords), c.buffer(o.Tokens, "the tokens", s.Dims.Rows)
	if c.err != nil {
		return step{}, c.err
	}
	said.mem.Live()
	p := words{}.slots(s).u(o.First).flag(o.Blocks != nil).u(o.Most, o.Limit)
	args := []Arg{in(l.slotBuf), in(said), out(support), in(lists), out(tokens), constants(p)}
	rows := support.rows(kernels.SupportWords)
	if o.Blocks != nil {
		rows = min(rows, lists.rows(1+o.Most))
	}
	return step{
		checks: []check{{hold: func() error {
			for r := range s.Rows() {
				if from := draws.At(r).Row; from < 0 || from >= rows {
					return fmt.Errorf("row %d is drawn from row %d of %d", r, from, rows)
				}
			}
			return nil
		}}},
		dispatches: []dispatch{{"guess_rows", 32, args, func(sh Shape) [3]uint32 { return [3]uint32{u32(sh.Rows), 1, 1} }}},
	}, nil
}
