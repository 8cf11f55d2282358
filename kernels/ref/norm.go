package ref

import (
	"fmt"

	"mtplx/kernels"
)

// Norm is root-mean-square normalisation of one row: ss = SumSquares(x), mean = ss/len(x),
// r = InvSqrt(mean+eps), y[i] = (x[i]*r)*gain[i], every step rounded. y may be x.
func Norm(y, x, gain []float32, eps float32) {
	r := normFactor(x, eps)
	for i, v := range x {
		t := float32(v * r)
		y[i] = float32(t * gain[i])
	}
}

// normFactor is InvSqrt of the mean square of x plus eps.
func normFactor(x []float32, eps float32) float32 {
	mean := float32(kernels.SumSquares(x) / float32(len(x)))
	return kernels.InvSqrt(mean + eps)
}

// rowOf is row i of a buffer of rows of n values.
func rowOf(f []float32, i, n int, what string) ([]float32, error) {
	if i < 0 || (i+1)*n > len(f) {
		return nil, fmt.Errorf("row %d of %s is outside its %d rows", i, what, len(f)/n)
	}
	return f[i*n : (i+1)*n], nil
}

func bindNorm(o *kernels.Norm) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	if o.Y == nil && o.Acts == nil {
		return nil, fmt.Errorf("neither an output nor activations are given")
	}
	if o.Y != nil && (o.XMap >= kernels.LogitOut) != (o.YMap >= kernels.LogitOut) {
		return nil, fmt.Errorf("row maps %d and %d run over different rows", o.XMap, o.YMap)
	}
	gain, err := floats(o.Gain, "gain", o.Width)
	if err != nil {
		return nil, err
	}
	x, err := floats(o.X, "input", 0)
	if err != nil {
		return nil, err
	}
	var y []float32
	if o.Y != nil {
		y = kernels.Floats(o.Y)
	}
	var a *acts
	if o.Acts != nil {
		if a, err = bindActs(o.Acts, o.Width); err != nil {
			return nil, err
		}
	}
	row := make([]float32, o.Width)
	return func() error {
		for i := range o.XMap.Count(s) {
			in, err := rowOf(x, o.XMap.Row(s, i), o.Width, "the input")
			if err != nil {
				return err
			}
			Norm(row, in, gain[:o.Width], o.Eps)
			if y != nil {
				out, err := rowOf(y, o.YMap.Row(s, i), o.Width, "the output")
				if err != nil {
					return err
				}
				copy(out, row)
			}
			if a != nil {
				if err := a.put(i, row); err != nil {
					return err
				}
			}
		}
		return nil
	}, nil
}

func bindHeadInput(o *kernels.HeadInput) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	embGain, err := floats(o.EmbGain, "gain of the embedding", o.Width)
	if err != nil {
		return nil, err
	}
	hidGain, err := floats(o.HidGain, "gain of the hidden row", o.Width)
	if err != nil {
		return nil, err
	}
	emb, err := floats(o.Emb, "embedding", 0)
	if err != nil {
		return nil, err
	}
	pool, err := floats(o.Pool, "hidden pool", 0)
	if err != nil {
		return nil, err
	}
	a, err := bindActs(o.Acts, 2*o.Width)
	if err != nil {
		return nil, err
	}
	w := o.Width
	row := make([]float32, 2*w)
	return func() error {
		for r := range s.Rows() {
			e, err := rowOf(emb, r, w, "the embedding")
			if err != nil {
				return err
			}
			h, err := rowOf(pool, int(s.In[r]), w, "the hidden pool")
			if err != nil {
				return err
			}
			Norm(row[:w], e, embGain[:w], o.Eps)
			Norm(row[w:], h, hidGain[:w], o.Eps)
			if err := a.put(r, row); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
