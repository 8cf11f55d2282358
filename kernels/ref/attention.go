package ref

import (
	"fmt"
	"math"

	"mtplx/kernels"
)

// pool is the keys and values of one attention layer.
type pool struct {
	d      kernels.AttnDims
	layer  int
	mem    []byte
	floats []float32
	halves []uint16
}

func bindPool(s *kernels.Slots, d kernels.AttnDims, layer int, mem []byte, f []float32, h []uint16) (*pool, error) {
	switch {
	case d.NQ < 1 || d.NKV < 1 || d.NQ%d.NKV != 0:
		return nil, fmt.Errorf("%d query heads do not share %d key heads evenly", d.NQ, d.NKV)
	case d.HeadDim < 16 || d.HeadDim%16 != 0:
		return nil, fmt.Errorf("head size %d is not a multiple of 16", d.HeadDim)
	case d.Rotary < 0 || 2*d.Rotary > d.HeadDim || d.Rotary > s.Dims.Rotary:
		return nil, fmt.Errorf("%d rotary angles do not fit heads of %d and slots of %d", d.Rotary, d.HeadDim, s.Dims.Rotary)
	case layer < 0 || layer >= d.Layers:
		return nil, fmt.Errorf("layer %d is not among %d", layer, d.Layers)
	case d.KV > kernels.KVQ8V3:
		return nil, fmt.Errorf("way %d of keeping keys and values is not known", d.KV)
	case len(mem) < d.PoolBytes():
		return nil, fmt.Errorf("the page pool holds %d bytes, needs %d", len(mem), d.PoolBytes())
	}
	return &pool{d, layer, mem, f, h}, nil
}

// place is the byte at which head h of the page of a position begins, and the position's token in it.
func (p *pool) place(s *kernels.Slots, lane, pos, h int) (at, t int, err error) {
	i := pos / kernels.PageTokens
	if i < 0 || i >= s.Dims.Pages {
		return 0, 0, fmt.Errorf("lane %d: position %d is beyond its %d pages", lane, pos, s.Dims.Pages)
	}
	page := int(s.Pages[lane*s.Dims.Pages+i])
	if page < 0 || page >= p.d.Pages {
		return 0, 0, fmt.Errorf("lane %d: page %d of position %d is not among the pool's %d", lane, page, pos, p.d.Pages)
	}
	return p.d.PageOffset(p.layer, page, h), pos % kernels.PageTokens, nil
}

func (p *pool) get(i int) float32 {
	if p.d.Float32 {
		return p.floats[i]
	}
	return kernels.FromBF16(p.halves[i])
}

func (p *pool) set(i int, v float32) {
	if p.d.Float32 {
		p.floats[i] = v
	} else {
		p.halves[i] = kernels.BF16(v)
	}
}

// gather copies the plain keys and values of head h at a position.
func (p *pool) gather(key, value []float32, s *kernels.Slots, lane, pos, h int) error {
	at, t, err := p.place(s, lane, pos, h)
	if err != nil {
		return err
	}
	k, v := at/p.d.ElemBytes(), (at+p.d.KeyBytes())/p.d.ElemBytes()
	for i := range key {
		key[i], value[i] = p.get(k+p.d.KeyIndex(t, i)), p.get(v+p.d.ValueIndex(t, i))
	}
	return nil
}

// scatter stores them.
func (p *pool) scatter(key, value []float32, s *kernels.Slots, lane, pos, h int) error {
	at, t, err := p.place(s, lane, pos, h)
	if err != nil {
		return err
	}
	k, v := at/p.d.ElemBytes(), (at+p.d.KeyBytes())/p.d.ElemBytes()
	for i := range key {
		p.set(k+p.d.KeyIndex(t, i), key[i])
		p.set(v+p.d.ValueIndex(t, i), value[i])
	}
	return nil
}

// Split is the softmax attention of one query over the positions of one split: the greatest score
// M, the sum L of exp(score-M), and O, the values' sum under those weights.
type Split struct {
	M, L float32
	O    []float32
}

// attend fills sp from a split's keys and values, [n][len(q)] each; p is room for n weights. q is
// scaled already.
func (sp *Split) attend(q, keys, values, p []float32) {
	hd := len(q)
	n := len(keys) / hd
	for t := range n {
		var score float32
		for i, k := range keys[t*hd : (t+1)*hd] {
			score = kernels.FMA(k, q[i], score)
		}
		p[t] = score
	}
	sp.soften(p[:n])
	for i := range sp.O {
		var o float32
		for t := range n {
			o = kernels.FMA(values[t*hd+i], p[t], o)
		}
		sp.O[i] = o
	}
}

// soften turns scores into weights, and finds M and L.
func (sp *Split) soften(p []float32) {
	sp.M = float32(math.Inf(-1))
	for _, score := range p {
		sp.M = max(sp.M, score)
	}
	var l [8]float32
	for t := range p {
		p[t] = kernels.Exp(p[t] - sp.M)
		l[t%8] += p[t]
	}
	sp.L = ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]))
}

// Merge adds the split that follows (Milakov and Gimelshein 2018).
func (sp *Split) Merge(next *Split) {
	m := max(sp.M, next.M)
	e, e2 := kernels.Exp(sp.M-m), kernels.Exp(next.M-m)
	sp.L = float32(sp.L*e) + float32(next.L*e2)
	for i, o := range next.O {
		sp.O[i] = kernels.FMA(o, e2, float32(sp.O[i]*e))
	}
	sp.M = m
}

func bindAttention(o *kernels.Attention) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	d := o.Dims
	p, err := bindPool(s, d, o.Layer, o.Pool.Bytes(), kernels.Floats(o.Pool), kernels.Halves(o.Pool))
	if err != nil {
		return nil, err
	}
	q, err := floats(o.Q, "queries", 0)
	if err != nil {
		return nil, err
	}
	in, err := floats(o.In, "gates", 0)
	if err != nil {
		return nil, err
	}
	if o.QCol < 0 || o.QCol+2*d.NQ*d.HeadDim > o.Stride {
		return nil, fmt.Errorf("query columns %d to %d leave the row of %d", o.QCol, o.QCol+2*d.NQ*d.HeadDim, o.Stride)
	}
	a, err := bindActs(o.Acts, d.NQ*d.HeadDim)
	if err != nil {
		return nil, err
	}
	hd := d.HeadDim
	mem := p.memory()
	row := make([]float32, d.NQ*hd)
	sum, one := Split{O: make([]float32, hd)}, Split{O: make([]float32, hd)}
	return func() error {
		for r := range s.Rows() {
			lane, end := int(s.Lane[r]), s.Position(r)+1
			for h := range d.NQ {
				query := q[(r*d.NQ+h)*hd:][:hd]
				for from := 0; from < end; from += kernels.SplitTokens {
					sp := &one
					if from == 0 {
						sp = &sum
					}
					if err := mem.attend(sp, query, s, lane, from, min(kernels.SplitTokens, end-from), h/(d.NQ/d.NKV)); err != nil {
						return err
					}
					if from > 0 {
						sum.Merge(&one)
					}
				}
				inv := 1 / sum.L
				y := row[h*hd:][:hd]
				for i, v := range sum.O {
					y[i] = float32(v * inv)
				}
				mem.restore(y)
				gate := in[r*o.Stride+o.QCol+h*2*hd+hd:][:hd]
				for i, v := range y {
					y[i] = float32(v * kernels.Sigmoid(gate[i]))
				}
			}
			if err := a.put(r, row); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// memory is how a layer's keys and values are kept.
type memory interface {
	// keep writes a row's key and value of head h; it may overwrite both.
	keep(key, value []float32, s *kernels.Slots, lane, pos, h int) error
	// attend fills sp from the n positions of a split that begins at from. q is scaled already.
	attend(sp *Split, q []float32, s *kernels.Slots, lane, from, n, h int) error
	// restore turns what attention makes of values as they are kept into what it makes of the values themselves.
	restore(y []float32)
}

func (p *pool) memory() memory {
	hd := p.d.HeadDim
	if p.d.KV != kernels.KVPlain {
		return newCoded(p)
	}
	return &plain{
		pool: p, keys: make([]float32, kernels.SplitTokens*hd), values: make([]float32, kernels.SplitTokens*hd),
		weights: make([]float32, kernels.SplitTokens),
	}
}

// plain is keys and values kept as floats.
type plain struct {
	*pool
	keys, values, weights []float32
}

func (m *plain) keep(key, value []float32, s *kernels.Slots, lane, pos, h int) error {
	return m.scatter(key, value, s, lane, pos, h)
}

func (m *plain) attend(sp *Split, q []float32, s *kernels.Slots, lane, from, n, h int) error {
	hd := len(q)
	for t := range n {
		if err := m.gather(m.keys[t*hd:(t+1)*hd], m.values[t*hd:(t+1)*hd], s, lane, from+t, h); err != nil {
			return err
		}
	}
	sp.attend(q, m.keys[:n*hd], m.values[:n*hd], m.weights)
	return nil
}

func (m *plain) restore([]float32) {}
