package weights

import (
	"fmt"
	"math"
)

// Linear opens the linear layer (or embedding) of a module: path.weight, with path.scales and
// path.biases if it is quantised, which it is exactly when path.scales exists. Its size must be
// [out][in]; bits and group follow from the shapes and must agree with q. A path.bias is refused.
func (s *Set) Linear(path string, q *Quantization, out, in int) (*Matrix, error) {
	ms, err := s.linear(path, path+".weight", q, []int{out}, in)
	if err != nil {
		return nil, err
	}
	return ms[0], nil
}

// Stacked opens n layers of equal size in one tensor [n][out][in], as views. weight is the name of
// the tensor, which in some layouts is the path itself.
func (s *Set) Stacked(path, weight string, q *Quantization, n, out, in int) ([]*Matrix, error) {
	return s.linear(path, weight, q, []int{n, out}, in)
}

// linear opens a tensor with the leading dimensions lead and rows of in inputs.
func (s *Set) linear(path, name string, q *Quantization, lead []int, in int) ([]*Matrix, error) {
	w, ok := s.tensors[name]
	if !ok {
		return nil, fmt.Errorf("tensor %q is missing", name)
	}
	if _, ok := s.tensors[path+".bias"]; ok {
		return nil, w.errorf("has a bias vector: %w", ErrUnsupported)
	}
	rows := 1
	for _, d := range lead {
		if d < 1 || in < 1 || d > math.MaxInt32/rows {
			return nil, w.errorf("cannot be read as %v rows of %d", lead, in)
		}
		rows *= d
	}
	src := source{weight: w.Data, weightType: w.DType}
	m := Matrix{Out: rows, In: in, name: path}
	scales, quantised := s.tensors[path+".scales"]
	if quantised {
		if err := s.openCodes(&m, &src, path, w, scales, q, lead); err != nil {
			return nil, err
		}
	} else {
		if !w.DType.IsFloat() {
			return nil, w.errorf("dtype %s without scales: %w: F32, F16 or BF16 is needed", w.DType, ErrUnsupported)
		}
		if want := append(append([]int{}, lead...), in); !equalShape(w.Shape, want) {
			return nil, w.errorf("shape is %v, but the configuration asks for %v", w.Shape, want)
		}
		src.stride = in * w.DType.Bits() / 8
	}
	m.parts = []source{src}
	if len(lead) == 1 {
		return []*Matrix{&m}, nil
	}
	ms := make([]*Matrix, lead[0])
	for i := range ms {
		var err error
		if ms[i], err = m.Slice(i*lead[1], (i+1)*lead[1]); err != nil {
			return nil, err
		}
	}
	return ms, nil
}

// openCodes checks the three tensors of a quantised weight against each other.
func (s *Set) openCodes(m *Matrix, src *source, path string, w, scales Tensor, q *Quantization, lead []int) error {
	biases, ok := s.tensors[path+".biases"]
	if !ok {
		return scales.errorf("there is no %q: %w: only affine quantisation is, not mxfp4, nvfp4 or mxfp8", path+".biases", ErrUnsupported)
	}
	if w.DType != U32 {
		return w.errorf("dtype is %s, but packed codes are U32", w.DType)
	}
	if !scales.DType.IsFloat() || biases.DType != scales.DType {
		return scales.errorf("dtype is %s and that of the biases %s: both must be the same of F32, F16, BF16", scales.DType, biases.DType)
	}
	n := len(lead)
	if len(w.Shape) != n+1 || !equalShape(w.Shape[:n], lead) {
		return w.errorf("shape is %v, but the configuration asks for %v rows of codes", w.Shape, lead)
	}
	if len(scales.Shape) != n+1 || !equalShape(scales.Shape[:n], lead) || !equalShape(scales.Shape, biases.Shape) {
		return scales.errorf("shape is %v, that of the biases %v and that of the weight %v: they contradict", scales.Shape, biases.Shape, w.Shape)
	}
	words, groups := w.Shape[n], scales.Shape[n]
	if words < 1 || words > m.In || words*32%m.In != 0 || !validBits(words*32/m.In) {
		return w.errorf("%d words a row cannot hold %d codes of 2, 3, 4, 5, 6 or 8 bits", words, m.In)
	}
	if groups < 1 || m.In%groups != 0 || !validGroup(m.In/groups) {
		return scales.errorf("%d scales a row cannot serve %d inputs in groups of 32, 64 or 128", groups, m.In)
	}
	m.Bits, m.Group = words*32/m.In, m.In/groups
	if q != nil {
		if err := q.check(path, m.Bits, m.Group); err != nil {
			return w.errorf("%w", err)
		}
	}
	if err := scales.finite(); err != nil {
		return err
	}
	if err := biases.finite(); err != nil {
		return err
	}
	src.stride = words * 4
	src.scales, src.biases, src.scaleType = scales.Data, biases.Data, scales.DType
	return nil
}

func equalShape(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
