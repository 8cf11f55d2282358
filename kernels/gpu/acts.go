package gpu

import (
	"errors"
	"fmt"

	"mtplx/kernels"
)

// The bits of acts_at.forms, in the order of the kernels' arguments.
var formBits = [5]kernels.Form{
	{Kind: kernels.F32},
	{Kind: kernels.Int8, Group: 64},
	{Kind: kernels.Int16, Group: 64},
	{Kind: kernels.Int8, Group: 32},
	{Kind: kernels.Int16, Group: 32},
}

// acts is kernels.Acts in this package's layout (src/acts.h).
type acts struct {
	k, maxRows int
	forms      int
	mem        [5]operand // of formBits; the device's dummy where there is none
}

func (d *Device) actsOf(a *kernels.Acts, k int) (*acts, error) {
	if a == nil {
		return nil, errors.New("activations are missing")
	}
	if a.K != k {
		return nil, fmt.Errorf("activations have %d columns, needs %d", a.K, k)
	}
	v := &acts{k: a.K, maxRows: a.MaxRows}
	for i := range v.mem {
		v.mem[i] = d.dummy
	}
	for i, f := range a.Forms {
		bit := -1
		for j, g := range formBits {
			if f == g {
				bit = j
			}
		}
		var o operand
		var err error
		switch {
		case bit < 0:
			return nil, fmt.Errorf("activations of form %+v are unknown", f)
		case bit == 0:
			o, err = d.operandOf(a.F32, "float32 activations", a.K*a.MaxRows)
		default:
			o, err = d.operandOf(a.Packed[i], "activations", formWords(f, a.K, a.MaxRows))
		}
		if err != nil {
			return nil, err
		}
		v.forms |= 1 << bit
		v.mem[bit] = o
	}
	return v, nil
}

// formWords is the size of an integer form.
func formWords(f kernels.Form, k, maxRows int) int {
	planes, sub := 1, 1
	if f.Kind == kernels.Int16 {
		planes = 2
	}
	if f.Group == 32 {
		sub = 2
	}
	return up(k, 64) * maxRows * (planes*16 + sub*2)
}

// noActs stands for an operation that writes none.
func (d *Device) noActs() *acts {
	v := &acts{}
	for i := range v.mem {
		v.mem[i] = d.dummy
	}
	return v
}

func (a *acts) args() []Arg {
	args := make([]Arg, 0, len(a.mem))
	for _, m := range a.mem {
		args = append(args, out(m))
	}
	return args
}

// find is the copy that a weight of the given form reads.
func (a *acts) find(f kernels.Form) (operand, error) {
	for i, g := range formBits {
		if f == g && a.forms>>i&1 == 1 {
			return a.mem[i], nil
		}
	}
	return operand{}, fmt.Errorf("activations lack the form %+v that the weight takes", f)
}

func (w words) acts(a *acts) words { return w.u(a.k, a.maxRows, a.forms) }
