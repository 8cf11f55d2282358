package kernels

import "mtplx/sched/queue"

// Matrix is a linear layer's weight as a checkpoint stores it, y = W x with W [Rows][Cols].
// Implementations are safe for concurrent reads.
type Matrix interface {
	Rows() int
	Cols() int
	// Bits is 2, 3, 4, 5, 6 or 8 for MLX affine codes, 0 for a matrix stored as floats.
	Bits() int
	// Group is the number of inputs that share a scale: 32, 64 or 128; 0 when Bits is 0.
	Group() int
	// Codes writes the row's Cols codes, one a byte.
	Codes(dst []uint8, row int)
	// ScaleBias returns the scale and bias of group g of the row: w = code*scale + bias.
	ScaleBias(row, g int) (scale, bias float32)
	// Floats writes the row in float32; a quantised row as fma(code, scale, bias).
	Floats(dst []float32, row int)
}

// Weight is a matrix in a device's own layout, ready for products and row lookups.
type Weight interface {
	Rows() int
	Cols() int
	// Form is what Product needs of its input.
	Form() Form
	// Bytes is the device memory it takes.
	Bytes() int64
	Release()
}

// Device is a queue.Device that runs the operations of this catalogue.
type Device interface {
	queue.Device
	// Load packs m for products in mode `mode`. It reads m row by row and keeps nothing of it.
	Load(m Matrix, mode Mode, label string) (Weight, error)
	// Threads is the number of workers, for reports.
	Threads() int
	// Tier names the instruction set in use, for reports.
	Tier() string
}

// Confined is a device with memory of its own, which is committed as it is allocated. A device without this
// method commits memory as it is touched, and has what the machine has.
type Confined interface {
	// Memory is how many bytes may still be allocated, about, and how many there are in all. A total of 0
	// is a device without a bound of its own.
	Memory() (free, total int64, err error)
}

// Acts is the input of products: rows of K values, in every form that the products reading it
// want. Forms and layouts of the quantised copies are the device's own; F32 is [MaxRows][K].
//
// Quantising one group of a row (see the contract of Product): mx = max|x|; s = mx/R;
// inv = 1/s; q = RNE(x*inv) with the product rounded first; b = s*float32(sum of q). A group
// with mx < 2^-100 has s = b = 0 and all q = 0. The last group may be short; missing inputs
// count as zero.
type Acts struct {
	K, MaxRows int
	Forms      []Form
	// F32 is set when Forms holds {F32, 0}; the others are opaque, one a form, in the order
	// of Forms, and nil for F32.
	F32    queue.Buffer
	Packed []queue.Buffer
}

// NewActs allocates activations for the forms that the given weights ask for. Every weight
// must have K columns.
func NewActs(d Device, maxRows int, weights ...Weight) (*Acts, error) {
	a := &Acts{K: weights[0].Cols(), MaxRows: maxRows}
	for _, w := range weights {
		if w.Cols() != a.K {
			panic("kernels: weights that share an input differ in columns")
		}
		if a.Index(w.Form()) >= 0 {
			continue
		}
		a.Forms = append(a.Forms, w.Form())
		var b queue.Buffer
		var err error
		if w.Form().Kind == F32 {
			a.F32, err = d.Alloc(4*maxRows*a.K, "activations")
		} else {
			b, err = d.Alloc(ActBytes(w.Form(), a.K, maxRows), "activations")
		}
		if err != nil {
			return nil, err
		}
		a.Packed = append(a.Packed, b)
	}
	return a, nil
}

// Index is the place of form f, or -1.
func (a *Acts) Index(f Form) int {
	for i, g := range a.Forms {
		if g == f {
			return i
		}
	}
	return -1
}

// ActBytes is room enough for the quantised rows of one form in any device's layout: per
// group two bytes an input, a second copy for devices that keep planes, and scale and bias.
func ActBytes(f Form, k, maxRows int) int {
	groups := (k + f.Group - 1) / f.Group
	return maxRows*groups*(4*f.Group+16) + 4096
}
