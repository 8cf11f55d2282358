package cpu

import (
	"math"

	"mtplx/kernels"
)

// tiny is the bound below which a group of activations counts as zero: 2^-100.
const tiny = 0x1p-100

// magic is 1.5*2^23. Adding it to a float32 of magnitude below 2^22 leaves the value rounded to
// the nearest even integer in the low bits.
const magic = 0x1.8p23

// codes is the quantised form of one group of up to 64 inputs.
type codes [64]int32

// quantise fills q with the codes of x, at most 64 values, zeros beyond them, and returns s and
// b of the contract.
func (q *codes) quantise(x []float32, limit float32) (s, b float32) {
	// As integers, since under that order a NaN is the greatest and reaches the scale.
	var top uint32
	for _, v := range x {
		top = max(top, math.Float32bits(v)&^(1<<31))
	}
	mx := math.Float32frombits(top)
	*q = codes{}
	if mx < tiny {
		return 0, 0
	}
	s = mx / limit
	inv := 1 / s
	var sum int32
	for i, v := range x {
		p := float32(v * inv)
		r := float32(p + magic)
		c := int32(math.Float32bits(r)) - 0x4b400000
		q[i] = c
		sum += c
	}
	return s, float32(s * float32(sum))
}

// quantise writes inputs of a row from its group `first` on.
func (p *actsForm) quantise(row, first int, x []float32) {
	limit := p.kind.Max()
	done := p.quantiseSIMD(row, first, x)
	at, step := p.at(row)+(first+done)*p.step(row), p.step(row)
	sc := p.scaleAt(row) + (first+done)*p.sub*8
	var q, part codes
	for g := done; 64*g < len(x); g++ {
		in := x[g*64 : min(g*64+64, len(x))]
		if p.sub == 1 {
			s, b := q.quantise(in, limit)
			p.scales[sc], p.scales[sc+4] = s, b
			sc += 8
		} else {
			for h := range 2 {
				s, b := part.quantise(in[min(32*h, len(in)):min(32*h+32, len(in))], limit)
				copy(q[32*h:], part[:32])
				p.scales[sc], p.scales[sc+4] = s, b
				sc += 8
			}
		}
		p.store(p.codes[at:at+p.bytes], &q)
		at += step
	}
}

// store writes the codes of a group in the tier's own order.
func (p *actsForm) store(dst []byte, q *codes) {
	switch {
	case p.kind == kernels.Int8:
		for i, c := range q {
			dst[i] = byte(c)
		}
	case p.tier.planes():
		for i, c := range q {
			hi := (c + 128) >> 8
			dst[i], dst[64+i] = byte(hi), byte(c-hi<<8)
		}
	default:
		for i, c := range q {
			if p.tier.pairs() {
				i = quadOrder(i)
			}
			dst[2*i], dst[2*i+1] = byte(c), byte(c>>8)
		}
	}
}

// load reads back what store wrote.
func (p *actsForm) load(q *codes, src []byte) {
	switch {
	case p.kind == kernels.Int8:
		for i := range q {
			q[i] = int32(int8(src[i]))
		}
	case p.tier.planes():
		for i := range q {
			q[i] = int32(int8(src[i]))<<8 + int32(int8(src[64+i]))
		}
	default:
		for i := range q {
			j := i
			if p.tier.pairs() {
				j = quadOrder(i)
			}
			q[i] = int32(int16(uint16(src[2*j]) | uint16(src[2*j+1])<<8))
		}
	}
}

// quadOrder is the place of code i among int16 codes in the order k0 k2 k1 k3.
func quadOrder(i int) int { return i&^3 | i&1<<1 | i&2>>1 }
