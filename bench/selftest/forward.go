package selftest

import (
	"math/rand/v2"
	"strconv"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/sched/queue"
)

// network is the shape of a model: blocks of three delta layers and one of attention.
type network struct {
	name          string
	blocks        int
	hidden, inter int
	vocab         int
	delta         kernels.DeltaDims
	attn          kernels.AttnDims
}

// context is how many tokens a session of a network has.
const context1k = 1024

func delta(values int) kernels.DeltaDims {
	return kernels.DeltaDims{Layers: 1, HK: 16, HV: values, DK: 128, DV: 128, Tape: 8}
}

func attn(queries, keys int) kernels.AttnDims {
	return kernels.AttnDims{Layers: 1, NQ: queries, NKV: keys, HeadDim: 256, Rotary: 32}
}

var networks = []network{
	{"0.8B", 6, 1024, 3584, 248320, delta(16), attn(8, 2)},
	{"4B", 8, 2560, 9216, 248320, delta(32), attn(16, 4)},
	{"27B", 16, 5120, 17408, 248320, delta(48), attn(24, 4)},
}

// forwardRows are how many rows a session's verify may have.
var forwardRows = []int{1, 2, 4, 8}

// time measures whole forwards of one session's verify rows, head and support included, in one program each.
func (n *network) time(r *conform.Rig, read float64) []Forward {
	r.T.Helper()
	out := make([]Forward, 0, len(forwardRows))
	loaded := map[string]kernels.Weight{}
	for _, rows := range forwardRows {
		f := recording{network: n, r: r, loaded: loaded}
		p := f.record(rows)
		t := shortest(r, p, 15)
		p.Release()
		v := Forward{
			Name: n.name, Rows: rows, Context: context1k, Operations: len(f.ops), MB: float64(f.bytes) / 1e6,
			Micros: 1e6 * t, OfRead: share(f.bytes, t, read), C: 1,
		}
		if len(out) > 0 {
			v.C = v.Micros / out[0].Micros
		}
		out = append(out, v)
	}
	return out
}

// recording collects a forward's operations.
type recording struct {
	*network

	r      *conform.Rig
	loaded map[string]kernels.Weight
	s      *kernels.Slots
	ops    []queue.Op
	bytes  int64 // of weights, each as often as it is read
}

// weight loads a matrix once a place. Layers of a block have weights of their own, and blocks share them: they are
// larger than a GPU's cache, so that every byte comes from memory all the same.
func (f *recording) weight(place string, rows, cols int) kernels.Weight { //nolint:ireturn // a device's own
	if f.loaded[place] == nil {
		f.loaded[place] = f.r.Load(newTiled(rows, cols, 4), kernels.Fast)
	}
	return f.loaded[place]
}

func (f *recording) do(ops ...queue.Op) { f.ops = append(f.ops, ops...) }

func (f *recording) product(w kernels.Weight, a *kernels.Acts, out queue.Buffer, stride int, add bool) {
	f.bytes += w.Bytes()
	f.do(&kernels.Product{S: f.s, X: a, Parts: []kernels.Part{{W: w}}, Out: out, Stride: stride, Add: add})
}

// slots are those of a session that verifies rows at the end of its context.
func (f *recording) slots(rows, pages int) {
	s := f.r.Slots(kernels.SlotDims{Rows: rows, Lanes: 1, Logits: rows, Pages: pages, Rotary: f.attn.Rotary})
	s.Base[0], s.Certain[0], s.Fold[0], s.TapeOut[0] = int32(context1k-rows), 1, int32(rows-1), 1
	s.Head[kernels.HeadLogits] = int32(rows)
	for i := range rows {
		s.Logit[i], s.InvT[i], s.Out[i] = int32(i), 1, int32(i)
	}
	for i := range s.Pages {
		s.Pages[i] = int32(i)
	}
	f.s = s
}

func (f *recording) record(rows int) queue.Program { //nolint:ireturn // a device's own
	r, h, dd, ad := f.r, f.hidden, f.delta, f.attn
	ad.Pages = context1k/kernels.PageTokens + 1
	f.slots(rows, ad.Pages)
	rng := rand.New(rand.NewPCG(1, 3))
	x, gain := r.Put(conform.Normals(rng, rows*h, 1)), r.Floats(max(h, 256), 1)
	convDim, vDim, qDim, kvDim := dd.ConvDim(), dd.HV*dd.DV, ad.NQ*ad.HeadDim, ad.NKV*ad.HeadDim
	inDelta, inAttn := convDim+vDim+2*dd.HV, 2*qDim+2*kvDim
	big := r.Floats(rows*max(inDelta, inAttn, 2*f.inter), 0)
	conv, gates, o, q := r.Floats(rows*convDim, 0), r.Floats(rows*2*dd.HV, 0), r.Floats(rows*vDim, 0), r.Floats(rows*qDim, 0)
	taps, perHead := r.Put(conform.Normals(rng, 4*convDim, 0.3)), r.Floats(dd.HV, 0.1)
	pool := r.Alloc(ad.PoolBytes())
	actsH := r.Acts(rows, f.weight("in0", inDelta, h))
	actsV := r.Acts(rows, f.weight("out0", h, vDim))
	actsQ := r.Acts(rows, f.weight("out3", h, qDim))
	actsI := r.Acts(rows, f.weight("down0", h, f.inter))
	var rec [3]kernels.Recurrent
	for i := range rec {
		rec[i] = kernels.Recurrent{Dims: dd, States: r.Alloc(dd.StateBytes()), Tapes: r.Alloc(2 * dd.TapeBytes())}
	}
	for range f.blocks {
		for layer := range 4 {
			place := strconv.Itoa(layer)
			f.do(&kernels.Norm{S: f.s, Width: h, Eps: 1e-6, Gain: gain, X: x, Acts: actsH})
			if layer < 3 {
				f.product(f.weight("in"+place, inDelta, h), actsH, big, inDelta, false)
				f.do(
					&kernels.DeltaPrep{S: f.s, Recurrent: rec[layer], In: big, Stride: inDelta, QKV: 0, A: convDim + vDim, B: convDim + vDim + dd.HV, Conv: taps, DtBias: perHead, ExpA: perHead, Out: conv, Gates: gates},
					&kernels.Delta{S: f.s, Recurrent: rec[layer], In: conv, Gates: gates, O: o},
					&kernels.DeltaNorm{S: f.s, Dims: dd, Eps: 1e-6, O: o, Z: big, ZStride: inDelta, ZCol: convDim, Gain: gain, Acts: actsV})
				f.product(f.weight("out"+place, h, vDim), actsV, x, h, true)
			} else {
				f.product(f.weight("in"+place, inAttn, h), actsH, big, inAttn, false)
				f.do(
					&kernels.AttnPrep{S: f.s, Dims: ad, Eps: 1e-6, In: big, Stride: inAttn, Q: 0, K: inAttn - 2*kvDim, V: inAttn - kvDim, QGain: gain, KGain: gain, Pool: pool, QOut: q},
					&kernels.Attention{S: f.s, Dims: ad, Q: q, In: big, Stride: inAttn, Pool: pool, Acts: actsQ})
				f.product(f.weight("out"+place, h, qDim), actsQ, x, h, true)
			}
			f.do(&kernels.Norm{S: f.s, Width: h, Eps: 1e-6, Gain: gain, X: x, Acts: actsH})
			f.product(f.weight("up"+place, 2*f.inter, h), actsH, big, 2*f.inter, false)
			f.do(&kernels.SwiGLU{S: f.s, Times: 1, Width: f.inter, In: big, Acts: actsI})
			f.product(f.weight("down"+place, h, f.inter), actsI, x, h, true)
		}
	}
	logits, support := r.Floats(rows*f.vocab, 0), r.Alloc(4*rows*kernels.SupportWords)
	f.do(&kernels.Norm{S: f.s, Width: h, Eps: 1e-6, Gain: gain, X: x, Acts: actsH})
	f.product(f.weight("head", f.vocab, h), actsH, logits, f.vocab, false)
	f.do(&kernels.Support{S: f.s, Vocab: f.vocab, Stride: f.vocab, Logits: logits, Out: support})
	return r.Record(f.ops...)
}
