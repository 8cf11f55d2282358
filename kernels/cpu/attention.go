package cpu

import (
	"math"
	"structs"
	"unsafe"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() {
	register((*kernels.AttnPrep)(nil).Kernel(), compileAttnPrep)
	register((*kernels.Attention)(nil).Kernel(), compileAttention)
}

// attnPrep is kernels.AttnPrep. A unit is one head of one row: the query heads, then the key heads, whose
// units write the values too.
type attnPrep struct {
	*kernels.AttnPrep
	tier          tier
	in, q, qg, kg []float32
	pool          []byte
	scale         float32
	lines         lines
	coder         coder // of quantised keys and values
}

func compileAttnPrep(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.AttnPrep)
	hd := o.Dims.HeadDim
	return &attnPrep{
		AttnPrep: o, tier: d.tier.vectors(), in: floats(o.In), q: floats(o.QOut), qg: floats(o.QGain)[:hd], kg: floats(o.KGain)[:hd],
		pool: o.Pool.Bytes(), scale: kernels.InvSqrt(float32(hd)), lines: newLines(d, hd),
		coder: newCoder(d, &o.Dims),
	}, nil
}

func (s *attnPrep) run(t, n int) {
	d := s.Dims
	heads := d.NQ + d.NKV
	from, to := share(s.S.Rows()*heads, t, n)
	for u := from; u < to; u++ {
		row, h := u/heads, u%heads
		in := s.in[row*s.Stride:][:s.Stride]
		cos, sin := s.S.Cos[row*s.S.Dims.Rotary:][:d.Rotary], s.S.Sin[row*s.S.Dims.Rotary:][:d.Rotary]
		if h < d.NQ {
			x := s.q[(row*d.NQ+h)*d.HeadDim:][:d.HeadDim]
			normRow(s.tier, x, in[s.Q+2*h*d.HeadDim:][:d.HeadDim], s.qg, s.Eps)
			ropeRow(s.tier, x, cos, sin)
			scaleRow(s.tier, x, x, s.scale)
			continue
		}
		h -= d.NQ
		x := s.lines.of(t, d.HeadDim)
		normRow(s.tier, x, in[s.K+h*d.HeadDim:][:d.HeadDim], s.kg, s.Eps)
		ropeRow(s.tier, x, cos, sin)
		if d.KV != kernels.KVPlain {
			s.keepCodes(t, row, h, x)
			continue
		}
		s.keep(row, h, x, in[s.V+h*d.HeadDim:][:d.HeadDim])
	}
}

// head is a head's keys and values in the page of a row, and the row's token in it.
func (s *attnPrep) head(row, h int) (keys, values []byte, tok int) {
	d := &s.Dims
	pos := s.S.Position(row)
	page := s.S.Pages[int(s.S.Lane[row])*s.S.Dims.Pages+pos/kernels.PageTokens]
	mem := s.pool[d.PageOffset(s.Layer, int(page), h):]
	return mem[:d.KeyBytes()], mem[d.KeyBytes():][:d.ValueBytes()], pos % kernels.PageTokens
}

// keep writes a row's keys and values of one head into its page.
func (s *attnPrep) keep(row, h int, k, v []float32) {
	d := s.Dims
	keys, values, tok := s.head(row, h)
	if d.Float32 {
		kf, vf := view[float32](keys)[tok/16*16*d.HeadDim+tok%16:], view[float32](values)[tok*16:]
		for i, x := range k {
			kf[i*16] = x
			vf[i/16*16*kernels.PageTokens+i%16] = v[i]
		}
		return
	}
	kh := view[uint16](keys)[tok/16*16*d.HeadDim+tok%16*2:]
	vh := view[uint16](values)[tok/2*32+tok%2:]
	for i, x := range k {
		kh[i/2*32+i%2] = kernels.BF16(x)
		vh[i/16*16*kernels.PageTokens+i%16*2] = kernels.BF16(v[i])
	}
}

// attendArgs is up to eight queries over one split; see c/attention.c.
type attendArgs struct {
	_       structs.HostLayout
	k, v    [2]unsafe.Pointer
	q, o    [blockQueries]*float32
	ml, p   *float32
	count   [blockQueries]int
	queries int
	hd      int
	levels  *float32          // [16] what codes of 3 or 4 bits stand for
	next    [2]unsafe.Pointer // the keys that are read after this
}

// mergeArgs joins a split's result (o2, ml2) to the running one.
type mergeArgs struct {
	_       structs.HostLayout
	o, ml   *float32
	o2, ml2 *float32
	hd      int
}

// attendPlain is attend in plain Go.
func attendPlain(a *attendArgs, d *kernels.AttnDims) {
	if d.KV != kernels.KVPlain {
		attendCodes(a, d)
		return
	}
	float32s := d.Float32
	for j := range a.queries {
		q, o := slice(a.q[j], a.hd), slice(a.o[j], a.hd)
		p := slice(past(a.p, j*kernels.SplitTokens), kernels.SplitTokens)
		n := a.count[j]
		for t := range n {
			s := float32(0)
			for i, x := range q {
				s = kernels.FMA(a.key(t, i, float32s), x, s)
			}
			p[t] = s
		}
		a.soften(j, p[:n])
		for i := range o {
			s := float32(0)
			for t := range n {
				s = kernels.FMA(a.value(t, i, float32s), p[t], s)
			}
			o[i] = s
		}
	}
}

// soften turns a query's scores into weights and finds m and l.
func (a *attendArgs) soften(j int, p []float32) {
	top := float32(math.Inf(-1))
	for _, s := range p {
		if s > top {
			top = s
		}
	}
	var l [8]float32
	for t := range p {
		p[t] = kernels.Exp(p[t] - top)
		l[t&7] += p[t]
	}
	set(a.ml, 2*j, top)
	set(a.ml, 2*j+1, ((l[0]+l[1])+(l[2]+l[3]))+((l[4]+l[5])+(l[6]+l[7])))
}

// element reads entry i of keys or values.
func element(p unsafe.Pointer, i int, float32s bool) float32 {
	if float32s {
		return *(*float32)(unsafe.Add(p, 4*i))
	}
	return kernels.FromBF16(*(*uint16)(unsafe.Add(p, 2*i)))
}

func (a *attendArgs) key(t, i int, float32s bool) float32 {
	d := kernels.AttnDims{HeadDim: a.hd, Float32: float32s}
	return element(a.k[t/kernels.PageTokens], d.KeyIndex(t%kernels.PageTokens, i), float32s)
}

func (a *attendArgs) value(t, i int, float32s bool) float32 {
	d := kernels.AttnDims{HeadDim: a.hd, Float32: float32s}
	return element(a.v[t/kernels.PageTokens], d.ValueIndex(t%kernels.PageTokens, i), float32s)
}

func mergePlain(a *mergeArgs) {
	ml, ml2 := slice(a.ml, 2), slice(a.ml2, 2)
	top := ml[0]
	if ml2[0] > top {
		top = ml2[0]
	}
	e, e2 := kernels.Exp(ml[0]-top), kernels.Exp(ml2[0]-top)
	l, l2 := float32(ml[1]*e), float32(ml2[1]*e2)
	ml[0], ml[1] = top, l+l2
	o, o2 := slice(a.o, a.hd), slice(a.o2, a.hd)
	for i, x := range o {
		p := float32(x * e)
		o[i] = kernels.FMA(o2[i], e2, p)
	}
}

// blockQueries is how many queries share one read of keys and values.
const blockQueries = 8

// attention is kernels.Attention in two steps. In the first a unit is a block of queries of one kv head of
// one lane, which goes through its splits in order; when that gives too few units for the workers, a unit
// is one split of a block, and the second step merges. The second step finishes rows.
type attention struct {
	*kernels.Attention
	tier    tier
	group   int
	q, in   []float32
	pool    []byte
	acts    *acts
	vectors int       // how many results fit
	o, ml   []float32 // [vectors][hd], [vectors][2]
	work    []attnWork
	lines   lines
	// What dims say, in bytes: where the layer's pages begin, a page, a head's keys and values in it, and its keys.
	base, pageBytes, headBytes, keyBytes int
	// Of quantised values: the signs of their rotation, and what codes stand for.
	signs, levels []float32
}

// attnWork is a worker's scratch.
type attnWork struct {
	attend attendArgs
	merge  mergeArgs
	o, ml  []float32 // results of a split that is to be merged
	p      []float32
}

func compileAttention(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Attention)
	hd := o.Dims.HeadDim
	s := &attention{
		Attention: o, tier: d.tier.vectors(), group: o.Dims.NQ / o.Dims.NKV, q: floats(o.Q), in: floats(o.In), pool: o.Pool.Bytes(),
		acts: bindActs(o.Acts), vectors: max(o.S.Dims.Rows*o.Dims.NQ, 4096), lines: newLines(d, o.Dims.NQ*hd),
		base: o.Dims.PageOffset(o.Layer, 0, 0), pageBytes: o.Dims.PageBytes(), headBytes: o.Dims.HeadBytes(), keyBytes: o.Dims.KeyBytes(),
		signs: kernels.RotationSigns(hd), levels: levels(o.Dims.KV),
	}
	s.o, s.ml = make([]float32, s.vectors*hd), make([]float32, s.vectors*2)
	s.work = make([]attnWork, d.Threads())
	for i := range s.work {
		s.work[i] = attnWork{
			o: make([]float32, blockQueries*hd), ml: make([]float32, 2*blockQueries),
			p: make([]float32, blockQueries*kernels.SplitTokens+16),
		}
		s.work[i].attend.levels = &s.levels[0]
	}
	return sequence{s, (*attentionRows)(s)}, nil
}

// splits is how many splits the lane's last row sees.
func (s *attention) splits(l int) int {
	return (int(s.S.Base[l]+s.S.Count[l])-1)/kernels.SplitTokens + 1
}

func (s *attention) blocks(l int) int {
	return s.Dims.NKV * ((int(s.S.Count[l])*s.group + blockQueries - 1) / blockQueries)
}

// stride is how many results a query has: one, or when units are splits, one a split.
func (s *attention) stride(n int) int {
	units, most := 0, 0
	for l := range s.S.Lanes() {
		units += s.blocks(l)
		most = max(most, s.splits(l))
	}
	if units >= 2*n || s.S.Rows()*s.Dims.NQ*most > s.vectors {
		return 1
	}
	return most
}

func (s *attention) run(t, n int) {
	stride := s.stride(n)
	total := 0
	for l := range s.S.Lanes() {
		total += s.blocks(l) * s.splits(l)
	}
	before := 0
	for l := range s.S.Lanes() {
		units, w := s.blocks(l), s.splits(l)
		if stride > 1 {
			units, w = units*w, 1
		}
		from, to := overlap(total, before, units, w, t, n)
		for u := from; u < to; u++ {
			if stride > 1 {
				s.split(&s.work[t], l, u/s.splits(l), u%s.splits(l), stride)
				continue
			}
			for i := range s.splits(l) {
				s.split(&s.work[t], l, u, i, 1)
			}
		}
		before += units * w
	}
}

// split runs the queries of a block over one split. With stride 1 results are merged at once.
func (s *attention) split(w *attnWork, l, block, split, stride int) {
	d := s.Dims
	perHead := s.blocks(l) / d.NKV
	head, first := block/perHead, block%perHead*blockQueries
	last := min(first+blockQueries, int(s.S.Count[l])*s.group)
	a := &w.attend
	a.queries, a.hd, a.p, a.ml = 0, d.HeadDim, &w.p[0], &w.ml[0]
	var vector [blockQueries]int
	start := split * kernels.SplitTokens
	for i := first; i < last; i++ {
		row := int(s.S.First[l]) + i/s.group
		seen := s.S.Position(row) + 1 - start
		if seen <= 0 {
			continue
		}
		q := row*d.NQ + head*s.group + i%s.group
		j := a.queries
		a.q[j], a.count[j] = &s.q[q*d.HeadDim], min(seen, kernels.SplitTokens)
		vector[j] = q * stride
		if stride > 1 {
			vector[j] += split
		}
		a.o[j] = &s.o[vector[j]*d.HeadDim]
		if stride == 1 && split > 0 {
			a.o[j] = &w.o[j*d.HeadDim]
		}
		a.queries++
	}
	if a.queries == 0 {
		return
	}
	for i, at := range s.pages(l, head, split) {
		a.k[i] = unsafe.Pointer(&s.pool[at])
		a.v[i] = unsafe.Pointer(&s.pool[at+s.keyBytes])
	}
	for i, at := range s.after(l, block, split) {
		a.next[i] = unsafe.Pointer(&s.pool[at])
	}
	a.run(s.tier, &d)
	for j := range a.queries {
		ml := s.ml[2*vector[j]:][:2]
		if stride > 1 || split == 0 {
			copy(ml, w.ml[2*j:])
			continue
		}
		m := &w.merge
		m.o, m.ml, m.o2, m.ml2, m.hd = &s.o[vector[j]*d.HeadDim], &ml[0], a.o[j], &w.ml[2*j], d.HeadDim
		m.run(s.tier)
	}
}

// pages is where a head's keys begin in the two pages of a split, or twice that of the only one.
func (s *attention) pages(l, head, split int) (at [2]int) {
	pages, end := s.S.Pages[l*s.S.Dims.Pages:], int(s.S.Base[l]+s.S.Count[l])
	first := split * kernels.SplitTokens / kernels.PageTokens
	for i := range at {
		p := first + i
		if p*kernels.PageTokens >= end {
			p = first
		}
		at[i] = s.base + int(pages[p])*s.pageBytes + head*s.headBytes
	}
	return at
}

// after is pages of what is read after a block's split: the next one, or the first of the next block or lane.
func (s *attention) after(l, block, split int) (at [2]int) {
	if split++; split < s.splits(l) {
		return s.pages(l, block*s.Dims.NKV/s.blocks(l), split)
	}
	if block++; block < s.blocks(l) {
		return s.pages(l, block*s.Dims.NKV/s.blocks(l), 0)
	}
	for next := l + 1; next < s.S.Lanes(); next++ {
		if s.S.Count[next] > 0 {
			return s.pages(next, 0, 0)
		}
	}
	return s.pages(l, 0, 0)
}

// attentionRows is the second step: merge, normalise, gate, hand on.
type attentionRows attention

func (s *attentionRows) run(t, n int) {
	d := s.Dims
	stride := (*attention)(s).stride(n)
	rows := s.S.Rows()
	from, to := share(rows, t, n)
	for r := from; r < to; r++ {
		y := s.lines.of(t, d.NQ*d.HeadDim)
		splits := 1
		if stride > 1 {
			splits = s.S.Position(r)/kernels.SplitTokens + 1
		}
		for h := range d.NQ {
			v := (r*d.NQ + h) * stride
			o := s.o[v*d.HeadDim:][:d.HeadDim]
			m := &s.work[t].merge
			m.o, m.ml, m.hd = &o[0], &s.ml[2*v], d.HeadDim
			for i := 1; i < splits; i++ {
				m.o2, m.ml2 = &s.o[(v+i)*d.HeadDim], &s.ml[2*(v+i)]
				m.run(s.tier)
			}
			inv := 1 / s.ml[2*v+1]
			x := y[h*d.HeadDim:][:d.HeadDim]
			scaleRow(s.tier, x, o, inv)
			if d.KV != kernels.KVPlain {
				unrotateRow(s.tier, x, s.signs)
			}
			gateRow(s.tier, x, x, s.in[r*s.Stride+s.QCol+(2*h+1)*d.HeadDim:][:d.HeadDim])
		}
		s.acts.put(rows, r, y)
	}
}
