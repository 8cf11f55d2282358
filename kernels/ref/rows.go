package ref

import (
	"fmt"

	"mtplx/kernels"
)

func bindEmbed(o *kernels.Embed) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	w, err := weightOf(o.Table, "the table")
	if err != nil {
		return nil, err
	}
	out, err := floats(o.Out, "output", s.Dims.Rows*w.cols)
	if err != nil {
		return nil, err
	}
	ids := s.ID
	if o.Tokens != nil {
		if _, err := floats(o.Tokens, "the tokens", s.Dims.Rows); err != nil {
			return nil, err
		}
		ids = kernels.Int32s(o.Tokens)
	}
	return func() error {
		for r := range s.Rows() {
			id := int(ids[r])
			if id < 0 || id >= w.rows {
				return fmt.Errorf("row %d: token %d is outside the table of %d", r, id, w.rows)
			}
			w.read(out[r*w.cols:(r+1)*w.cols], id)
		}
		return nil
	}, nil
}

func bindQuantize(o *kernels.Quantize) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	x, err := floats(o.X, "input", 0)
	if err != nil {
		return nil, err
	}
	a, err := bindActs(o.Acts, o.Acts.K)
	if err != nil {
		return nil, err
	}
	return func() error {
		for i := range o.XMap.Count(s) {
			in, err := rowOf(x, o.XMap.Row(s, i), a.k, "the input")
			if err != nil {
				return err
			}
			if err := a.put(i, in); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func bindSwiGLU(o *kernels.SwiGLU) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	if o.Times < 1 {
		return nil, fmt.Errorf("virtual rows a row are %d, expecting at least 1", o.Times)
	}
	in, err := floats(o.In, "input", 0)
	if err != nil {
		return nil, err
	}
	a, err := bindActs(o.Acts, o.Width)
	if err != nil {
		return nil, err
	}
	y := make([]float32, o.Width)
	return func() error {
		for v := range s.Rows() * o.Times {
			row, err := rowOf(in, v, 2*o.Width, "the input")
			if err != nil {
				return err
			}
			for i := range y {
				y[i] = float32(kernels.SiLU(row[i]) * row[o.Width+i])
			}
			if err := a.put(v, y); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
