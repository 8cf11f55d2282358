package drift

// Fit gathers what a diagonal that mends the head's output would be, by least squares: for each number of a row the
// scale and shift that bring the head's output nearest to the trunk's hidden over all pairs seen. It moves nothing.
type Fit struct {
	Drift

	pairs                      float64
	out, want, square, product []float64 // sums by number of a row
}

// NewFit makes a fit over rows of so many numbers and drafts up to `deepest` deep.
func NewFit(width, deepest int) *Fit {
	f := &Fit{Drift: *New(Options{}, width, deepest)}
	for _, x := range []*[]float64{&f.out, &f.want, &f.square, &f.product} {
		*x = make([]float64, width)
	}
	return f
}

// Shift implements stages.Drift: nothing.
func (*Fit) Shift(int, int32) []float32 { return nil }

// Learn implements stages.Drift.
func (f *Fit) Learn(rows []float32) {
	for i := range min(len(rows)/f.width, len(f.read)) {
		f.pairs++
		for j := range f.width {
			o, w := float64(f.outputs[i*f.width+j]), float64(rows[i*f.width+j])
			f.out[j] += o
			f.want[j] += w
			f.square[j] += o * o
			f.product[j] += o * w
		}
	}
	f.Drift.Learn(nil)
}

// Diagonal is the fit of so many pairs: `doubt` pairs that need no mending are added, so that few do little.
func (f *Fit) Diagonal(doubt float64) (scale, shift []float32, pairs int) {
	scale, shift = make([]float32, f.width), make([]float32, f.width)
	n := max(f.pairs, 1)
	for j := range scale {
		mo, mw := f.out[j]/n, f.want[j]/n
		spread, common := f.square[j]/n-mo*mo, f.product[j]/n-mo*mw
		trust := f.pairs / (f.pairs + doubt)
		s := 1.0
		if spread > 1e-12 {
			s = 1 + trust*(common/spread-1)
		}
		scale[j], shift[j] = float32(s), float32(trust*(mw-s*mo))
	}
	return scale, shift, int(f.pairs)
}
