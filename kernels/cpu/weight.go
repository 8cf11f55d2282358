package cpu

import (
	"encoding/binary"
	"fmt"
	"math"

	"mtplx/kernels"
	"mtplx/kernels/internal/repack"
)

// packing is how a weight's elements lie. Every packing is a run of strips of 16 outputs, and a
// strip is one sequential stream.
type packing uint8

const (
	// packed3, packed4 and packed8 are blocks of 16 outputs by 64 inputs, codes first, then one tail of
	// scales and biases for each scale group. Output o, input kk of the block:
	//
	//	packed4  byte 64*((kk%32)/4) + 4*o + kk%4, low nibble for kk < 32, else high
	//	packed8  byte 64*(kk/4) + 4*o + kk%4
	//	packed3  two low bits in byte 64*(kk/4%4) + 4*o + kk%4 from bit 2*(kk/16) on, the third in
	//	         byte 256 + 64*(kk/4%2) + 4*o + kk%4, bit kk/8
	//
	// A tail holds, for every output, a word of bf16 scale << 16 | bf16 bias; a wide one, for
	// scales that bfloat16 cannot hold, 16 float32 scales and then 16 biases.
	packed4 packing = iota
	packed8
	packed3
	// halves is [inputs][16] bfloat16; words is [inputs][16] float32.
	halves
	words
)

// weight is a matrix packed for the device.
type weight struct {
	dev        *Device
	buf        *buffer
	rows, cols int
	form       kernels.Form
	packing    packing
	wide       bool
	sub        int // scale groups of a block: 1, or 2 for groups of 32
	strips     int
	groups     int // blocks of a strip, or groups of 64 inputs
	block      int // bytes of a block
	strip      int // bytes of a strip
	mem        []byte
}

func (w *weight) Rows() int          { return w.rows }
func (w *weight) Cols() int          { return w.cols }
func (w *weight) Form() kernels.Form { return w.form }
func (w *weight) Bytes() int64       { return int64(len(w.mem)) }
func (w *weight) Release()           { w.buf.Release() }

// codeBytes is the size of a block's codes.
func (w *weight) codeBytes() int {
	switch w.packing {
	case packed3:
		return 384
	case packed4:
		return 512
	default:
		return 1024
	}
}

// tailBytes is the size of one tail.
func (w *weight) tailBytes() int {
	if w.wide {
		return 128
	}
	return 64
}

// Load packs m, several strips at once on all processors. The matrix's own geometry is checked;
// its codes are trusted to fit their bits.
func (d *Device) Load(m kernels.Matrix, mode kernels.Mode, label string) (kernels.Weight, error) {
	w, err := d.load(m, mode, label)
	if err != nil {
		return nil, fmt.Errorf("load weight %s [%d][%d], %d bits, groups of %d: %w", label, m.Rows(), m.Cols(), m.Bits(), m.Group(), err)
	}
	return w, nil
}

func (d *Device) load(m kernels.Matrix, mode kernels.Mode, label string) (*weight, error) {
	w := &weight{dev: d, rows: m.Rows(), cols: m.Cols(), sub: 1}
	if w.rows < 1 || w.cols < 1 {
		return nil, fmt.Errorf("rows and columns must be positive")
	}
	if mode > kernels.Float32 {
		return nil, fmt.Errorf("numeric mode %d is unknown", mode)
	}
	bits := m.Bits()
	switch bits {
	case 0:
	case 2, 3, 4, 5, 6, 8:
		if g := m.Group(); g != 32 && g != 64 && g != 128 {
			return nil, fmt.Errorf("groups of %d inputs; expecting 32, 64 or 128", g)
		}
	default:
		return nil, fmt.Errorf("%d bits; expecting 2, 3, 4, 5, 6, 8, or 0 for floats", bits)
	}
	w.form = kernels.FormFor(mode, bits, m.Group())
	w.strips = (w.rows + 15) / 16
	w.groups = (w.cols + 63) / 64
	switch w.form.Kind {
	case kernels.F32:
		// Dequantised elements carry 24 bits, so only stored floats can be halves.
		w.packing, w.block = words, 64
		if bits == 0 && allRows(m, func(_ int, row []float32) bool { return all(row, repack.IsBF16) }) {
			w.packing, w.block = halves, 32
		}
		w.strip = w.block * w.cols
	default:
		w.packing = packed8
		if bits <= 4 {
			w.packing = packed4
		}
		if m.Group() == 32 {
			w.sub = 2
		}
		w.wide = !repack.NarrowScales(m)
		if bits == 3 && w.sub == 1 && !w.wide && d.tier.packs3() {
			w.packing = packed3
		}
		w.block = w.codeBytes() + w.sub*w.tailBytes()
		w.strip = w.block * w.groups
	}
	buf, err := d.alloc(w.strip*w.strips, label)
	if err != nil {
		return nil, err
	}
	w.buf, w.mem = buf, buf.mem
	repack.InTurn(w.strips, func() func(s int) bool {
		// The 16 rows of a strip.
		if w.form.Kind == kernels.F32 {
			rows := make([]float32, 16*(w.cols+floatPad))
			return func(s int) bool { w.packFloats(m, s, rows); return true }
		}
		rows := make([]uint8, 16*64*w.groups)
		return func(s int) bool { w.packCodes(m, s, rows); return true }
	})
	return w, nil
}

// floatPad keeps the rows of a strip from falling into the same cache sets.
const floatPad = 16

// packFloats fills strip s by way of its rows, so that memory is written in order.
func (w *weight) packFloats(m kernels.Matrix, s int, rows []float32) {
	mem := w.mem[s*w.strip : (s+1)*w.strip]
	stride := w.cols + floatPad
	clear(rows)
	for o := range min(16, w.rows-16*s) {
		m.Floats(rows[o*stride:][:w.cols], 16*s+o)
	}
	if w.packing == halves {
		dst := view[uint16](mem)
		for k := range w.cols {
			line := (*[16]uint16)(dst[16*k:])
			for o := range line {
				line[o] = uint16(math.Float32bits(rows[o*stride+k]) >> 16)
			}
		}
		return
	}
	dst := view[float32](mem)
	for k := range w.cols {
		line := (*[16]float32)(dst[16*k:])
		for o := range line {
			line[o] = rows[o*stride+k]
		}
	}
}

// packCodes fills strip s by way of its rows' codes. Codes past the last column stay zero, as do
// the scales.
func (w *weight) packCodes(m kernels.Matrix, s int, rows []uint8) {
	count := min(16, w.rows-16*s)
	width := 64 * w.groups
	for o := range 16 {
		row := rows[o*width : (o+1)*width]
		if o < count {
			m.Codes(row[:w.cols], 16*s+o)
		}
		clear(row[w.cols:])
		if o >= count {
			clear(row)
		}
	}
	for g := range w.groups {
		at := s*w.strip + g*w.block
		blk := w.mem[at : at+w.block]
		for o := range 16 {
			w.packRow(blk, o, (*[64]uint8)(rows[o*width+64*g:]))
		}
		for h := range w.sub {
			k := 64*g + 32*h
			if k >= w.cols {
				break
			}
			tail := view[uint32](blk[w.codeBytes()+h*w.tailBytes():][:w.tailBytes()])
			for o := range count {
				scale, bias := m.ScaleBias(16*s+o, k/m.Group())
				sb, bb := math.Float32bits(scale), math.Float32bits(bias)
				if w.wide {
					tail[o], tail[16+o] = sb, bb
				} else {
					tail[o] = sb | bb>>16
				}
			}
		}
	}
}

// packRow puts the 64 codes of output o into a block, four at a time.
func (w *weight) packRow(blk []byte, o int, codes *[64]uint8) {
	word := func(kk int) uint32 { return binary.LittleEndian.Uint32(codes[kk:]) }
	switch w.packing {
	case packed3:
		for j := range 4 {
			var v uint32
			for p := range 4 {
				v |= word(4*j+16*p) & 0x03030303 << (2 * p)
			}
			binary.LittleEndian.PutUint32(blk[64*j+4*o:], v)
		}
		for t := range 2 {
			var v uint32
			for b := range 8 {
				v |= word(4*t+8*b) >> 2 & 0x01010101 << b
			}
			binary.LittleEndian.PutUint32(blk[256+64*t+4*o:], v)
		}
	case packed8:
		for j := range 16 {
			binary.LittleEndian.PutUint32(blk[64*j+4*o:], word(4*j))
		}
	default:
		for j := range 8 {
			binary.LittleEndian.PutUint32(blk[64*j+4*o:], word(4*j)|word(32+4*j)<<4)
		}
	}
}

// scaleBias reads scale and bias of output o in scale group h of a block.
func (w *weight) scaleBias(blk []byte, h, o int) (scale, bias float32) {
	tail := view[uint32](blk[w.codeBytes()+h*w.tailBytes():][:w.tailBytes()])
	if w.wide {
		return math.Float32frombits(tail[o]), math.Float32frombits(tail[16+o])
	}
	return math.Float32frombits(tail[o] &^ 0xffff), math.Float32frombits(tail[o] << 16)
}

// code reads the code of output o, input kk of a block.
func (w *weight) code(blk []byte, o, kk int) uint8 {
	switch at := 4*o + kk%4; w.packing {
	case packed8:
		return blk[64*(kk/4)+at]
	case packed3:
		return blk[64*(kk/4%4)+at]>>(kk/16*2)&3 | blk[256+64*(kk/4%2)+at]>>(kk/8)&1<<2
	default:
	}
	return blk[64*(kk%32/4)+4*o+kk%4] >> (kk / 32 * 4) & 15
}

func all(row []float32, ok func(float32) bool) bool {
	for _, v := range row {
		if !ok(v) {
			return false
		}
	}
	return true
}

// allRows tells whether ok holds for every row of m in float32.
func allRows(m kernels.Matrix, ok func(n int, row []float32) bool) bool {
	return repack.InTurn(m.Rows(), func() func(int) bool {
		row := make([]float32, m.Cols())
		return func(n int) bool { m.Floats(row, n); return ok(n, row) }
	})
}
