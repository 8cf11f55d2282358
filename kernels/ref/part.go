package ref

import (
	"fmt"
	"math"

	"mtplx/kernels"
)

func bindPartProduct(o *kernels.PartProduct) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	w, err := bindOperand(o.X, o.W, 0, o.W.Rows())
	if err != nil {
		return nil, err
	}
	if o.First%kernels.BlockOutputs != 0 || o.First < 0 || o.First > o.Limit || o.Limit > w.w.rows || o.Most < 0 {
		return nil, fmt.Errorf("first %d outputs, limit %d of %d, %d blocks: first must be a multiple of %d within the limit", o.First, o.Limit, w.w.rows, o.Most, kernels.BlockOutputs)
	}
	if o.First+kernels.BlockOutputs*o.Most > o.Stride {
		return nil, fmt.Errorf("%d outputs and %d blocks do not fit rows of %d", o.First, o.Most, o.Stride)
	}
	out, err := floats(o.Out, "output", 0)
	if err != nil {
		return nil, err
	}
	blocks := kernels.Int32s(o.Blocks)
	return func() error {
		for i := range s.Logits() {
			row := out[i*o.Stride : (i+1)*o.Stride]
			for n := range o.First {
				row[n] = w.output(n, i)
			}
			list := blocks[i*(1+o.Most):][:1+o.Most]
			for j, b := range list[1 : 1+list[0]] {
				for n := range kernels.BlockOutputs {
					y := float32(math.Inf(-1))
					if id := kernels.BlockOutputs*int(b) + n; id < o.Limit {
						y = w.output(id, i)
					}
					row[o.First+kernels.BlockOutputs*j+n] = y
				}
			}
		}
		return nil
	}, nil
}
