package conform

import (
	"encoding/binary"
	"hash/fnv"
	"math"

	"mtplx/kernels"
)

// lcg is the generator that all implementations of the vectors share (Knuth's MMIX constants).
type lcg uint64

func (s *lcg) next() uint32 {
	*s = *s*6364136223846793005 + 1442695040888963407
	return uint32(*s >> 32)
}

// signed is uniform in [-1, 1).
func (s *lcg) signed() float32 { return float32(int32(s.next()>>8)-1<<23) * 0x1p-23 }

// Hash is FNV-1a over the values' little-endian bytes.
func Hash[T float32 | int16](v []T) uint64 {
	h := fnv.New64a()
	var b [4]byte
	for _, x := range v {
		switch y := any(x).(type) {
		case float32:
			binary.LittleEndian.PutUint32(b[:], math.Float32bits(y))
			h.Write(b[:4])
		case int16:
			binary.LittleEndian.PutUint16(b[:], uint16(y))
			h.Write(b[:2])
		}
	}
	return h.Sum64()
}

// ProductVector names a product of 16 rows by a matrix in groups of 64, and the hashes of its
// result with int8 and with int16 activations.
type ProductVector struct {
	Bits, N, K  int
	Int8, Int16 uint64
}

// ProductVectors were agreed between scalar C, AVX2, AVX-VNNI, AVX-512, AMX and plain Go.
var ProductVectors = []ProductVector{
	{2, 16, 64, 0x80454898e8079e6b, 0xd4637dc1d3cb4b03},
	{2, 48, 320, 0x6cad430a1567988d, 0xb87789145a230d50},
	{2, 64, 1024, 0x04f574909cddd59f, 0x1dcdf13769534cb4},
	{2, 256, 512, 0xc0138502d687a1b0, 0x03b9241531f4e8ae},
	{3, 16, 64, 0x665c7672b0f25647, 0x65fd5545f26f811c},
	{3, 48, 320, 0x820e2099315765f7, 0xe5b91611c7d7b96c},
	{3, 64, 1024, 0x657751e5d0a89a96, 0x4552ecfb9686a897},
	{3, 256, 512, 0x52592aeb6543e866, 0x62bdcf3086d93a88},
	{4, 16, 64, 0x8758f06bb8747134, 0xe4a1e39a97972c42},
	{4, 48, 320, 0x147910d05cf02fdf, 0x1fbf22664f30d531},
	{4, 64, 1024, 0xca016691cad74c00, 0x9d1460e568ddec88},
	{4, 256, 512, 0xb706ed07eb223f4b, 0xcb1f903a0ff8c01d},
	{5, 16, 64, 0xc4badef18940cdf3, 0x471fa3afe8eb99af},
	{5, 48, 320, 0x7aee24b4d00d769b, 0xc8e9e1c513883d2d},
	{5, 64, 1024, 0x8f27ea812db3f4d7, 0xcfe53b24d6844c4c},
	{5, 256, 512, 0x7ea4af2a6766c3ee, 0x0143c5c13d8883ae},
	{6, 16, 64, 0x60da728ec189bd2d, 0x98dba3c905d4b715},
	{6, 48, 320, 0x6c2f7acda5fa922e, 0xffd4f14a5142db6d},
	{6, 64, 1024, 0xbd4febc0c8c6cf2f, 0xbceca2c5c0e9b7f7},
	{6, 256, 512, 0x26706adb8e791252, 0x4f25ba487781579c},
	{8, 16, 64, 0xc9a272f37fe769cb, 0x589a0240f3458ffe},
	{8, 48, 320, 0x652da088eb95564f, 0x520d2ba6e1f3c779},
	{8, 64, 1024, 0xe779ef2d8246b23f, 0x6789d901007c790f},
	{8, 256, 512, 0xd8270bbb97e9720d, 0x91cc477a6280b891},
}

// Make gives the vector's matrix and its 16 rows of inputs.
func (v ProductVector) Make() (m *Matrix, x []float32) {
	s := lcg(v.N*1000003 + v.K*101 + v.Bits)
	m = &Matrix{N: v.N, K: v.K, B: v.Bits, G: 64, Code: make([]uint8, v.N*v.K)}
	for n := range v.N {
		for g := range v.K / 64 {
			u := s.next()
			m.Scale = append(m.Scale, kernels.FromBF16(uint16(0x3C00|u&0x7F|(u>>7&1)<<15)))
			m.Bias = append(m.Bias, kernels.FromBF16(uint16(0x3D00|u>>8&0x7F|(u>>15&1)<<15)))
			for i := range 64 {
				c := uint8(s.next() >> (32 - v.Bits))
				switch {
				case g == 0 && n == 0:
					c = uint8(1<<v.Bits - 1)
				case g == 0 && n == 1:
					c = 0
				}
				m.Code[n*v.K+g*64+i] = c
			}
		}
	}
	x = make([]float32, 16*v.K)
	for i := range x {
		u := s.next()
		x[i] = float32(int32(u>>8)-1<<23) * 0x1p-22
		if u&63 == 0 {
			x[i] *= 32
		}
	}
	for i := range 64 {
		x[1*v.K+i], x[2*v.K+i], x[3*v.K+i] = 1, -1, 0
		x[4*v.K+i] *= 0x1p-110
		x[5*v.K+i] = float32(i) - 31.5
	}
	x[5*v.K+63] = 127
	x[6*v.K] = 0x1p20
	return m, x
}

// checkVectors runs the agreed vectors through the device's own operations.
func checkVectors(t T, d kernels.Device) {
	t.Run("product", func(t T) { productVectors(NewRig(t, d)) })
	t.Run("delta", func(t T) { deltaVector(NewRig(t, d)) })
	t.Run("attention", func(t T) { attentionVector(NewRig(t, d)) })
}

func productVectors(r *Rig) {
	s := r.RowSlots(16, 16)
	for _, v := range ProductVectors {
		m, x := v.Make()
		for _, mode := range []kernels.Mode{kernels.Fast, kernels.Exact} {
			w := r.Load(m, mode)
			want := v.Int16
			if w.Form().Kind == kernels.Int8 {
				want = v.Int8
			}
			a := r.Acts(16, w)
			out := r.Floats(16*v.N, 0)
			r.Run(&kernels.Quantize{S: s, X: r.Put(x), Acts: a},
				&kernels.Product{S: s, X: a, Parts: []kernels.Part{{W: w}}, Out: out, Stride: v.N})
			if got := Hash(kernels.Floats(out)); got != want {
				r.T.Errorf("%d bits %dx%d %v: hash %016x, want %016x", v.Bits, v.N, v.K, mode, got, want)
			}
		}
	}
}

// deltaVector runs 8 rows three ways: all on the tape, then folded, and all certain.
func deltaVector(r *Rig) {
	const n, rows = 128, 8
	const wantO, wantD, wantState = 0xd010c35cf388e08e, 0x854b7831d889cab0, 0xbc9953e54c4abe20
	g := lcg(7)
	fill := func(x []float32, f float32) {
		for i := range x {
			x[i] = g.signed() * f
		}
	}
	d := kernels.DeltaDims{Layers: 1, HK: 1, HV: 1, DK: n, DV: n, Tape: rows}
	start := make([]float32, n*n) // [r][c]
	fill(start, 0.5)
	in, gates := make([]float32, rows*3*n), make([]float32, rows*2)
	for i := range rows {
		row := in[i*3*n : (i+1)*3*n] // q, k, v
		fill(row[n:2*n], 0.125)
		fill(row[:n], 0.125)
		fill(row[2*n:], 1)
		gates[2*i] = 1 - float32(g.next()>>8)*0x1p-27
		gates[2*i+1] = float32(g.next()>>8) * 0x1p-24
	}
	at := func(i int) int { return (i%n/16*n+i/n)*16 + i%16 } // of element i of [r][c]
	states := make([]float32, 2*d.StateWords())
	for i, v := range start {
		states[at(i)], states[d.StateWords()+at(i)] = v, v
	}
	rec := kernels.Recurrent{Dims: d, States: r.Put(states), Tapes: r.Floats(3*d.TapeWords(), 0)}
	s := r.RowSlots(rows, rows)
	out := r.Floats(rows*n, 0)
	op := &kernels.Delta{S: s, Recurrent: rec, In: r.Put(in), Gates: r.Put(gates), O: out}
	check := func(what string, x []float32, want uint64) {
		r.T.Helper()
		if got := Hash(x); got != want {
			r.T.Errorf("%s: hash %016x, want %016x", what, got, want)
		}
	}
	state := func(slot int) []float32 {
		x := make([]float32, n*n)
		for i := range x {
			x[i] = kernels.Floats(rec.States)[slot*d.StateWords()+at(i)]
		}
		return x
	}

	s.Base[0], s.TapeIn[0], s.TapeOut[0] = 1, 0, 1
	r.Run(op)
	check("outputs of taped rows", kernels.Floats(out), wantO)
	tape := kernels.Floats(rec.Tapes)[d.TapeWords() : 2*d.TapeWords()]
	check("corrections on the tape", tape[d.TapeD():][:rows*n], wantD)
	check("state under taped rows", state(0), Hash(start))

	for i := range rows { // what DeltaPrep leaves there
		copy(tape[d.TapeK()+i*n:], in[i*3*n+n:][:n])
		tape[d.TapeG()+i] = gates[2*i]
	}
	s.Base[0], s.Fold[0], s.TapeIn[0], s.TapeOut[0] = 9, rows, 1, 2
	s.Certain[0] = 0
	r.Run(op)
	check("state after folding", state(0), wantState)

	s.Base[0], s.Fold[0], s.Certain[0], s.State[0] = 1, 0, rows, 1
	r.Run(op)
	check("outputs of certain rows", kernels.Floats(out), wantO)
	check("state after certain rows", state(1), wantState)
}

// attentionVector is one row of 16 query heads on one key head, its gates so wide open that the
// sigmoid is 1.
func attentionVector(r *Rig) {
	const tokens, heads, hd, want = 1088, 16, 256, 0xe60c0d6ff8fbbab5
	g := lcg(11)
	d := kernels.AttnDims{Layers: 1, NQ: heads, NKV: 1, HeadDim: hd, Pages: tokens / kernels.PageTokens}
	mem := r.Alloc(d.PoolBytes())
	pool := kernels.Halves(mem)
	s := r.Slots(kernels.SlotDims{Rows: 1, Lanes: 1, Logits: 1, Pages: d.Pages})
	for i := range d.Pages {
		s.Pages[i] = int32(d.Pages - 1 - i)
	}
	s.Base[0] = tokens - 1
	for _, values := range []bool{false, true} {
		for t := range tokens {
			at := d.PageOffset(0, int(s.Pages[t/kernels.PageTokens]), 0) / 2
			for i := range hd {
				h := kernels.BF16(g.signed())
				if values {
					pool[at+d.KeyBytes()/2+d.ValueIndex(t%kernels.PageTokens, i)] = h
				} else {
					pool[at+d.KeyIndex(t%kernels.PageTokens, i)] = h
				}
			}
		}
	}
	q, gates := make([]float32, heads*hd), make([]float32, 2*heads*hd)
	for i := range q {
		q[i] = g.signed() * 0.125
	}
	for i := range gates {
		gates[i] = 100
	}
	a := r.Acts(1, r.Load(&Matrix{N: 1, K: heads * hd, Plain: make([]float32, heads*hd)}, kernels.Float32))
	r.Run(&kernels.Attention{S: s, Dims: d, Q: r.Put(q), In: r.Put(gates), Stride: len(gates), Pool: mem, Acts: a})
	if got := Hash(kernels.Floats(a.F32)); got != want {
		r.T.Errorf("attention: hash %016x, want %016x", got, uint64(want))
	}
}
