package ref

import (
	"errors"
	"fmt"

	"mtplx/kernels"
)

// Top writes the indices of the greatest values of x to dst, greatest first, the lower index
// first among equals, and returns how many there are: at most len(dst) and len(x).
func Top(dst []int32, x []float32) int {
	n := 0
	for i, v := range x {
		at := n
		for at > 0 && v > x[dst[at-1]] {
			at--
		}
		if at == len(dst) {
			continue
		}
		n = min(n+1, len(dst))
		copy(dst[at+1:n], dst[at:n-1])
		dst[at] = int32(i)
	}
	return n
}

func bindRoute(o *kernels.Route) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	if o.TopK < 1 || o.TopK > o.Experts {
		return nil, fmt.Errorf("%d of %d experts cannot be chosen", o.TopK, o.Experts)
	}
	logits, err := floats(o.Logits, "logits", 0)
	if err != nil {
		return nil, err
	}
	weight, err := floats(o.Weight, "weights", 0)
	if err != nil {
		return nil, err
	}
	index := kernels.Int32s(o.Index)
	return func() error {
		for r := range s.Rows() {
			l, err := rowOf(logits, r, o.Experts, "the logits")
			if err != nil {
				return err
			}
			w, err := rowOf(weight, r, o.TopK, "the weights")
			if err != nil {
				return err
			}
			chosen := index[r*o.TopK : (r+1)*o.TopK]
			Top(chosen, l)
			m := l[chosen[0]]
			var d float32
			if o.Normalize {
				for _, i := range chosen {
					d += kernels.Exp(l[i] - m)
				}
			} else {
				var acc [16]float32
				for i, v := range l {
					acc[i%16] += kernels.Exp(v - m)
				}
				d = kernels.Tree16(&acc)
			}
			for k, i := range chosen {
				w[k] = kernels.Exp(l[i]-m) / d
			}
		}
		return nil
	}, nil
}

func bindExpertProduct(o *kernels.ExpertProduct) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	if o.TopK < 1 || len(o.Parts) == 0 {
		return nil, errors.New("TopK and at least one part are needed")
	}
	out, err := floats(o.Out, "output", 0)
	if err != nil {
		return nil, err
	}
	index := kernels.Int32s(o.Index)
	parts := make([][]operand, len(o.Parts))
	for i, p := range o.Parts {
		if len(p.W) == 0 || len(p.W) != len(o.Parts[0].W) {
			return nil, fmt.Errorf("part %d: %d experts, part 0 has %d", i, len(p.W), len(o.Parts[0].W))
		}
		for j, w := range p.W {
			e, err := bindOperand(o.X, w, p.Col, o.Stride)
			if err != nil {
				return nil, fmt.Errorf("part %d, expert %d: %w", i, j, err)
			}
			parts[i] = append(parts[i], e)
		}
	}
	return func() error {
		for v := range s.Rows() * o.TopK {
			e := int(index[v])
			if e < 0 || e >= len(parts[0]) {
				return fmt.Errorf("virtual row %d chose expert %d of %d", v, e, len(parts[0]))
			}
			row := v
			if o.Shared {
				row = v / o.TopK
			}
			for i := range parts {
				if err := parts[i][e].write(out[v*o.Stride:(v+1)*o.Stride], row, false); err != nil {
					return err
				}
			}
		}
		return nil
	}, nil
}

func bindCombine(o *kernels.Combine) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	weight, err := floats(o.Weight, "weights", 0)
	if err != nil {
		return nil, err
	}
	y, err := floats(o.Y, "experts' outputs", 0)
	if err != nil {
		return nil, err
	}
	x, err := floats(o.X, "residual stream", 0)
	if err != nil {
		return nil, err
	}
	var gate, shared []float32
	if o.Shared != nil {
		shared = kernels.Floats(o.Shared)
		if gate, err = floats(o.Gate, "gate of the shared expert", 0); err != nil {
			return nil, err
		}
	}
	return func() error {
		for r := range s.Rows() {
			for i := range o.Width {
				var a float32
				for k := range o.TopK {
					v := r*o.TopK + k
					a = kernels.FMA(weight[v], y[v*o.Width+i], a)
				}
				if shared != nil {
					a = kernels.FMA(kernels.Sigmoid(gate[r]), shared[r*o.Width+i], a)
				}
				x[r*o.Width+i] += a
			}
		}
		return nil
	}, nil
}
