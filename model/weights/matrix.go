package weights

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Matrix is a linear layer's weight as stored: y = W x with W [Out][In]. It is a view: it holds no
// data of its own (but for one made by Requantize) and is safe for concurrent reads until the Set
// is closed.
//
// A quantised matrix is MLX affine: every Group inputs of a row share a scale and a bias, and
// w = code*scale + bias.
type Matrix struct {
	Out, In int
	Bits    int // 2, 3, 4, 5, 6 or 8; 0 when the matrix is stored as floats
	Group   int // 32, 64 or 128; 0 when Bits is 0

	name  string
	parts []source
	rows  []rowRef // nil: the rows of the only part, in order
}

// source is a run of whole stored rows.
type source struct {
	weight, scales, biases []byte
	weightType, scaleType  DType // scaleType is Invalid when dense
	stride                 int   // bytes of weight a row
}

// rowRef is a row of one of the sources.
type rowRef struct{ part, row int32 }

// Name is the path of the module that the matrix was opened under.
func (m *Matrix) Name() string { return m.name }

// DType is the stored type of the weight: U32 for codes, else F32, F16 or BF16.
func (m *Matrix) DType() DType { return m.parts[0].weightType }

// ScaleDtype is the stored type of scales and biases, Invalid for a dense matrix.
func (m *Matrix) ScaleDtype() DType { return m.parts[0].scaleType }

// Bytes is the size of the weight as stored, scales and biases included.
func (m *Matrix) Bytes() int64 {
	row := int64(m.parts[0].stride)
	if m.Bits != 0 {
		row += int64(m.In / m.Group * 2 * (m.ScaleDtype().Bits() / 8))
	}
	return row * int64(m.Out)
}

// locate returns where a row is stored.
func (m *Matrix) locate(row int) (*source, int) {
	if row < 0 || row >= m.Out {
		panic(fmt.Sprintf("weights: row %d of %s, which has %d", row, m.name, m.Out))
	}
	if m.rows == nil {
		return &m.parts[0], row
	}
	r := m.rows[row]
	return &m.parts[r.part], int(r.row)
}

// Codes writes the row's In codes to dst, one a byte. The stored row is a bit stream whose code j
// starts at bit j*Bits, least significant bit first. The matrix must be quantised.
func (m *Matrix) Codes(dst []uint8, row int) {
	if m.Bits == 0 {
		panic("weights: codes of the dense matrix " + m.name)
	}
	s, r := m.locate(row)
	unpack(dst[:m.In], s.weight[r*s.stride:(r+1)*s.stride], m.Bits)
}

// ScaleBias returns the scale and the bias of a group of a row, exactly as stored. The matrix must
// be quantised.
func (m *Matrix) ScaleBias(row, group int) (scale, bias float32) {
	groups := m.In / m.Group
	if group < 0 || group >= groups {
		panic(fmt.Sprintf("weights: group %d of %s, which has %d a row", group, m.name, groups))
	}
	s, r := m.locate(row)
	i := r*groups + group
	return floatAt(s.scaleType, s.scales, i), floatAt(s.scaleType, s.biases, i)
}

// Row writes the row's In values to dst. Dense values are exact. A quantised value is
// float32(code*scale) + bias with both operations rounded to float32: never fused, so that every
// machine yields the same bits.
func (m *Matrix) Row(dst []float32, row int) {
	dst = dst[:m.In]
	s, r := m.locate(row)
	if m.Bits == 0 {
		floatsAt(s.weightType, dst, s.weight[r*s.stride:])
		return
	}
	var codes [128]uint8
	stored := s.weight[r*s.stride : (r+1)*s.stride]
	bytes := m.Group * m.Bits / 8
	for g := range m.In / m.Group {
		scale, bias := m.ScaleBias(row, g)
		c := codes[:m.Group]
		unpack(c, stored[g*bytes:(g+1)*bytes], m.Bits)
		out := dst[g*m.Group:][:len(c)]
		for i, q := range c {
			out[i] = float32(float32(q)*scale) + bias
		}
	}
}

// Slice is the view of rows [lo, hi).
func (m *Matrix) Slice(lo, hi int) (*Matrix, error) {
	if lo < 0 || hi > m.Out || lo >= hi {
		return nil, fmt.Errorf("slice %s: rows [%d, %d) of %d", m.name, lo, hi, m.Out)
	}
	v := *m
	v.Out = hi - lo
	if m.rows != nil {
		v.rows = m.rows[lo:hi:hi]
		return &v, nil
	}
	s := m.parts[0]
	s.weight = s.weight[lo*s.stride : hi*s.stride]
	if m.Bits != 0 {
		n := m.In / m.Group * (s.scaleType.Bits() / 8)
		s.scales, s.biases = s.scales[lo*n:hi*n], s.biases[lo*n:hi*n]
	}
	v.parts = []source{s}
	return &v, nil
}

// Gather is the view whose row i is row rows[i] of m. A row may appear more than once.
func (m *Matrix) Gather(rows []int) (*Matrix, error) {
	v := *m
	v.Out = len(rows)
	v.rows = make([]rowRef, len(rows))
	for i, r := range rows {
		if r < 0 || r >= m.Out || r > math.MaxInt32 {
			return nil, fmt.Errorf("gather %s: row %d of %d", m.name, r, m.Out)
		}
		if v.rows[i] = (rowRef{row: int32(r)}); m.rows != nil {
			v.rows[i] = m.rows[r]
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("gather %s: no rows", m.name)
	}
	return &v, nil
}

// Concat is the view of the rows of all, one matrix after the other. Their inputs and formats must
// be equal.
func Concat(name string, all ...*Matrix) (*Matrix, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("concatenate %s: no matrices", name)
	}
	a := all[0]
	v := Matrix{In: a.In, Bits: a.Bits, Group: a.Group, name: name}
	for _, m := range all {
		if m.In != a.In || m.Bits != a.Bits || m.Group != a.Group || m.DType() != a.DType() || m.ScaleDtype() != a.ScaleDtype() {
			return nil, fmt.Errorf("concatenate %s: %s is %s and %s is %s", name, a.name, a.format(), m.name, m.format())
		}
		base := len(v.parts)
		v.parts = append(v.parts, m.parts...)
		v.Out += m.Out
		if v.Out > math.MaxInt32 {
			return nil, fmt.Errorf("concatenate %s: more than %d rows", name, math.MaxInt32)
		}
		for r := range m.Out {
			ref := rowRef{row: int32(r)}
			if m.rows != nil {
				ref = m.rows[r]
			}
			ref.part += int32(base)
			v.rows = append(v.rows, ref)
		}
	}
	return &v, nil
}

// format describes how rows are stored, for errors.
func (m *Matrix) format() string {
	if m.Bits == 0 {
		return fmt.Sprintf("[%d][%d] %s", m.Out, m.In, m.DType())
	}
	return fmt.Sprintf("[%d][%d] of %d bits in groups of %d, scales %s", m.Out, m.In, m.Bits, m.Group, m.ScaleDtype())
}

// unpack splits a bit stream of len(dst) codes, a multiple of 8, as all group sizes are. Eight codes are whole bytes.
func unpack(dst []uint8, src []byte, bits int) {
	switch bits {
	case 8:
		copy(dst, src)
	case 4:
		for ; len(dst) >= 8 && len(src) >= 4; dst, src = dst[8:], src[4:] {
			x := uint64(binary.LittleEndian.Uint32(src))
			x = (x | x<<16) & 0x0000ffff0000ffff
			x = (x | x<<8) & 0x00ff00ff00ff00ff
			binary.LittleEndian.PutUint64(dst, (x|x<<4)&0x0f0f0f0f0f0f0f0f)
		}
	case 2:
		for ; len(dst) >= 8 && len(src) >= 2; dst, src = dst[8:], src[2:] {
			x := uint64(binary.LittleEndian.Uint16(src))
			x = (x | x<<24) & 0x000000ff000000ff
			x = (x | x<<12) & 0x000f000f000f000f
			binary.LittleEndian.PutUint64(dst, (x|x<<6)&0x0303030303030303)
		}
	default: // 3, 5, 6
		mask := uint64(1)<<bits - 1
		for i := 0; i < len(dst); i += 8 {
			var x uint64
			for j, b := range src[i/8*bits:][:bits] {
				x |= uint64(b) << (8 * j)
			}
			d := dst[i:][:8]
			for j := range d {
				d[j] = uint8(x & mask)
				x >>= bits
			}
		}
	}
}

// pack is the inverse of unpack.
func pack(dst []byte, codes []uint8, bits int) {
	for i := 0; i < len(codes); i += 8 {
		var x uint64
		for j, c := range codes[i:][:8] {
			x |= uint64(c) << (j * bits)
		}
		for j := range bits {
			dst[i/8*bits+j] = byte(x >> (8 * j))
		}
	}
}
