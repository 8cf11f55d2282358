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
	case len(mem) < d.PoolBytes():
		return nil, fmt.Errorf("the page pool holds %d bytes, needs %d", len(mem), d.PoolBytes())
	}
	return &pool{d, layer, f, h}, nil
}

// place is the element at which head h's keys (or values) of the page of a position begin.
func (p *pool) place(s *kernels.Slots, lane, pos, h int, values bool) (at, t int, err error) {
	i := pos / kernels.PageTokens
	if i < 0 || i >= s.Dims.Pages {
		return 0, 0, fmt.Errorf("lane %d: position %d is beyond its %d pages", lane, pos, s.Dims.Pages)
	}
	page := int(s.Pages[lane*s.Dims.Pages+i])
	if page < 0 || page >= p.d.Pages {
		return 0, 0, fmt.Errorf("lane %d: page %d of position %d is not among the pool's %d", lane, page, pos, p.d.Pages)
	}
	at = p.d.PageOffset(p.layer, page, h)
	if values {
		at += p.d.HalfBytes()
	}
	return at / p.d.ElemBytes(), pos % kernels.PageTokens, nil
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

// gather copies keys (or values) of head h at a position to dst.
func (p *pool) gather(dst []float32, s *kernels.Slots, lane, pos, h int, values bool) error {
	at, t, err := p.place(s, lane, pos, h, values)
	if err != nil {
		return err
	}
	for i := range dst {
		if values {
			dst[i] = p.get(at + p.d.ValueIndex(t, i))
		} else {
			dst[i] = p.get(at + p.d.KeyIndex(t, i))
		}
	}
	return nil
}

// scatter stores keys (or values).
func (p *pool) scatter(src []float32, s *kernels.Slots, lane, pos, h int, values bool) error {
	at, t, err := p.place(s, lane, pos, h, values)
	if err != nil {
		return err
	}
	for i, v := range src {
		if values {
			p.set(at+p.d.ValueIndex(t, i), v)
		} else {
			p.set(at+p.d.KeyIndex(t, i), v)
		}
	}
	return nil
}

// Split is the softmax attention of one query over the positions of one split: the greatest score
// M, the sum L of exp(score-M), and O, the values' sum under those weights.
type Split struct {
	M, L float32
	O    []float32
}

// Attend fills sp from a split's keys and values, [n][len(q)] each; p is room for n weights. q is
// scaled already.
func (sp *Split) Attend(q, keys, values, p []float32) {
	hd := len(q)
	n := len(keys) / hd
	sp.M = float32(math.Inf(-1))
	for t := range n {
		var score float32
		for i, k := range keys[t*hd : (t+1)*hd] {
			score = kernels.FMA(k, q[i], score)
		}
		p[t] = score
		sp.M = max(sp.M, score)
	}
	var l [8]float32
	for t := range n {
		p[t] = kernels.Exp(p[t] - sp.M)
		l[t%8] += p[t]
	}
	sp.L = ((l[0] + l[1]) + (l[2] + l[3])) + ((l[4] + l[5]) + (l[6] + l[7]))
	for i := range sp.O {
		var o float32
		for t := range n {
			o = kernels.FMA(values[t*hd+i], p[t], o)
		}
		sp.O[i] = o
	}
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
	keys := make([]float32, kernels.SplitTokens*hd)
	values := make([]float32, kernels.SplitTokens*hd)
	weights := make([]float32, kernels.SplitTokens)
	row := make([]float32, d.NQ*hd)
	sum, one := Split{O: make([]float32, hd)}, Split{O: make([]float32, hd)}
	return func() error {
		for r := range s.Rows() {
			lane, end := int(s.Lane[r]), s.Position(r)+1
			for h := range d.NQ {
				query := q[(r*d.NQ+h)*hd:][:hd]
				for from := 0; from < end; from += kernels.SplitTokens {
					n := min(kernels.SplitTokens, end-from)
					for t := range n {
						if err := p.gather(keys[t*hd:(t+1)*hd], s, lane, from+t, h/(d.NQ/d.NKV), false); err != nil {
							return err
						}
						if err := p.gather(values[t*hd:(t+1)*hd], s, lane, from+t, h/(d.NQ/d.NKV), true); err != nil {
							return err
						}
					}
					if from == 0 {
						sum.Attend(query, keys[:n*hd], values[:n*hd], weights)
						continue
					}
					one.Attend(query, keys[:n*hd], values[:n*hd], weights)
					sum.Merge(&one)
				}
				inv := 1 / sum.L
				gate := in[r*o.Stride+o.QCol+h*2*hd+hd:][:hd]
				for i, v := range sum.O {
					y := float32(v * inv)
					row[h*hd+i] = float32(y * kernels.Sigmoid(gate[i]))
				}
			}
			if err := a.put(r, row); err != nil {
				return err
			}
		}
		return nil
	}, nil
}
