package cpu

import (
	"errors"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() { register((*kernels.Guess)(nil).Kernel(), compileGuess) }

// guess is kernels.Guess. A chain of steps gains nothing here, where the host is the device; it is there because every
// device knows every operation.
type guess struct{ *kernels.Guess }

func compileGuess(_ *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Guess)
	if err := o.Check(); err != nil {
		return nil, err
	}
	if len(kernels.Int32s(o.Tokens)) < o.S.Dims.Rows {
		return nil, errors.New("the tokens have no room for the slots' rows")
	}
	return guess{o}, nil
}

func (g guess) run(t, n int) {
	from, to := share(g.S.Rows(), t, n)
	for r := from; r < to; r++ {
		if err := g.Run(r); err != nil {
			panic(err.Error())
		}
	}
}
