package sample

import (
	"errors"
	"math"
	"math/bits"
)

// ErrNoneAllowed says that a constraint leaves no token to choose.
var ErrNoneAllowed = errors.New("the constraint allows no token here")

// Masker leaves of a row of logits only the tokens that a constraint allows. It belongs to one goroutine
// at a time.
type Masker struct {
	ids []int32
	top []float32
	row []float32
}

// Logits gives the masked row, for samplers that reach beyond the candidates of the last Apply.
func (m *Masker) Logits(int) []float32 { return m.row }

// Apply is row l with the tokens whose bit in allowed is 0 taken out, for a sampler of the given temperature;
// tokens beyond the bits are out. The result is valid until the next Apply.
func (m *Masker) Apply(l Logits, allowed []uint64, temperature float64) (Logits, error) {
	if temperature == 0 {
		temperature = 1
	}
	row := m.whole(l)
	none := float32(math.Inf(-1))
	best, top := int32(-1), none
	for w := 0; w*64 < len(row); w++ {
		set := uint64(0)
		if w < len(allowed) {
			set = allowed[w]
		}
		part := row[w*64 : min(w*64+64, len(row))]
		for i := range part {
			if set>>i&1 == 0 {
				part[i] = none
			} else if part[i] > top {
				best, top = int32(w*64+i), part[i]
			}
		}
	}
	if best < 0 {
		return Logits{}, ErrNoneAllowed
	}
	z := 0.0
	for w, set := range allowed[:min(len(allowed), (len(row)+63)/64)] {
		for ; set != 0; set &= set - 1 {
			id := w*64 + bits.TrailingZeros64(set)
			if id < len(row) {
				z += math.Exp(float64(row[id]-top) / temperature)
			}
		}
	}
	m.ids, m.top = m.ids[:0], m.top[:0]
	for i, id := range l.IDs {
		if row[id] > none {
			m.ids, m.top = append(m.ids, id), append(m.top, l.Top[i])
		}
	}
	if len(m.ids) == 0 { // the best of what is allowed is not among the candidates
		m.ids, m.top = append(m.ids, best), append(m.top, top)
	}
	return Logits{IDs: m.ids, Top: m.top, Max: top, Z: float32(z), Rows: m, Row: l.Row}, nil
}

// whole copies the row.
func (m *Masker) whole(l Logits) []float32 {
	m.row = m.row[:0]
	if l.Rows != nil {
		m.row = append(m.row, l.Rows.Logits(l.Row)...)
		return m.row
	}
	for range l.IDs {
		m.row = append(m.row, 0)
	}
	for i, id := range l.IDs {
		m.row[id] = l.Top[i]
	}
	return m.row
}
