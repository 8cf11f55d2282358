package gpu

import (
	"fmt"

	"mtplx/kernels"
)

// Limits of the kernels' threadgroup memory, and of the scratch.
const (
	attnHeadMost  = 512      // HEAD_MOST
	attnQuadMost  = 512      // Q_MOST: values of a quad of query heads, times quads
	attnSplitMost = 16       // query heads of a threadgroup
	attnRowsMost  = 16       // rows up to which splits are computed apart
	attnScratch   = 16 << 20 // words that splits computed apart may take
)

// pages is the pool of an attention operation.
type pages struct {
	d    kernels.AttnDims
	pool operand
	dims words // attn_dims
	kind string
}

func (l *lowering) pages(d kernels.AttnDims, layer int, pool operand) (pages, error) {
	s := l.slots
	switch {
	case d.KV > kernels.KVQ8V3:
		return pages{}, fmt.Errorf("way %d of keeping keys and values is not known", d.KV)
	case d.NQ < 1 || d.NKV < 1 || d.NQ%d.NKV != 0:
		return pages{}, fmt.Errorf("%d query heads do not share %d key heads evenly", d.NQ, d.NKV)
	case d.HeadDim < 16 || d.HeadDim%16 != 0 || d.HeadDim > attnHeadMost:
		return pages{}, fmt.Errorf("head size %d is not a multiple of 16 up to %d", d.HeadDim, attnHeadMost)
	case d.Rotary < 0 || 2*d.Rotary > d.HeadDim || d.Rotary > s.Dims.Rotary:
		return pages{}, fmt.Errorf("%d rotary angles do not fit heads of %d and slots of %d", d.Rotary, d.HeadDim, s.Dims.Rotary)
	case layer < 0 || layer >= d.Layers:
		return pages{}, fmt.Errorf("layer %d is not among %d", layer, d.Layers)
	case 4*pool.words < d.PoolBytes():
		return pages{}, fmt.Errorf("the page pool holds %d bytes, needs %d", 4*pool.words, d.PoolBytes())
	}
	p, e := pages{d: d, pool: pool}, 2
	switch {
	case d.KV != kernels.KVPlain:
		p.kind = codedKinds[d.KV]
	case d.Float32:
		p.kind, e = "f32", 4
	default:
		p.kind = "bf16"
	}
	p.dims = words{}.u(d.NQ, d.NKV, d.HeadDim, d.Rotary, d.Pages, layer, d.PageBytes()/e, d.KeyBytes()/e, d.HeadBytes()/e)
	return p, nil
}

// codedKinds are the kernels' names of quantised keys and values.
var codedKinds = [...]string{kernels.KVQ8: "q8", kernels.KVQ8V4: "q8v4", kernels.KVQ8V3: "q8v3"}

// merge is the kernel that merges splits, and its threads: of rotated values, they have a whole block of the rotation.
func (p *pages) merge() (kernel string, threads uint32) {
	if p.d.KV == kernels.KVPlain {
		return "attention_merge", pair
	}
	return "attention_merge_coded", max(pair, u32(kernels.RotationBlock(p.d.HeadDim)/2))
}

func (l *lowering) attnPrep(o *kernels.AttnPrep) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	c := collect{dev: l.dev}
	d, hd := o.Dims, o.Dims.HeadDim
	pool, x, y := c.buffer(o.Pool, "the page pool", 0), c.buffer(o.In, "input", 0), c.buffer(o.QOut, "queries", 0)
	qGain, kGain := c.buffer(o.QGain, "gain of the queries", hd), c.buffer(o.KGain, "gain of the keys", hd)
	if c.err != nil {
		return step{}, c.err
	}
	pg, err := l.pages(d, o.Layer, pool)
	if err != nil {
		return step{}, err
	}
	for _, f := range []struct {
		col, n int
		what   string
	}{{o.Q, 2 * d.NQ * hd, "query"}, {o.K, d.NKV * hd, "key"}, {o.V, d.NKV * hd, "value"}} {
		if f.col < 0 || f.col+f.n > o.Stride {
			return step{}, fmt.Errorf("%s columns %d to %d leave the row of %d", f.what, f.col, f.col+f.n, o.Stride)
		}
	}
	s := o.S
	caps := []capacity{{x.rows(o.Stride), "the input"}, {y.rows(d.NQ * hd), "the queries"}}
	p := append(words{}.slots(s), pg.dims...).u(o.Stride, o.Q, o.K, o.V).f(o.Eps)
	return step{
		checks: []check{roomFor(s.Rows, s.Dims.Rows, caps), paged(s, d.Pages)},
		dispatches: []dispatch{{
			"attn_prep_" + pg.kind, 32,
			[]Arg{in(l.slotBuf), in(x), in(qGain), in(kGain), out(pool), out(y), constants(p)},
			func(sh Shape) [3]uint32 { return [3]uint32{u32(d.NQ + 2*d.NKV), u32(sh.Rows), 1} },
		}},
	}, nil
}

func (l *lowering) attention(o *kernels.Attention) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	c := collect{dev: l.dev}
	d, hd, s := o.Dims, o.Dims.HeadDim, o.S
	pool, q, gates := c.buffer(o.Pool, "the page pool", 0), c.buffer(o.Q, "queries", 0), c.buffer(o.In, "gates", 0)
	a := c.acts(o.Acts, d.NQ*hd)
	if c.err != nil {
		return step{}, c.err
	}
	pg, err := l.pages(d, o.Layer, pool)
	if err != nil {
		return step{}, err
	}
	if o.QCol < 0 || o.QCol+2*d.NQ*hd > o.Stride {
		return step{}, fmt.Errorf("query columns %d to %d leave the row of %d", o.QCol, o.QCol+2*d.NQ*hd, o.Stride)
	}
	l.attends = true
	group := d.NQ / d.NKV
	most := min(group, 4*(attnQuadMost/hd), attnSplitMost)
	splits, line := maxSplits(s), d.NQ*(hd+2)
	tiles := l.attnTiles(d)
	partRows := s.Dims.Rows
	if tiles.least == 0 {
		partRows = min(attnRowsMost, partRows)
	}
	scratch := l.scratch(max(s.Dims.Rows*line, min(attnScratch, partRows*splits*line)))
	ds := make([]dispatch, 0, 6)
	merge, mergers := pg.merge()
	for _, whole := range []bool{false, true} {
		// Few rows leave room for a threadgroup a quad of heads; many share what is read.
		heads := min(most, 4)
		if whole {
			heads = most
		}
		blocks := up(group, heads)
		cut := func(sh Shape) int {
			if whole {
				return 1
			}
			return sh.Splits
		}
		here := func(sh Shape, grid [3]uint32) [3]uint32 {
			if tiles.apart(sh) == whole {
				return [3]uint32{}
			}
			return grid
		}
		args := []Arg{in(l.slotBuf), in(q), in(pool), scratch, {shaped: func(sh Shape) words {
			return append(words{}.slots(s), pg.dims...).u(heads, blocks, cut(sh)).flag(whole).u(tiles.from(sh))
		}}}
		if tiles.least > 0 {
			ds = append(ds, dispatch{"attention_tile_" + pg.kind, attnTileThreads, args, func(sh Shape) [3]uint32 {
				if !tiles.some(sh) {
					return [3]uint32{}
				}
				return here(sh, [3]uint32{u32(d.NKV), u32(tiles.count(sh)), u32(cut(sh))})
			}})
		}
		ds = append(ds,
			dispatch{"attention_" + pg.kind, threads, args, func(sh Shape) [3]uint32 {
				if tiles.from(sh) == 1 {
					return [3]uint32{}
				}
				return here(sh, [3]uint32{u32(d.NKV * blocks), u32(sh.Rows), u32(cut(sh))})
			}},
			dispatch{
				kernel: merge, threads: mergers,
				args: append([]Arg{in(l.slotBuf), {}, in(gates)}, append(a.args(), Arg{shaped: func(sh Shape) words {
					return append(words{}.slots(s).acts(a), pg.dims...).u(cut(sh)).flag(whole).u(o.Stride, o.QCol)
				}})...),
				grid: func(sh Shape) [3]uint32 {
					return here(sh, [3]uint32{u32(up(d.NQ*hd, 2*int(mergers))), u32(sh.Rows), 1})
				},
			})
	}
	caps := []capacity{{q.rows(d.NQ * hd), "the queries"}, {gates.rows(o.Stride), "the gates"}, {a.maxRows, "the activations"}}
	return step{
		checks:     []check{roomFor(s.Rows, s.Dims.Rows, caps), paged(s, d.Pages)},
		dispatches: ds,
	}, nil
}
