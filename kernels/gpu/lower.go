package gpu

import (
	"errors"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// threads of a threadgroup, where a kernel's source says nothing else.
const threads = 256

// lowering turns one operation into a step.
type lowering struct {
	dev     *Device
	cb      *commandBuffer
	slots   *kernels.Slots
	slotBuf operand
	attends bool
}

func (l *lowering) lower(op queue.Op) (step, error) {
	switch o := op.(type) {
	case *kernels.Embed:
		return l.embed(o)
	case *kernels.Norm:
		return l.norm(o)
	case *kernels.Quantize:
		return l.quantize(o)
	case *kernels.HeadInput:
		return l.headInput(o)
	case *kernels.Product:
		return l.product(o)
	case *kernels.PartProduct:
		return l.partProduct(o)
	case *kernels.SwiGLU:
		return l.swiglu(o)
	case *kernels.Route:
		return l.route(o)
	case *kernels.ExpertProduct:
		return l.expertProduct(o)
	case *kernels.Combine:
		return l.combine(o)
	case *kernels.Support:
		return l.support(o)
	case *kernels.Guess:
		return l.guess(o)
	case *kernels.DeltaPrep:
		return l.deltaPrep(o)
	case *kernels.Delta:
		return l.delta(o)
	case *kernels.DeltaNorm:
		st, err := l.deltaNorm(o)
		if err == nil {
			err = l.deltaHead(o, &st)
		}
		return st, err
	case *kernels.AttnPrep:
		return l.attnPrep(o)
	case *kernels.Attention:
		return l.attention(o)
	}
	return step{}, errors.New("the device does not know the operation")
}

// useSlots names the slots that the operation counts by.
func (l *lowering) useSlots(s *kernels.Slots) error {
	if s == nil {
		return errors.New("slots are missing")
	}
	o, err := l.dev.operandOf(s.Buf, "the slots' buffer", 0)
	if err != nil {
		return err
	}
	o.mem.Live()
	l.slots, l.slotBuf = s, o
	return nil
}

// scratch is an argument over the program's scratch, of at least n words.
func (l *lowering) scratch(n int) Arg {
	l.cb.scratch = max(l.cb.scratch, 4*n)
	return Arg{Write: true}
}

// hold keeps a weight's memory for the program.
func (l *lowering) hold(w *weight) (Arg, int, error) {
	s, at, err := w.hold()
	if err != nil {
		return Arg{}, 0, err
	}
	l.cb.p.stores = append(l.cb.p.stores, s)
	return Arg{Mem: s.mem}, at, nil
}

// collect gathers operands and keeps the first error.
type collect struct {
	dev *Device
	err error
}

func (c *collect) buffer(b queue.Buffer, what string, need int) operand {
	o, err := c.dev.operandOf(b, what, need)
	if c.err == nil {
		c.err = err
	}
	return o
}

func (c *collect) acts(a *kernels.Acts, k int) *acts {
	v, err := c.dev.actsOf(a, k)
	if c.err == nil {
		c.err = err
	}
	return v
}

// optional is an operand that may be missing.
func (c *collect) optional(b queue.Buffer, what string) operand {
	if b == nil {
		return c.dev.dummy
	}
	return c.buffer(b, what, 0)
}

func u32(n int) uint32 { return uint32(n) }

// rowsOf is how often a row map's grid repeats.
func rowsOf(m kernels.RowMap, sh Shape) int {
	if m >= kernels.LogitOut {
		return sh.Logits
	}
	return sh.Rows
}
