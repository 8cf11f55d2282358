package wide

import (
	"runtime"
	"sync"
	"sync/atomic"

	"mtplx/model/weights"
)

// Rows are activations, one row of W values for each of N positions, row-major.
type Rows struct {
	N, W int
	X    []float64
}

func newRows(n, w int) Rows { return Rows{n, w, make([]float64, n*w)} }

// Row is a view of row i.
func (r Rows) Row(i int) []float64 { return r.X[i*r.W : (i+1)*r.W] }

// parallel calls f for ranges that cover [0, n), on all workers, and returns when all are done.
func (m *Model) parallel(n, grain int, f func(lo, hi int)) {
	workers := m.workers
	if workers < 1 {
		workers = runtime.GOMAXPROCS(0)
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(workers, (n+grain-1)/grain) {
		wg.Go(func() {
			for {
				lo := int(next.Add(int64(grain))) - grain
				if lo >= n {
					return
				}
				f(lo, min(lo+grain, n))
			}
		})
	}
	wg.Wait()
}

// linear is y = W x for every row of x. After the context has ended, what it returns is of no use.
func (m *Model) linear(w *weights.Matrix, x Rows) Rows {
	y := newRows(x.N, w.Out)
	m.parallel(w.Out, 16, func(lo, hi int) {
		d := newDecoder(w)
		for o := lo; o < hi && m.ctx.Err() == nil; o++ {
			row := d.row(o)
			i := 0
			for ; i+4 <= x.N; i += 4 { // four rows for each load of the weight
				y.X[i*y.W+o], y.X[(i+1)*y.W+o], y.X[(i+2)*y.W+o], y.X[(i+3)*y.W+o] = dot4(row, x.Row(i), x.Row(i+1), x.Row(i+2), x.Row(i+3))
			}
			for ; i < x.N; i++ {
				y.X[i*y.W+o] = dot(row, x.Row(i))
			}
		}
	})
	return y
}

func dot(w, x []float64) (sum float64) {
	x = x[:len(w)]
	for i, v := range w {
		sum += v * x[i]
	}
	return sum
}

// dot4 is four dot products in the order of dot.
func dot4(w, a, b, c, d []float64) (sa, sb, sc, sd float64) {
	a, b, c, d = a[:len(w)], b[:len(w)], c[:len(w)], d[:len(w)]
	for i, v := range w {
		sa += v * a[i]
		sb += v * b[i]
		sc += v * c[i]
		sd += v * d[i]
	}
	return sa, sb, sc, sd
}

// decoder widens rows of one matrix.
type decoder struct {
	m     *weights.Matrix
	codes []uint8
	dense []float32
	out   []float64
}

func newDecoder(m *weights.Matrix) *decoder {
	d := &decoder{m: m, out: make([]float64, m.In)}
	if m.Bits == 0 {
		d.dense = make([]float32, m.In)
	} else {
		d.codes = make([]uint8, m.In)
	}
	return d
}

// row returns row r, valid until the next call.
func (d *decoder) row(r int) []float64 {
	if d.m.Bits == 0 {
		d.m.Row(d.dense, r)
		for i, v := range d.dense {
			d.out[i] = float64(v)
		}
		return d.out
	}
	d.m.Codes(d.codes, r)
	for g := range d.m.In / d.m.Group {
		scale, bias := d.m.ScaleBias(r, g)
		s, b := float64(scale), float64(bias)
		for i := g * d.m.Group; i < (g+1)*d.m.Group; i++ {
			d.out[i] = s*float64(d.codes[i]) + b
		}
	}
	return d.out
}
