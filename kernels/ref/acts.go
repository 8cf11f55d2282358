package ref

import (
	"errors"
	"fmt"
	"math"
	"unsafe"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// Quantize writes the codes of one group of inputs to q and returns its scale s and b = s*sum(q):
//
//	mx = max|x|; s = mx/R; inv = 1/s; q = RNE(x*inv)
//
// with all zero when mx < 2^-100. A NaN among x makes s and b NaN, so that it reaches every output;
// q is zero then.
func Quantize(q []int16, x []float32, kind kernels.Kind) (s, b float32) {
	clear(q)
	var mx float32
	for _, v := range x {
		if v != v {
			return v, v
		}
		mx = max(mx, float32(math.Abs(float64(v))))
	}
	if mx < 0x1p-100 {
		return 0, 0
	}
	s = mx / kind.Max()
	inv := 1 / s
	var sum int32
	for i, v := range x {
		c := int32(math.RoundToEven(float64(float32(v * inv))))
		q[i] = int16(c)
		sum += c
	}
	return s, float32(s * float32(sum))
}

// actsForm is one quantised copy of activations: in this device's layout codes
// [MaxRows][groups*Group] int16, then scales [MaxRows][groups], then b [MaxRows][groups].
type actsForm struct {
	form   kernels.Form
	groups int
	codes  []int16
	s, b   []float32
}

// acts is kernels.Acts seen through this device's layout.
type acts struct {
	k, maxRows int
	f32        []float32
	forms      []actsForm
}

func bindActs(a *kernels.Acts, k int) (*acts, error) {
	if a == nil {
		return nil, errors.New("activations are missing")
	}
	if a.K != k {
		return nil, fmt.Errorf("activations have %d columns, needs %d", a.K, k)
	}
	v := &acts{k: a.K, maxRows: a.MaxRows}
	for i, f := range a.Forms {
		if f.Kind == kernels.F32 {
			mem, err := floats(a.F32, "float32 activations", a.K*a.MaxRows)
			if err != nil {
				return nil, err
			}
			v.f32 = mem
			continue
		}
		form, err := bindForm(a, f, a.Packed[i])
		if err != nil {
			return nil, err
		}
		v.forms = append(v.forms, form)
	}
	return v, nil
}

func bindForm(a *kernels.Acts, f kernels.Form, b queue.Buffer) (actsForm, error) {
	groups := (a.K + f.Group - 1) / f.Group
	n := a.MaxRows * groups
	mem := b.Bytes()
	if need := n * (2*f.Group + 8); len(mem) < need {
		return actsForm{}, fmt.Errorf("activations of form %+v hold %d bytes, need %d", f, len(mem), need)
	}
	codes := unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(mem))), n*f.Group)
	rest := unsafe.Slice((*float32)(unsafe.Pointer(&mem[2*n*f.Group])), 2*n)
	return actsForm{form: f, groups: groups, codes: codes, s: rest[:n], b: rest[n:]}, nil
}

// put writes a row in every form.
func (a *acts) put(row int, x []float32) error {
	if row < 0 || row >= a.maxRows {
		return fmt.Errorf("row %d is outside the activations of %d rows", row, a.maxRows)
	}
	if a.f32 != nil {
		copy(a.f32[row*a.k:(row+1)*a.k], x[:a.k])
	}
	for i := range a.forms {
		f := &a.forms[i]
		for g := range f.groups {
			at := row*f.groups + g
			from := g * f.form.Group
			f.s[at], f.b[at] = Quantize(f.codes[at*f.form.Group:(at+1)*f.form.Group], x[from:min(from+f.form.Group, a.k)], f.form.Kind)
		}
	}
	return nil
}

// find is the copy of the given form, nil for float32.
func (a *acts) find(f kernels.Form) (*actsForm, error) {
	if f.Kind == kernels.F32 {
		if a.f32 == nil {
			return nil, errors.New("activations lack the float32 form that the weight takes")
		}
		return nil, nil
	}
	for i := range a.forms {
		if a.forms[i].form == f {
			return &a.forms[i], nil
		}
	}
	return nil, fmt.Errorf("activations lack the form %+v that the weight takes", f)
}
