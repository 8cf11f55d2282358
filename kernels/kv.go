package kernels

import "fmt"

// KV is how keys and values are kept. Like Mode it is part of every fingerprint: another one means other bits.
type KV uint8

// The ways of keeping keys and values.
const (
	// KVPlain keeps them as the numeric mode has them: bfloat16 in Fast, float32 in the others.
	KVPlain KV = iota
	// KVQ8 keeps keys in 8 bits with a scale for 32 dims, values rotated and in 8 bits with a scale a head.
	KVQ8
	// KVQ8V4 is KVQ8 with values in 4 bits, KVQ8V3 in 3.
	KVQ8V4
	KVQ8V3
)

var kvNames = [...]string{"plain", "q8", "q8-v4", "q8-v3"}

func (k KV) String() string { return kvNames[k] }

// ParseKV reads the name of a way; "" is plain.
func ParseKV(s string) (KV, error) {
	for i, n := range kvNames {
		if s == n || s == "" {
			return KV(i), nil
		}
	}
	return 0, fmt.Errorf("parse way of keeping keys and values %q: known ones are plain, q8, q8-v4 and q8-v3", s)
}

// Stored names the types that mode m and way k come to: bfloat16 or float32, or the way's own name.
func (k KV) Stored(m Mode) string {
	switch {
	case k != KVPlain:
		return k.String()
	case m.KVFloat32():
		return "float32"
	}
	return "bfloat16"
}

// ValueBits is the width of a value's code, 0 for KVPlain.
func (k KV) ValueBits() int { return [...]int{0, 8, 4, 3}[k] }

// KeyGroup is the number of a key's dims that share a scale; a head's last group may have 16.
const KeyGroup = 32

// KeyGroups is the number of scales of a key.
func (d AttnDims) KeyGroups() int { return (d.HeadDim + KeyGroup - 1) / KeyGroup }

// KeyBytes is the size of one head's keys in a page. Quantised, they are the codes, then the scales in bfloat16.
func (d AttnDims) KeyBytes() int {
	if d.KV == KVPlain {
		return PageTokens * d.HeadDim * d.ElemBytes()
	}
	return d.KeyScales() + 2*PageTokens*d.KeyGroups()
}

// ValueBytes is the size of one head's values in a page. Quantised, they are the codes, then the tokens' scales
// [64] in float32.
func (d AttnDims) ValueBytes() int {
	if d.KV == KVPlain {
		return PageTokens * d.HeadDim * d.ElemBytes()
	}
	return d.ValueScales() + 4*PageTokens
}

// KeyScales is the byte within quantised keys at which the scales begin.
func (d AttnDims) KeyScales() int { return PageTokens * d.HeadDim }

// ValueScales is the byte within quantised values at which the scales begin.
func (d AttnDims) ValueScales() int { return PageTokens * d.HeadDim * d.KV.ValueBits() / 8 }

// KeyCode is the byte of dim i of token t within quantised keys: four tiles of 16 tokens, each [HeadDim/4][16][4].
func (d AttnDims) KeyCode(t, i int) int { return t/16*16*d.HeadDim + i/4*64 + t%16*4 + i%4 }

// KeyScale is the byte of the scale of group g of token t within quantised keys: four tiles of 16 tokens, each
// [KeyGroups][16].
func (d AttnDims) KeyScale(t, g int) int {
	return d.KeyScales() + 2*((t/16*d.KeyGroups()+g)*16+t%16)
}

// ValueBlock is the number of positions whose codes may share words: they are written by one worker.
const ValueBlock = 32

// valueWord is where the code of dim i of token t lies within the values' codes: the 32-bit word, and the first of
// its bits. Codes are HeadDim/16 tiles of 16 dims:
//
//	8 bits: [16][16] words, token t%4 of the word's four
//	4 bits: [8][16] words, token t%8 of eight
//	3 bits: [2][3][16] words, token u of 32: ten codes a word from bit 0 on; the last two bits of the words hold
//	        the low two bits of u = 30 (word 0) and 31 (word 2), and their high bits (word 1)
//
// For u = 30 and 31 it is where the low two bits lie.
func (k KV) valueWord(t, i int) (word, bit int) {
	switch bits := k.ValueBits(); bits {
	case 3:
		word, u := (i/16*2+t/ValueBlock)*48+i%16, t%ValueBlock
		switch u {
		case 30:
			return word, 30
		case 31:
			return word + 32, 30
		}
		return word + u/10*16, 3 * (u % 10)
	default:
		per := 32 / bits
		return (i/16*(PageTokens/per)+t/per)*16 + i%16, t % per * bits
	}
}

// ValueCode reads the code of dim i of token t from a head's values.
func (k KV) ValueCode(values []byte, t, i int) uint8 {
	w, bit := k.valueWord(t, i)
	code := word(values, w) >> bit
	if k == KVQ8V3 && bit == 30 {
		middle := w + 16
		if t%ValueBlock == 31 {
			middle = w - 16
		}
		code |= word(values, middle) >> (t % ValueBlock) & 1 << 2
	}
	return uint8(code & (1<<k.ValueBits() - 1))
}

// SetValueCode writes it, and changes no other's.
func (k KV) SetValueCode(values []byte, t, i int, code uint8) {
	w, bit := k.valueWord(t, i)
	if k == KVQ8V3 && bit == 30 {
		middle, u := w+16, t%ValueBlock
		if u == 31 {
			middle = w - 16
		}
		setBits(values, middle, u, 1, uint32(code)>>2)
		setBits(values, w, bit, 3, uint32(code)&3)
		return
	}
	setBits(values, w, bit, 1<<k.ValueBits()-1, uint32(code))
}

func word(b []byte, i int) uint32 {
	b = b[4*i : 4*i+4]
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}

func setBits(b []byte, i, bit int, mask, v uint32) {
	w := word(b, i)&^(mask<<bit) | v<<bit
	b = b[4*i : 4*i+4]
	b[0], b[1], b[2], b[3] = byte(w), byte(w>>8), byte(w>>16), byte(w>>24)
}
