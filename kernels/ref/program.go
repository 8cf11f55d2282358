package ref

import (
	"errors"
	"fmt"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// step is an operation bound to its operands. It reads what varies from the slots.
type step struct {
	kernel string
	run    func() error
}

// program is a recorded list of steps.
type program struct {
	dev   *Device
	label string
	steps []step
}

func (p *program) Label() string { return p.label }

// Release has nothing to give back: a program's memory is the collector's.
func (p *program) Release() {}

func (p *program) run() error {
	for i := range p.steps {
		if err := p.steps[i].guarded(); err != nil {
			return fmt.Errorf("operation %d of %d, %q: %w", i+1, len(p.steps), p.steps[i].kernel, err)
		}
	}
	return nil
}

// guarded turns an index out of range, which slots of the host can cause, into an error.
func (s *step) guarded() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("fault: %v", r)
		}
	}()
	return s.run()
}

// commandBuffer binds each operation as it is dispatched.
type commandBuffer struct {
	dev      *Device
	label    string
	steps    []step
	n        int
	err      error
	finished bool
}

func (c *commandBuffer) Dispatch(op queue.Op) {
	c.n++
	if c.err != nil || c.finished {
		return
	}
	run, err := bind(op)
	if err != nil {
		c.err = fmt.Errorf("record %q, operation %d, %q: %w", c.label, c.n, op.Kernel(), err)
		return
	}
	c.steps = append(c.steps, step{op.Kernel(), run})
}

func (c *commandBuffer) Finish() (queue.Program, error) {
	if c.finished {
		return nil, fmt.Errorf("record %q: the command buffer is already finished", c.label)
	}
	c.finished = true
	if c.err != nil {
		return nil, c.err
	}
	return &program{dev: c.dev, label: c.label, steps: c.steps}, nil
}

// bind checks an operation's operands. A missing one faults on a nil pointer, which is reported
// as what it is.
func bind(op queue.Op) (run func() error, err error) {
	defer func() {
		if r := recover(); r != nil {
			run, err = nil, fmt.Errorf("bad operands: %v", r)
		}
	}()
	switch o := op.(type) {
	case *kernels.Embed:
		return bindEmbed(o)
	case *kernels.Norm:
		return bindNorm(o)
	case *kernels.Quantize:
		return bindQuantize(o)
	case *kernels.HeadInput:
		return bindHeadInput(o)
	case *kernels.Product:
		return bindProduct(o)
	case *kernels.PartProduct:
		return bindPartProduct(o)
	case *kernels.SwiGLU:
		return bindSwiGLU(o)
	case *kernels.Route:
		return bindRoute(o)
	case *kernels.ExpertProduct:
		return bindExpertProduct(o)
	case *kernels.Combine:
		return bindCombine(o)
	case *kernels.Support:
		return bindSupport(o)
	case *kernels.Guess:
		return bindGuess(o)
	case *kernels.DeltaPrep:
		return bindDeltaPrep(o)
	case *kernels.Delta:
		return bindDelta(o)
	case *kernels.DeltaNorm:
		return bindDeltaNorm(o)
	case *kernels.AttnPrep:
		return bindAttnPrep(o)
	case *kernels.Attention:
		return bindAttention(o)
	}
	return nil, errors.New("the reference device does not know the operation")
}

// slotsOf is s, or an error when there is none.
func slotsOf(s *kernels.Slots) (*kernels.Slots, error) {
	if s == nil {
		return nil, errors.New("slots are missing")
	}
	return s, nil
}

// floats views a buffer's first `need` values or more.
func floats(b queue.Buffer, what string, need int) ([]float32, error) {
	if b == nil {
		return nil, fmt.Errorf("%s is missing", what)
	}
	f := kernels.Floats(b)
	if len(f) < need {
		return nil, fmt.Errorf("%s holds %d values, needs %d", what, len(f), need)
	}
	return f, nil
}
