package cpu

import (
	"unsafe"

	"mtplx/kernels"
)

// Quantised activations lie in quads of rows, so that a kernel for up to four rows needs one
// base address and constant offsets:
//
//	codes  [quad][group of 64][rows of the quad][64]      int8, or int16 as the tier keeps it
//	scales [quad][scale group][s of 4 rows, b of 4 rows]  float32
//
// The last quad holds MaxRows%4 rows of codes when that is not zero; its scales keep room for
// four. A row's place does not depend on how many rows a forward has. With scales per 32
// inputs there are two scale groups to a group of codes.
//
// The tier with tiles has spans of 16 rows in the place of quads for its codes, since the lines of
// a tile lie equally far apart.
//
// int16 codes are kept as int8 planes [64] high, [64] low by tiers with instructions for sums of int8
// products (q = 256*high+low), as int16 in the order k0 k2 k1 k3 of every four by AVX2, and in order by
// plain Go and NEON.

// acts is kernels.Acts with its layout worked out.
type acts struct {
	k, maxRows int
	f32        []float32
	forms      []actsForm
}

// actsForm is one quantised form of a row.
type actsForm struct {
	kind   kernels.Kind
	tier   tier
	group  int // inputs that share a scale: 32 or 64
	groups int // groups of 64 codes
	sub    int // scale groups in a group of codes: 1 or 2
	bytes  int // bytes of a row's 64 codes: 64 or 128
	span   int // rows whose codes of a group lie together: 4 or 16
	codes  []byte
	scales []float32
	rows   int
}

func bindActs(a *kernels.Acts) *acts {
	b := &acts{k: a.K, maxRows: a.MaxRows}
	for i, f := range a.Forms {
		if f.Kind == kernels.F32 {
			b.f32 = kernels.Floats(a.F32)
			continue
		}
		b.forms = append(b.forms, bindForm(f, a.K, a.MaxRows, a.Packed[i].Bytes(), tierOf(a.Packed[i])))
	}
	return b
}

func bindForm(f kernels.Form, k, rows int, mem []byte, tr tier) actsForm {
	p := actsForm{kind: f.Kind, tier: tr, group: f.Group, groups: (k + 63) / 64, sub: 64 / f.Group, bytes: 64, span: 4, rows: rows}
	if tr == tierAMX {
		p.span = 16
	}
	if f.Kind == kernels.Int16 {
		p.bytes = 128
	}
	n := rows * p.groups * p.bytes
	p.codes = mem[:n:n]
	s := (rows + 3) / 4 * p.groups * p.sub * 8
	p.scales = unsafe.Slice((*float32)(unsafe.Pointer(&mem[n])), s)
	_ = mem[n+4*s-1]
	return p
}

// step is the distance in bytes between a row's codes of one group and the next.
func (p *actsForm) step(row int) int { return p.bytes * min(p.span, p.rows-p.first(row)) }

// first is the first row of a row's span.
func (p *actsForm) first(row int) int { return row &^ (p.span - 1) }

// at is the offset of a row's first code.
func (p *actsForm) at(row int) int {
	return p.first(row)*p.groups*p.bytes + (row-p.first(row))*p.bytes
}

// scaleAt is the index of a row's first scale; its b is 4 further, the next group's 8.
func (p *actsForm) scaleAt(row int) int { return row>>2*p.groups*p.sub*8 + row&3 }

// put writes row `row` (of `rows`) in every form wanted. x holds K values. Several workers may
// put different rows at once.
func (a *acts) put(rows, row int, x []float32) {
	_ = rows
	a.putPart(row, 0, x[:a.k])
}

// putPart writes values of a row from group `first` of 64 on, in whole groups or up to the row's end.
func (a *acts) putPart(row, first int, x []float32) {
	if a.f32 != nil {
		copy(a.f32[row*a.k : (row+1)*a.k][64*first:], x)
	}
	for i := range a.forms {
		a.forms[i].quantise(row, first, x)
	}
}

// partsOf is into how many parts of whole groups rows of k values are cut, each row alike, so that n workers have about the
// same to do where rows are few. A part smaller than leastPart is not worth another unit.
func partsOf(rows, k, n int) int {
	if rows == 0 {
		return 1
	}
	return max(1, min((2*n+rows-1)/rows, k/leastPart))
}

const leastPart = 256
