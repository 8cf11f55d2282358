package conform

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"mtplx/kernels"
)

// poison fills the pool with NaNs; of quantised keys and values the scales are NaN.
func (w *attnWorld) poison() {
	switch {
	case w.d.KV != kernels.KVPlain:
		b := w.pool.Bytes()
		for i := range b {
			b[i] = 0xff
		}
	case w.d.Float32:
		f := kernels.Floats(w.pool)
		for i := range f {
			f[i] = nan
		}
	default:
		h := kernels.Halves(w.pool)
		for i := range h {
			h[i] = 0x7fc0
		}
	}
}

// poolWords is the pool, an element a word, or 32 bits of quantised keys and values.
func (w *attnWorld) poolWords() []uint32 {
	var out []uint32
	switch {
	case w.d.KV != kernels.KVPlain:
		b := w.pool.Bytes()
		for i := 0; i < w.d.PoolBytes(); i += 4 {
			out = append(out, binary.LittleEndian.Uint32(b[i:]))
		}
	case w.d.Float32:
		return words(kernels.Floats(w.pool))
	default:
		for _, h := range kernels.Halves(w.pool) {
			if h&0x7fff > 0x7f80 {
				h = 0x7fc0
			}
			out = append(out, uint32(h))
		}
	}
	return out
}

// fill has the host write the lane's own keys and values for positions from..to-1.
func (w *attnWorld) fill(lane, from, to int) {
	kv, hd := w.d.NKV*w.d.HeadDim, w.d.HeadDim
	text := w.text.keysAndValues(lane, w.tokens*2*kv)
	for pos := from; pos < to; pos++ {
		page, t := int(w.s.Pages[lane*w.s.Dims.Pages+pos/kernels.PageTokens]), pos%kernels.PageTokens
		row := text[pos*2*kv:][:2*kv]
		for h := range w.d.NKV {
			at := w.d.PageOffset(w.layer, page, h)
			key, value := row[h*hd:][:hd], row[kv+h*hd:][:hd]
			if w.d.KV != kernels.KVPlain {
				b := w.pool.Bytes()[at:][:w.d.HeadBytes()]
				w.code(b[:w.d.KeyBytes()], b[w.d.KeyBytes():], t, key, value)
				continue
			}
			for i := range hd {
				w.put(at, w.d.KeyIndex(t, i), key[i])
				w.put(at+w.d.KeyBytes(), w.d.ValueIndex(t, i), value[i])
			}
		}
	}
}

// put writes element i of what begins at a byte of the pool.
func (w *attnWorld) put(at, i int, x float32) {
	if w.d.Float32 {
		kernels.Floats(w.pool)[at/4+i] = x
	} else {
		kernels.Halves(w.pool)[at/2+i] = kernels.BF16(x)
	}
}

// code quantises one token's key and value of a head.
func (w *attnWorld) code(keys, values []byte, t int, key, value []float32) {
	d := w.d
	codes, scales, levels := make([]int8, d.HeadDim), make([]uint16, d.KeyGroups()), make([]uint8, d.HeadDim)
	kernels.QuantizeKey(codes, scales, key)
	scale := d.KV.QuantizeValue(levels, append([]float32(nil), value...), kernels.RotationSigns(d.HeadDim))
	for i := range d.HeadDim {
		keys[d.KeyCode(t, i)] = byte(codes[i])
		d.KV.SetValueCode(values, t, i, levels[i])
	}
	for g, s := range scales {
		binary.LittleEndian.PutUint16(keys[d.KeyScale(t, g):], s)
	}
	binary.LittleEndian.PutUint32(values[d.ValueScales()+4*t:], math.Float32bits(scale))
}

// movePages copies every page of the lanes to another place, and poisons what is left over.
func (w *attnWorld) movePages(rng *rand.Rand) {
	w.r.T.Helper()
	old := append([]int32(nil), w.s.Pages...)
	was := w.r.Alloc(w.d.PoolBytes())
	defer was.Release()
	if err := w.r.D.Copy(was, 0, w.pool, 0, w.d.PoolBytes()); err != nil {
		w.r.T.Fatal(err)
	}
	w.poison()
	w.layPages(rng.Perm(w.d.Pages))
	for layer := range w.d.Layers {
		for i, from := range old {
			src, dst := w.d.PageOffset(layer, int(from), 0), w.d.PageOffset(layer, int(w.s.Pages[i]), 0)
			if err := w.r.D.Copy(w.pool, dst, was, src, w.d.PageBytes()); err != nil {
				w.r.T.Fatal(err)
			}
		}
	}
}
