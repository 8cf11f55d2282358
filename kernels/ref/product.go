package ref

import (
	"errors"
	"fmt"

	"mtplx/kernels"
)

// floatGroup is the number of inputs that a float product sums before adding to the output.
const floatGroup = 64

// DotCodes adds one activation group to the accumulator f of an output: codes and q are the
// group's codes of weight and input, s and b the input's scale and s*sum(q).
func DotCodes(f float32, codes []uint8, scale, bias float32, q []int16, s, b float32) float32 {
	var t int32
	for i, c := range codes {
		t += int32(c) * int32(q[i])
	}
	f = kernels.FMA(float32(t), float32(scale*s), f)
	return kernels.FMA(bias, b, f)
}

// DotFloats is the product of a float row and an input: chains over groups of 64, added in order.
func DotFloats(w, x []float32) float32 {
	var f float32
	for k := 0; k < len(w); k += floatGroup {
		var t float32
		for i := k; i < min(k+floatGroup, len(w)); i++ {
			t = kernels.FMA(w[i], x[i], t)
		}
		f += t
	}
	return f
}

// operand is a weight with the copy of the input that it reads.
type operand struct {
	w   *weight
	x   *acts
	q   *actsForm // nil: float32
	row []float32 // room for a dequantised row
	col int
}

func bindOperand(x *kernels.Acts, k kernels.Weight, col, stride int) (operand, error) {
	w, err := weightOf(k, "the weight")
	if err != nil {
		return operand{}, err
	}
	if col < 0 || col+w.rows > stride {
		return operand{}, fmt.Errorf("outputs %d to %d leave the row of %d", col, col+w.rows, stride)
	}
	a, err := bindActs(x, w.cols)
	if err != nil {
		return operand{}, err
	}
	q, err := a.find(w.form)
	if err != nil {
		return operand{}, err
	}
	return operand{w: w, x: a, q: q, row: make([]float32, w.cols), col: col}, nil
}

// output is output n for input row r.
func (o *operand) output(n, r int) float32 {
	w := o.w
	if o.q == nil {
		w.read(o.row, n)
		return DotFloats(o.row, o.x.f32[r*w.cols:(r+1)*w.cols])
	}
	var f float32
	size := o.q.form.Group
	for g := range o.q.groups {
		k := g * size
		codes := w.codes[n*w.cols:][k:min(k+size, w.cols)]
		ws := n*w.groups() + k/w.group
		at := r*o.q.groups + g
		f = DotCodes(f, codes, w.scale[ws], w.bias[ws], o.q.codes[at*size:(at+1)*size], o.q.s[at], o.q.b[at])
	}
	return f
}

// write computes every output of input row r into an output row.
func (o *operand) write(out []float32, r int, add bool) error {
	if r < 0 || r >= o.x.maxRows {
		return fmt.Errorf("row %d is outside the activations of %d rows", r, o.x.maxRows)
	}
	for n := range o.w.rows {
		f := o.output(n, r)
		if add {
			f = out[o.col+n] + f
		}
		out[o.col+n] = f
	}
	return nil
}

func bindProduct(o *kernels.Product) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	if len(o.Parts) == 0 {
		return nil, errors.New("at least one part is needed")
	}
	if o.Map != kernels.Direct && o.Map != kernels.LogitRow {
		return nil, fmt.Errorf("row map %d is not Direct or LogitRow", o.Map)
	}
	out, err := floats(o.Out, "output", 0)
	if err != nil {
		return nil, err
	}
	var parts []operand
	for i, p := range o.Parts {
		part, err := bindOperand(o.X, p.W, p.Col, o.Stride)
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", i, err)
		}
		parts = append(parts, part)
	}
	return func() error {
		for r := range o.Map.Count(s) {
			for i := range parts {
				if err := parts[i].write(out[r*o.Stride:(r+1)*o.Stride], r, o.Add); err != nil {
					return err
				}
			}
		}
		return nil
	}, nil
}
