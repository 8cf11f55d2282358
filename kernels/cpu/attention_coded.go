package cpu

import (
	"encoding/binary"
	"math"
	"structs"
	"unsafe"

	"mtplx/kernels"
)

// keepArgs is a key or a value to quantise and write into its page; see c/coded.c.
type keepArgs struct {
	_     structs.HostLayout
	x     *float32 // [hd]; a value's is overwritten
	signs *float32 // of the rotation
	turns *float32 // of butterflies
	page  unsafe.Pointer
	hd    int
	t     int // the token's place in the page
	kv    int
}

// turnArgs is what attention made of rotated values, to be turned back.
type turnArgs struct {
	_     structs.HostLayout
	x     *float32
	signs *float32
	turns *float32
	hd    int
}

// butterflies are the signs of the first four steps of the Walsh-Hadamard transform, whose pairs lie in one vector.
var butterflies = func() (s [4][16]float32) {
	for step := range s {
		for i := range s[step] {
			s[step][i] = 1 - 2*float32(i>>step&1)
		}
	}
	return s
}()

// levels are what the codes of a way stand for, as often as they fill a vector.
func levels(kv kernels.KV) []float32 {
	l := make([]float32, 16)
	for c := range l {
		l[c] = kv.Value(uint8(c & (1<<kv.ValueBits() - 1)))
	}
	return l
}

// coder is what quantising keys and values needs; it is empty for plain ones.
type coder struct {
	signs []float32
	args  []keepArgs // of each worker
}

func newCoder(dev *Device, d *kernels.AttnDims) coder {
	if d.KV == kernels.KVPlain {
		return coder{}
	}
	return coder{kernels.RotationSigns(d.HeadDim), make([]keepArgs, dev.Threads())}
}

// keepCodes writes a row's key of one head into its page. Codes of values share words with those of neighbouring
// positions, so that who has the first row of a block of positions writes the values of all its rows.
func (s *attnPrep) keepCodes(t, row, h int, key []float32) {
	d, lane := &s.Dims, s.S.Lane[row]
	keys, _, tok := s.head(row, h)
	a := &s.coder.args[t]
	a.hd, a.kv, a.signs, a.turns = d.HeadDim, int(d.KV), &s.coder.signs[0], &butterflies[0][0]
	a.x, a.page, a.t = &key[0], unsafe.Pointer(&keys[0]), tok
	a.key(s.tier)
	first := int(s.S.First[lane])
	if row > first && tok%kernels.ValueBlock != 0 {
		return
	}
	last := min(row+kernels.ValueBlock-tok%kernels.ValueBlock, first+int(s.S.Count[lane]))
	for ; row < last; row++ {
		_, values, tok := s.head(row, h)
		x := s.lines.of(t, d.HeadDim)
		copy(x, s.in[row*s.Stride+s.V+h*d.HeadDim:])
		a.x, a.page, a.t = &x[0], unsafe.Pointer(&values[0]), tok
		a.value(s.tier)
	}
}

// codeKey is keepArgs.key in plain Go.
func codeKey(a *keepArgs) {
	d := kernels.AttnDims{HeadDim: a.hd, KV: kernels.KV(a.kv)}
	var codes [kernels.KeyGroup]int8
	var scale [1]uint16
	x, page := slice(a.x, a.hd), unsafe.Slice((*byte)(a.page), d.KeyBytes())
	for g := range d.KeyGroups() {
		from := g * kernels.KeyGroup
		c := codes[:min(kernels.KeyGroup, a.hd-from)]
		kernels.QuantizeKey(c, scale[:], x[from:from+len(c)])
		for i, v := range c {
			page[d.KeyCode(a.t, from+i)] = byte(v)
		}
		binary.LittleEndian.PutUint16(page[d.KeyScale(a.t, g):], scale[0])
	}
}

// mostHead is the largest head that plain Go quantises without allocating.
const mostHead = 512

// codeValue is keepArgs.value in plain Go.
func codeValue(a *keepArgs) {
	d := kernels.AttnDims{HeadDim: a.hd, KV: kernels.KV(a.kv)}
	var room [mostHead]uint8
	codes := room[:]
	if a.hd > mostHead {
		codes = make([]uint8, a.hd)
	}
	page := unsafe.Slice((*byte)(a.page), d.ValueBytes())
	s := d.KV.QuantizeValue(codes[:a.hd], slice(a.x, a.hd), slice(a.signs, a.hd))
	for i, c := range codes[:a.hd] {
		d.KV.SetValueCode(page, a.t, i, c)
	}
	binary.LittleEndian.PutUint32(page[d.ValueScales()+4*a.t:], math.Float32bits(s))
}

// unrotateRow turns back what attention made of rotated values.
func unrotateRow(t tier, x, signs []float32) {
	a := turnArgs{x: &x[0], signs: &signs[0], turns: &butterflies[0][0], hd: len(x)}
	a.run(t)
}

func turnPlain(a *turnArgs) { kernels.Unrotate(slice(a.x, a.hd), slice(a.signs, a.hd)) }

// attendCodes is attend over quantised keys and values in plain Go.
func attendCodes(a *attendArgs, d *kernels.AttnDims) {
	for j := range a.queries {
		q, o := slice(a.q[j], a.hd), slice(a.o[j], a.hd)
		p := slice(past(a.p, j*kernels.SplitTokens), kernels.SplitTokens)[:a.count[j]]
		for t := range p {
			p[t] = scoreCodes(a.k[t/kernels.PageTokens], d, t%kernels.PageTokens, q)
		}
		a.soften(j, p)
		clear(o)
		for t, w := range p {
			page, tok := unsafe.Slice((*byte)(a.v[t/kernels.PageTokens]), d.ValueBytes()), t%kernels.PageTokens
			w = float32(w * *(*float32)(unsafe.Pointer(&page[d.ValueScales()+4*tok])))
			for i := range o {
				o[i] = kernels.FMA(d.KV.Value(d.KV.ValueCode(page, tok, i)), w, o[i])
			}
		}
	}
}

func scoreCodes(keys unsafe.Pointer, d *kernels.AttnDims, t int, q []float32) (score float32) {
	page := unsafe.Slice((*byte)(keys), d.KeyBytes())
	for g := range d.KeyGroups() {
		u := float32(0)
		for i := g * kernels.KeyGroup; i < min((g+1)*kernels.KeyGroup, len(q)); i++ {
			u = kernels.FMA(float32(int8(page[d.KeyCode(t, i)])), q[i], u)
		}
		score = kernels.FMA(u, element(keys, d.KeyScale(t, g)/2, false), score)
	}
	return score
}
