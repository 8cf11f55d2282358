package corrector

import (
	"errors"
	"fmt"
	"math"

	"mtplx/model/arrays"
)

// MaxRank is the most that a residual may have.
const MaxRank = 1024

// Corrector is h*Scale + Shift + (h A) B, over rows of Hidden numbers. Rank 0 has no A and B.
type Corrector struct {
	Hidden, Rank int
	Scale, Shift []float32
	A            []float32 // [Hidden][Rank]
	B            []float32 // [Rank][Hidden]
}

// Read reads a corrector; the size of its rows is for the model to compare with its own. blend in 0..1 is how far the
// hidden is moved: 0 leaves it alone, 1 is what the file says.
func Read(path string, blend float64) (*Corrector, error) {
	a, err := arrays.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read corrector: %w", err)
	}
	c, err := New(a, blend)
	if err != nil {
		return nil, fmt.Errorf("read corrector %s: %w", path, err)
	}
	return c, nil
}

// New makes a corrector of a file's arrays.
func New(a map[string]arrays.Array, blend float64) (*Corrector, error) {
	if !(blend >= 0 && blend <= 1) {
		return nil, fmt.Errorf("the blend is %v; give 0 (off) to 1 (all)", blend)
	}
	hidden, err := width(a)
	if err != nil {
		return nil, err
	}
	c := &Corrector{Hidden: hidden, Scale: make([]float32, hidden), Shift: make([]float32, hidden)}
	known := 0
	get := func(name string) ([]float32, error) {
		x, ok := a[name]
		if !ok {
			return nil, nil
		}
		known++
		return x.Vector(name, hidden)
	}
	scale, err := get("scale")
	if err != nil {
		return nil, err
	}
	shift, err := get("shift")
	if err != nil {
		return nil, err
	}
	mean, err := get("mean")
	if err != nil {
		return nil, err
	}
	if err := c.residual(a, blend, &known); err != nil {
		return nil, err
	}
	switch {
	case mean != nil && c.Rank == 0:
		return nil, errors.New("it has a mean but no A and B")
	case known != len(a):
		return nil, fmt.Errorf("it has the arrays %s; scale, shift, A, B and mean are known", arrays.Names(a))
	}
	for i := range c.Scale {
		s, t := 1.0, 0.0
		if scale != nil {
			s = float64(scale[i])
		}
		if shift != nil {
			t = float64(shift[i])
		}
		c.Scale[i], c.Shift[i] = float32(1+blend*(s-1)), float32(blend*t)
	}
	if mean != nil {
		c.center(mean)
	}
	return c, c.check()
}

// width is the size of rows that the first array of a file is for.
func width(a map[string]arrays.Array) (int, error) {
	for _, name := range []string{"scale", "shift", "mean", "A"} {
		x, ok := a[name]
		switch {
		case !ok:
			continue
		case len(x.Shape) == 0 || len(x.Data) == 0:
			return 0, fmt.Errorf("%s has shape %v and so no numbers", name, x.Shape)
		case name == "A":
			return x.Shape[0], nil
		}
		return len(x.Data), nil
	}
	return 0, fmt.Errorf("it has the arrays %q; scale, shift, A, B and mean are known", arrays.Names(a))
}

// residual takes A and B, and blends B.
func (c *Corrector) residual(a map[string]arrays.Array, blend float64, known *int) error {
	down, okA := a["A"]
	up, okB := a["B"]
	if !okA && !okB {
		return nil
	}
	if !okA || !okB {
		return errors.New("it has one of A and B; both are needed")
	}
	*known += 2
	if len(down.Shape) != 2 || down.Shape[0] != c.Hidden || down.Shape[1] < 1 || down.Shape[1] > MaxRank {
		return fmt.Errorf("array A has shape %v; the others ask for [%d][rank], the rank being 1 to %d", down.Shape, c.Hidden, MaxRank)
	}
	c.Rank = down.Shape[1]
	if len(up.Shape) != 2 || up.Shape[0] != c.Rank || up.Shape[1] != c.Hidden {
		return fmt.Errorf("array B has shape %v; A asks for [%d][%d]", up.Shape, c.Rank, c.Hidden)
	}
	c.A, c.B = down.Data, make([]float32, len(up.Data))
	for i, b := range up.Data {
		c.B[i] = float32(blend * float64(b))
	}
	return nil
}

// center takes -mean A B into the shift.
func (c *Corrector) center(mean []float32) {
	low := make([]float64, c.Rank)
	for i, m := range mean {
		for j := range low {
			low[j] += float64(m) * float64(c.A[i*c.Rank+j])
		}
	}
	for i := range c.Shift {
		s := float64(c.Shift[i])
		for j, l := range low {
			s -= l * float64(c.B[j*c.Hidden+i])
		}
		c.Shift[i] = float32(s)
	}
}

// Moves tells whether the shift does anything.
func (c *Corrector) Moves() bool {
	for _, s := range c.Shift {
		if s != 0 {
			return true
		}
	}
	return false
}

// check names the first number that is none: products of large ones overflow.
func (c *Corrector) check() error {
	for _, x := range [][]float32{c.Scale, c.Shift, c.B} {
		for i, v := range x {
			if math.IsInf(float64(v), 0) || math.IsNaN(float64(v)) {
				return fmt.Errorf("element %d of the corrector becomes %v", i, v)
			}
		}
	}
	return nil
}
