package kernels

import "mtplx/sched/queue"

// SplitTokens is the length of an attention split: splits lie at absolute positions.
const SplitTokens = 128

// AttnDims is the geometry of a model's attention layers. HeadDim is a multiple of 16.
type AttnDims struct {
	Layers  int // attention layers that own keys and values, the MTP head's among them
	NQ, NKV int // query heads; key/value heads; query head j reads j/(NQ/NKV)
	HeadDim int
	Rotary  int  // rotated dims / 2: dims j and j+Rotary turn by angle j
	Pages   int  // pages of the pool
	Float32 bool // of KVPlain, instead of bfloat16
	KV      KV
}

// ElemBytes is 4 for plain keys and values in float32, 2 in bfloat16.
func (d AttnDims) ElemBytes() int {
	if d.Float32 {
		return 4
	}
	return 2
}

// HeadBytes is the size of one head's keys and values in a page.
func (d AttnDims) HeadBytes() int { return d.KeyBytes() + d.ValueBytes() }

// PageBytes is the size of one page of one layer: [NKV][keys, values].
func (d AttnDims) PageBytes() int { return d.NKV * d.HeadBytes() }

// PoolBytes is the size of the pool: [Layers][Pages][PageBytes].
func (d AttnDims) PoolBytes() int { return d.Layers * d.Pages * d.PageBytes() }

// PageOffset is the byte at which the keys of a head in a page begin; its values follow
// KeyBytes later.
func (d AttnDims) PageOffset(layer, page, head int) int {
	return (layer*d.Pages+page)*d.PageBytes() + head*d.HeadBytes()
}

// KeyIndex is the element of dim i of token t (0..63) within a head's plain keys: four tiles of 16
// tokens, each [HeadDim/2][16][2] in bfloat16 and [HeadDim][16] in float32.
func (d AttnDims) KeyIndex(t, i int) int {
	tile := t / 16 * 16 * d.HeadDim
	if d.Float32 {
		return tile + i*16 + t%16
	}
	return tile + i/2*32 + t%16*2 + i%2
}

// ValueIndex is the element of dim i of token t within a head's plain values: HeadDim/16 tiles of 16
// dims, each [32][16][2] (token pairs) in bfloat16 and [64][16] in float32.
func (d AttnDims) ValueIndex(t, i int) int {
	tile := i / 16 * 16 * PageTokens
	if d.Float32 {
		return tile + t*16 + i%16
	}
	return tile + t/2*32 + i%16*2 + t%2
}

// AttnPrep normalises queries and keys, turns them, and appends keys and values to the lane's
// pages at the row's position. In [rows][Stride] holds, from Q on, per query head HeadDim
// queries and HeadDim gates; from K and V on, NKV*HeadDim each. Per head:
//
//	x = Norm(x; gain, Eps) over HeadDim
//	x'[j]   = fma(x[j], cos, -(x[j+R]*sin));  x'[j+R] = fma(x[j+R], cos, x[j]*sin)   j < R = Rotary
//	queries: times HeadDim^-0.5 = InvSqrt(HeadDim)
//
// products rounded. QOut [rows][NQ*HeadDim]. Keys and values are rounded to the pool's type, or quantised by
// QuantizeKey and KV.QuantizeValue.
type AttnPrep struct {
	S       *Slots
	Dims    AttnDims
	Layer   int
	Eps     float32
	In      queue.Buffer
	Stride  int
	Q, K, V int
	QGain   queue.Buffer
	KGain   queue.Buffer
	Pool    queue.Buffer
	QOut    queue.Buffer
}

// Attention is softmax attention of each row over positions 0..p of its lane, p its own:
// within a split of SplitTokens positions
//
//	score_t = fma chain over dims ascending of K[t][d]*q[d], from +0;  m = max;  p_t = Exp(score_t-m)
//	l = Tree8 of 8 chains of rounded adds (t mod 8, ascending): ((0+1)+(2+3))+((4+5)+(6+7))
//	O[d] = fma chain over t ascending of V[t][d]*p_t, from +0
//
// and splits are merged ascending (Milakov and Gimelshein 2018): M = max(m, m'), e = Exp(m-M),
// e' = Exp(m'-M); l = l*e + l'*e'; O = fma(O', e', O*e), products rounded. Result O*(1/l), then
// times Sigmoid(gate), where the gates are In's columns as in AttnPrep. Nothing past position p
// enters the arithmetic. The result goes to Acts of K = NQ*HeadDim.
//
// Of quantised keys and values, with c the codes, C what a value's code stands for and s the scales,
//
//	score_t = fma chain over the key's groups ascending of u_g*s_g, from +0;  u_g = fma chain over the group's dims
//	          ascending of c[t][d]*q[d], from +0
//	O[d] = fma chain over t ascending of C[t][d]*w_t, from +0;  w_t = p_t*s_t rounded
//
// and O*(1/l) is turned back by Unrotate before the gate.
type Attention struct {
	S      *Slots
	Dims   AttnDims
	Layer  int
	Q      queue.Buffer // QOut of AttnPrep
	In     queue.Buffer // gates: [rows][Stride], head h at QCol + h*2*HeadDim + HeadDim
	Stride int
	QCol   int
	Pool   queue.Buffer
	Acts   *Acts
}

// Kernel names.
func (*AttnPrep) Kernel() string  { return "attn-prep" }
func (*Attention) Kernel() string { return "attention" }
