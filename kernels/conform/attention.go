package conform

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// attnShapes have one to four query heads a key head, partial and whole rotation.
var attnShapes = []kernels.AttnDims{
	{Layers: 2, NQ: 2, NKV: 1, HeadDim: 16, Rotary: 4},
	{Layers: 1, NQ: 4, NKV: 4, HeadDim: 16, Rotary: 8},
	{Layers: 1, NQ: 6, NKV: 2, HeadDim: 48, Rotary: 0},
	{Layers: 1, NQ: 4, NKV: 1, HeadDim: 64, Rotary: 16},
	{Layers: 1, NQ: 2, NKV: 1, HeadDim: 256, Rotary: 32},
	{Layers: 1, NQ: 3, NKV: 1, HeadDim: 128, Rotary: 16},
}

// checkAttnPrep checks queries, and keys and values in the pool.
func checkAttnPrep(t T, d kernels.Device) {
	eachAttention(t, len(attnWays), func(t T, dims kernels.AttnDims, seed uint64) {
		w := newAttnWorld(NewRig(t, d), dims, seed, 70)
		o := w.on(oracle(t))
		rng := rand.New(rand.NewPCG(seed, 5))
		for range 5 {
			chunks := []attnChunk{{lane: 2, base: rng.IntN(60), count: 1 + rng.IntN(9)}, {lane: 0, base: rng.IntN(60), count: 1}, {lane: 1, base: 58, count: 1 + rng.IntN(9)}}
			w.prep(chunks)
			o.prep(chunks)
			w.r.Run(w.ops[0])
			o.r.Run(o.ops[0])
			n := w.s.Rows()
			for i, row := range w.q.rows(n) {
				if at, a, b, differ := firstDifference(row, o.q.rows(n)[i]); differ {
					t.Fatalf("%+v: queries of row %d, element %d is %s, the oracle has %s", chunks, i, at, a, b)
				}
			}
			if at, a, b, differ := firstDifference(w.poolWords(), o.poolWords()); differ {
				t.Fatalf("%+v: element %d of the pool is %s, the oracle has %s", chunks, at, a, b)
			}
		}
		w.r.steady(w.ops[0])
	})
}

// checkAttention checks rows at every length around the borders of pages and splits, in any company,
// appended in any portions, on any pages, beside memory full of NaNs.
func checkAttention(t T, d kernels.Device) { checkAttentionOf(t, d, len(attnWays)) }

// checkAttentionOf is the same for the first so many ways of keeping keys and values.
func checkAttentionOf(t T, d kernels.Device, ways int) {
	eachAttention(t, ways, func(t T, dims kernels.AttnDims, seed uint64) {
		t.Run("lengths", func(t T) { attentionLengths(t, d, dims, seed) })
		if t.Short() && dims.HeadDim > 100 {
			return
		}
		t.Run("portions", func(t T) { attentionPortions(t, d, dims, seed) })
		if !t.Short() || dims.KV == kernels.KVPlain { // kernels of quantised ones do not tell a crowd from a few
			t.Run("crowd", func(t T) { attentionCrowd(t, d, dims, seed) })
		}
		t.Run("long", func(t T) { attentionLong(t, d, dims, seed) })
		t.Run("replay", func(t T) {
			w := newAttnWorld(NewRig(t, d), dims, seed, 130)
			w.fill(0, 0, 129)
			w.prep([]attnChunk{{lane: 0, base: 129, count: 1}})
			w.r.steady(w.ops...)
		})
	})
}

func eachAttention(t T, ways int, run func(t T, dims kernels.AttnDims, seed uint64)) {
	for i, dims := range attnShapes {
		for _, way := range attnWays[:ways] {
			// Quantised ones on every other shape and the last: all sizes of a last group, and of the rotation's blocks,
			// of which those of more than 64 dims may be turned back in a way of their own.
			coded := way.kv != kernels.KVPlain
			if coded && i%2 != 0 && i < len(attnShapes)-1 || t.Short() && (dims.HeadDim > 200 || dims.HeadDim > 100 && !coded) {
				continue
			}
			dims.Float32, dims.KV = way.wide, way.kv
			t.Run(fmt.Sprintf("%d on %d heads of %d, %s", dims.NQ, dims.NKV, dims.HeadDim, way.name), func(t T) {
				run(t, dims, uint64(i+1))
			})
		}
	}
}

// attnWays are the ways of keeping keys and values, those that are not quantised first.
var attnWays = []struct {
	name string
	wide bool
	kv   kernels.KV
}{
	{name: "bfloat16"}, {name: "float32", wide: true}, {name: "q8", kv: kernels.KVQ8}, {name: "q8-v4", kv: kernels.KVQ8V4}, {name: "q8-v3", kv: kernels.KVQ8V3},
}

// attnPlain is how many of them are not quantised.
const attnPlain = 2

// attnLanes is the number of lanes of a world.
const attnLanes = 3

// attnWorld is three lanes with fixed token rows on one device. The pages of a lane lie anywhere
// in the pool, and what no token has written is NaN.
type attnWorld struct {
	r      *Rig
	d      kernels.AttnDims
	layer  int
	tokens int
	stride int
	s      *kernels.Slots
	text   *attnText
	in     queue.Buffer
	pool   queue.Buffer
	q      outputs
	probe  *probe
	ops    []queue.Op
}

// attnText is what the tokens of a world are made of, alike on every device.
type attnText struct {
	seed         uint64
	pages        []int                // their order
	prefix       [attnLanes][]float32 // [tokens][2][NKV*HeadDim]: keys and values that a host may put there; nil until it does
	angle        []float32            // [tokens][Rotary]
	qGain, kGain []float32
}

// row makes what In holds of a lane's token.
func (a *attnText) row(dst []float32, lane, pos int) {
	rng := rand.New(rand.NewPCG(a.seed, uint64(lane)<<32|uint64(pos)))
	for i := range dst {
		dst[i] = float32(rng.NormFloat64())
	}
}

// keysAndValues are a lane's.
func (a *attnText) keysAndValues(lane, n int) []float32 {
	if a.prefix[lane] == nil {
		a.prefix[lane] = Normals(rand.New(rand.NewPCG(a.seed, 50+uint64(lane))), n, 1)
	}
	return a.prefix[lane]
}

// attnChunk is count rows of a lane from position base on.
type attnChunk struct{ lane, base, count int }

const attnRows = 40

func newAttnWorld(r *Rig, d kernels.AttnDims, seed uint64, tokens int) *attnWorld {
	rng := rand.New(rand.NewPCG(seed, 33))
	text := &attnText{seed: seed, pages: rng.Perm(attnLanes*attnPages(tokens) + 1)}
	for range tokens * d.Rotary {
		text.angle = append(text.angle, rng.Float32()*6)
	}
	text.qGain, text.kGain = Normals(rng, d.HeadDim, 2), Normals(rng, d.HeadDim, 2)
	return layAttnWorld(r, d, text, tokens)
}

// on is the same world on another device, or anew on the same.
func (w *attnWorld) on(r *Rig) *attnWorld { return layAttnWorld(r, w.d, w.text, w.tokens) }

// attnPages is how many pages a lane has.
func attnPages(tokens int) int { return (tokens + kernels.PageTokens - 1) / kernels.PageTokens }

// Columns of In: two that are nobody's, values, one, keys, one, queries and gates, one.
const attnV = 2

func attnK(d *kernels.AttnDims) int      { return attnV + d.NKV*d.HeadDim + 1 }
func attnQ(d *kernels.AttnDims) int      { return attnK(d) + d.NKV*d.HeadDim + 1 }
func attnStride(d *kernels.AttnDims) int { return attnQ(d) + 2*d.NQ*d.HeadDim + 1 }

func layAttnWorld(r *Rig, d kernels.AttnDims, text *attnText, tokens int) *attnWorld {
	d.Pages = attnLanes*attnPages(tokens) + 1
	w := &attnWorld{r: r, d: d, layer: d.Layers - 1, tokens: tokens, text: text, stride: attnStride(&d)}
	w.s = r.Slots(kernels.SlotDims{Rows: attnRows, Lanes: attnLanes, Logits: 1, Pages: attnPages(tokens), Rotary: d.Rotary + 1})
	w.layPages(text.pages)
	w.in, w.pool = r.Floats(attnRows*w.stride, nan), r.Alloc(d.PoolBytes())
	w.poison()
	w.q = r.outputs(attnRows, d.NQ*d.HeadDim)
	w.probe = newProbe(r, d.NQ*d.HeadDim, attnRows)
	w.ops = []queue.Op{
		&kernels.AttnPrep{
			S: w.s, Dims: d, Layer: w.layer, Eps: 1e-6, In: w.in, Stride: w.stride, Q: attnQ(&d), K: attnK(&d), V: attnV,
			QGain: r.Put(text.qGain), KGain: r.Put(text.kGain), Pool: w.pool, QOut: w.q.buf,
		},
		&kernels.Attention{S: w.s, Dims: d, Layer: w.layer, Q: w.q.buf, In: w.in, Stride: w.stride, QCol: attnQ(&d), Pool: w.pool, Acts: w.probe.acts},
	}
	return w
}

// layPages gives the lanes the pages of an order, one by one.
func (w *attnWorld) layPages(order []int) {
	for i := range w.s.Pages {
		w.s.Pages[i] = int32(order[i])
	}
}

// prep fills the slots and the input for chunks of different lanes. Slot lane i is the world's
// lane i, whatever the order of chunks.
func (w *attnWorld) prep(chunks []attnChunk) {
	s := w.s
	row := 0
	s.Head[kernels.HeadLanes] = attnLanes
	clear(s.Count)
	in := kernels.Floats(w.in)
	for _, c := range chunks {
		s.First[c.lane], s.Count[c.lane], s.Base[c.lane] = int32(row), int32(c.count), int32(c.base)
		for j := range c.count {
			s.Lane[row] = int32(c.lane)
			w.text.row(in[row*w.stride:(row+1)*w.stride], c.lane, c.base+j)
			for a := range w.d.Rotary {
				sin, cos := math.Sincos(float64(w.text.angle[(c.base+j)*w.d.Rotary+a]))
				s.Cos[row*s.Dims.Rotary+a], s.Sin[row*s.Dims.Rotary+a] = float32(cos), float32(sin)
			}
			row++
		}
	}
	s.Head[kernels.HeadRows] = int32(row)
	w.q.refill()
}

// forward runs both operations and gives the attention's rows in the order of the chunks.
func (w *attnWorld) forward(chunks ...attnChunk) [][]uint32 {
	w.r.T.Helper()
	w.prep(chunks)
	w.r.Run(w.ops...)
	return w.probe.read(w.s.Rows())
}

// attentionLengths compares with the oracle at chosen lengths, and on the device alone a row in
// company with the row by itself.
func attentionLengths(t T, d kernels.Device, dims kernels.AttnDims, seed uint64) {
	lengths := []int{1, 2, 8, 15, 16, 17, 63, 64, 65, 127, 128, 129, 191, 192, 200, 255, 256, 257, 383, 385, 511, 512, 513, 640, 641}
	if dims.HeadDim > 100 || t.Short() || dims.KV != kernels.KVPlain {
		lengths = []int{1, 17, 64, 65, 128, 129, 257}
	}
	if t.Short() && dims.HeadDim > 100 {
		lengths = []int{31, 64, 130}
	}
	most := lengths[len(lengths)-1] + 8
	w := newAttnWorld(NewRig(t, d), dims, seed, most)
	o := w.on(oracle(t))
	rng := rand.New(rand.NewPCG(seed, 34))
	for i, n := range lengths {
		// The lane under test is at length n with up to 5 rows; the others are elsewhere.
		chunks := []attnChunk{{lane: 1, base: n - 1, count: 1 + i%5}, {lane: 0, base: lengths[rng.IntN(min(i+1, 10))] - 1, count: 1 + rng.IntN(3)}}
		if i%2 == 0 {
			slices.Reverse(chunks)
		}
		for _, x := range []*attnWorld{w, o} {
			x.poison()
			for _, c := range chunks {
				x.fill(c.lane, 0, c.base)
			}
		}
		got, want := w.forward(chunks...), o.forward(chunks...)
		row := 0
		for _, c := range chunks {
			for j := range c.count {
				if at, a, b, differ := firstDifference(got[row], want[row]); differ {
					t.Fatalf("%+v: position %d of lane %d, word %d is %s, the oracle has %s", chunks, c.base+j, c.lane, at, a, b)
				}
				// The keys and values of the whole chunk are there; the row alone must not care.
				alone := w.forward(attnChunk{lane: c.lane, base: c.base + j, count: 1})
				if at, a, b, differ := firstDifference(alone[0], got[row]); differ {
					t.Fatalf("position %d of lane %d alone: word %d is %s, in company %s", c.base+j, c.lane, at, a, b)
				}
				row++
			}
		}
	}
}

// attentionCrowd compares with the oracle where lanes of many rows and of few share a forward, so that a device may take
// them by different kernels, and where rows of a lane end before, in and behind a split.
func attentionCrowd(t T, d kernels.Device, dims kernels.AttnDims, seed uint64) {
	most := 2*kernels.SplitTokens + 24
	w := newAttnWorld(NewRig(t, d), dims, seed, most)
	o := w.on(oracle(t))
	for _, chunks := range [][]attnChunk{
		{{lane: 2, base: kernels.SplitTokens - 9, count: 17}, {lane: 0, base: 70, count: 3}, {lane: 1, base: 2*kernels.SplitTokens - 1, count: 20}},
		{{lane: 1, base: 0, count: 16}, {lane: 0, base: 2 * kernels.SplitTokens, count: 24}},
		{{lane: 0, base: kernels.SplitTokens - 30, count: 40}},
	} {
		for _, x := range []*attnWorld{w, o} {
			x.poison()
			for _, c := range chunks {
				x.fill(c.lane, 0, c.base)
			}
		}
		got, want := w.forward(chunks...), o.forward(chunks...)
		for i := range got {
			if at, a, b, differ := firstDifference(got[i], want[i]); differ {
				t.Fatalf("%+v: row %d, word %d is %s, the oracle has %s", chunks, i, at, a, b)
			}
		}
	}
}

// attentionLong compares with the oracle where splits are many: more than a device may want to merge at once.
func attentionLong(t T, d kernels.Device, dims kernels.AttnDims, seed uint64) {
	if dims.HeadDim != 48 && dims.HeadDim != 64 || t.Short() && dims.Float32 {
		return
	}
	lengths := []int{9*kernels.SplitTokens + 3, 33*kernels.SplitTokens + 70}
	most := lengths[1] + 8
	w := newAttnWorld(NewRig(t, d), dims, seed, most)
	o := w.on(oracle(t))
	from := 0
	for _, n := range lengths {
		w.fill(1, from, n)
		o.fill(1, from, n)
		from = n
		chunk := attnChunk{lane: 1, base: n, count: 2}
		got, want := w.forward(chunk), o.forward(chunk)
		for i := range got {
			if at, a, b, differ := firstDifference(got[i], want[i]); differ {
				t.Fatalf("position %d: word %d is %s, the oracle has %s", n+i, at, a, b)
			}
		}
	}
}

// attentionPortions appends a lane's tokens in random portions, moving its pages between
// forwards, and compares with the oracle's one token at a time.
func attentionPortions(t T, d kernels.Device, dims kernels.AttnDims, seed uint64) {
	tokens := 150
	if dims.HeadDim > 40 || t.Short() || dims.KV != kernels.KVPlain {
		tokens = 70
	}
	o := newAttnWorld(oracle(t), dims, seed, tokens)
	want := make([][]uint32, 0, tokens)
	for pos := range tokens {
		want = append(want, o.forward(attnChunk{lane: 0, base: pos, count: 1})[0])
	}
	r := NewRig(t, d)
	for n := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 40+n))
		w := o.on(r)
		for pos := 0; pos < tokens; {
			count := min(1+rng.IntN(attnRows), tokens-pos)
			if n == 0 {
				count = min(attnRows, tokens-pos)
			}
			for j, row := range w.forward(attnChunk{lane: 0, base: pos, count: count}) {
				if at, a, b, differ := firstDifference(row, want[pos+j]); differ {
					t.Fatalf("position %d, row %d of %d: word %d is %s, one token at a time it is %s", pos+j, j, count, at, a, b)
				}
			}
			pos += count
			w.movePages(rng)
		}
	}
}
