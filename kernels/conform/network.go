package conform

import (
	"math/rand/v2"
	"strconv"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// Network is the shape of a model: three delta layers and one of attention, repeated. Its operations are recorded as a
// model records them, for tests and measurements of what a device makes of a whole forward.
type Network struct {
	Name          string
	Blocks        int // of four layers
	Hidden, Inter int
	Vocab         int
	Delta         kernels.DeltaDims
	Attention     kernels.AttnDims
	Context       int // positions before and with the rows
}

// Operations are those of a whole forward of one lane's verify rows, head and support included, and the bytes of weights
// that they read. load gives the weight of a place, which blocks share.
func (n *Network) Operations(r *Rig, rows int, load func(place string, rows, cols int) kernels.Weight) ([]queue.Op, int64) {
	h, dd, ad := n.Hidden, n.Delta, n.Attention
	pages := n.Context/kernels.PageTokens + 1
	ad.Pages = pages
	s := r.Slots(kernels.SlotDims{Rows: rows, Lanes: 1, Logits: rows, Pages: pages, Rotary: ad.Rotary})
	s.Base[0], s.Certain[0], s.Fold[0], s.TapeOut[0] = int32(n.Context-rows), 1, int32(rows-1), 1
	s.Head[kernels.HeadLogits] = int32(rows)
	for i := range rows {
		s.Logit[i], s.InvT[i], s.Out[i] = int32(i), 1, int32(i)
	}
	for i := range s.Pages {
		s.Pages[i] = int32(i)
	}
	rng := rand.New(rand.NewPCG(1, 3))
	x := r.Put(Normals(rng, rows*h, 1))
	gain := r.Floats(max(h, 256), 1)
	convDim, vDim, kvDim := dd.ConvDim(), dd.HV*dd.DV, ad.NKV*ad.HeadDim
	inDelta, inAttn := convDim+vDim+2*dd.HV, 2*ad.NQ*ad.HeadDim+2*kvDim
	var ops []queue.Op
	bytes := int64(0)
	use := func(w kernels.Weight) kernels.Weight { bytes += w.Bytes(); return w }
	big := r.Floats(rows*max(inDelta, inAttn, 2*n.Inter), 0)
	conv, gates, o, q := r.Floats(rows*convDim, 0), r.Floats(rows*2*dd.HV, 0), r.Floats(rows*vDim, 0), r.Floats(rows*ad.NQ*ad.HeadDim, 0)
	taps, perHead := r.Put(Normals(rng, 4*convDim, 0.3)), r.Floats(dd.HV, 0.1)
	pool := r.Alloc(ad.PoolBytes())
	actsH := r.Acts(rows, load("qkv0", convDim, h))
	actsV := r.Acts(rows, load("out0", h, vDim))
	actsQ := r.Acts(rows, load("out3", h, ad.NQ*ad.HeadDim))
	actsI := r.Acts(rows, load("down0", h, n.Inter))
	var states, tapes [3]queue.Buffer
	for i := range states {
		states[i], tapes[i] = r.Alloc(dd.StateBytes()), r.Alloc(2*dd.TapeBytes())
	}
	product := func(a *kernels.Acts, out queue.Buffer, stride int, add bool, ws ...kernels.Weight) {
		p := &kernels.Product{S: s, X: a, Out: out, Stride: stride, Add: add}
		col := 0
		for _, w := range ws {
			p.Parts = append(p.Parts, kernels.Part{W: use(w), Col: col})
			col += w.Rows()
		}
		ops = append(ops, p)
	}
	for range n.Blocks {
		for layer := range 4 {
			place := strconv.Itoa(layer)
			ops = append(ops, &kernels.Norm{S: s, Width: h, Eps: 1e-6, Gain: gain, X: x, Acts: actsH})
			if layer < 3 {
				product(actsH, big, inDelta, false, load("qkv"+place, convDim, h), load("z"+place, vDim, h), load("a"+place, dd.HV, h), load("b"+place, dd.HV, h))
				rec := kernels.Recurrent{Dims: dd, States: states[layer], Tapes: tapes[layer]}
				ops = append(ops,
					&kernels.DeltaPrep{S: s, Recurrent: rec, In: big, Stride: inDelta, QKV: 0, A: convDim + vDim, B: convDim + vDim + dd.HV, Conv: taps, DtBias: perHead, ExpA: perHead, Out: conv, Gates: gates},
					&kernels.Delta{S: s, Recurrent: rec, In: conv, Gates: gates, O: o},
					&kernels.DeltaNorm{S: s, Dims: dd, Eps: 1e-6, O: o, Z: big, ZStride: inDelta, ZCol: convDim, Gain: gain, Acts: actsV})
				product(actsV, x, h, true, load("out"+place, h, vDim))
			} else {
				product(actsH, big, inAttn, false, load("q", 2*ad.NQ*ad.HeadDim, h), load("k", kvDim, h), load("v", kvDim, h))
				ops = append(ops,
					&kernels.AttnPrep{S: s, Dims: ad, Eps: 1e-6, In: big, Stride: inAttn, Q: 0, K: inAttn - 2*kvDim, V: inAttn - kvDim, QGain: gain, KGain: gain, Pool: pool, QOut: q},
					&kernels.Attention{S: s, Dims: ad, Q: q, In: big, Stride: inAttn, Pool: pool, Acts: actsQ})
				product(actsQ, x, h, true, load("out"+place, h, ad.NQ*ad.HeadDim))
			}
			ops = append(ops, &kernels.Norm{S: s, Width: h, Eps: 1e-6, Gain: gain, X: x, Acts: actsH})
			product(actsH, big, 2*n.Inter, false, load("gate"+place, n.Inter, h), load("up"+place, n.Inter, h))
			ops = append(ops, &kernels.SwiGLU{S: s, Times: 1, Width: n.Inter, In: big, Acts: actsI})
			product(actsI, x, h, true, load("down"+place, h, n.Inter))
		}
	}
	logits, support := r.Floats(rows*n.Vocab, 0), r.Alloc(4*rows*kernels.SupportWords)
	ops = append(ops, &kernels.Norm{S: s, Width: h, Eps: 1e-6, Gain: gain, X: x, Acts: actsH})
	product(actsH, logits, n.Vocab, false, load("head", n.Vocab, h))
	ops = append(ops, &kernels.Support{S: s, Vocab: n.Vocab, Stride: n.Vocab, Logits: logits, Out: support})
	return ops, bytes
}
