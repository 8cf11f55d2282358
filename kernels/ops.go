package kernels

import "mtplx/sched/queue"

// RowMap says which row of a buffer belongs to row r of the forward.
type RowMap uint8

// The row maps. Logit maps run over the rows of logits instead of the forward's rows.
const (
	Direct   RowMap = iota // r
	FromIn                 // Slots.In[r]
	FromOut                // Slots.Out[r]
	LogitOut               // Slots.Out[Slots.Logit[i]], for i over the rows of logits
	LogitRow               // i itself, over the rows of logits
)

// Count is the number of rows a map runs over.
func (m RowMap) Count(s *Slots) int {
	if m >= LogitOut {
		return s.Logits()
	}
	return s.Rows()
}

// Row is the buffer row of row i of the map.
func (m RowMap) Row(s *Slots, i int) int {
	switch m {
	case FromIn:
		return int(s.In[i])
	case FromOut:
		return int(s.Out[i])
	case LogitOut:
		return int(s.Out[s.Logit[i]])
	default:
		return i
	}
}

// Embed writes row ID[r] of Table to Out [rows][Table.Cols] in float32: a quantised element is
// fma(code, scale, bias), a float one its own value. Where Tokens is set, row r is Tokens[r]: what Guess has left
// there.
type Embed struct {
	S      *Slots
	Table  Weight
	Tokens queue.Buffer // [rows], or nil
	Out    queue.Buffer
}

// Norm is root-mean-square normalisation of rows of Width values (Zhang and Sennrich 2019):
//
//	ss = SumSquares(x); mean = ss/float32(Width); r = InvSqrt(mean+Eps); y[i] = (x[i]*r)*Gain[i]
//
// every step rounded. y goes to Y (float32, row YMap) when Y is set, and to Acts (row i of
// the map) when Acts is set. XMap and YMap run over the same rows.
type Norm struct {
	S     *Slots
	Width int
	Eps   float32
	Gain  queue.Buffer
	X     queue.Buffer
	XMap  RowMap
	Y     queue.Buffer
	YMap  RowMap
	Acts  *Acts
}

// Quantize puts rows of X (float32 [..][Acts.K]) into Acts unchanged.
type Quantize struct {
	S    *Slots
	X    queue.Buffer
	XMap RowMap
	Acts *Acts
}

// HeadInput joins what the MTP head is fed: the normalised embedding in columns 0..Width-1 and
// the normalised hidden row Pool[In[r]] in the next Width, into Acts of K = 2*Width. Both
// norms are Norm's.
type HeadInput struct {
	S                *Slots
	Width            int
	Eps              float32
	EmbGain, HidGain queue.Buffer
	Emb              queue.Buffer // [rows][Width]
	Pool             queue.Buffer // [..][Width]
	Acts             *Acts
}

// Part is one weight of a Product and the column of Out where its outputs begin.
type Part struct {
	W   Weight
	Col int
}

// Product is y = W x for every part, rows counted by Map (Direct or LogitRow).
//
// Quantised weights, group g of inputs, activations of the form the weight asks for:
//
//	t = sum of code*q over the group (exact int32)
//	f = fma(float32(t), scale*s, f);  f = fma(bias, b, f)     groups ascending, f from +0
//
// with scale*s rounded; a group of 128 weights takes two activation groups of 64 with equal scale and bias.
// Float weights (and all in mode Float32): t = fma chain over the 64 inputs of a group, ascending, from +0
// (x first, then w: t = fma(w, x, t)); f = f + t, groups ascending, f from +0.
//
// Out [rows][Stride] receives f at Col+n; with Add it receives Out + f, rounded.
type Product struct {
	S      *Slots
	Map    RowMap
	X      *Acts
	Parts  []Part
	Out    queue.Buffer
	Stride int
	Add    bool
}

// BlockOutputs is the number of outputs in a block of PartProduct.
const BlockOutputs = 16

// PartProduct is Product for a part of W's outputs that differs from row to row, over the rows of logits:
// outputs 0..First-1, then the outputs 16b..16b+15 of each block b that Blocks lists for the row. An output is
// computed as Product computes it; those from Limit on are -Inf. It is how a draft head proposes from a
// part of the vocabulary: the frequent tokens and those near a text's own.
//
// Blocks is [rows of logits][1+Most] int32: how many blocks, then which. First is a multiple of 16. Out is
// [rows of logits][Stride], First + 16*count of them written.
type PartProduct struct {
	S      *Slots
	X      *Acts
	W      Weight
	First  int
	Limit  int
	Most   int
	Blocks queue.Buffer
	Out    queue.Buffer
	Stride int
}

// SwiGLU is silu(gate)*up over rows of In [rows*Times][2*Width] (gate first), into Acts of
// K = Width (Shazeer 2020). Times virtual rows stand for each row of the forward.
type SwiGLU struct {
	S     *Slots
	Times int
	Width int
	In    queue.Buffer
	Acts  *Acts
}

// Route chooses experts: of Logits [rows][Experts], the TopK greatest (logit descending, index
// ascending) go to Index [rows*TopK]. m is the greatest logit and e_k = Exp(l_k - m); Weight
// [rows*TopK] is e_k / D, where D is the sum of the chosen e in rank order when Normalize, else
// Tree16 of 16 chains of rounded adds over all experts (chain index mod 16).
type Route struct {
	S             *Slots
	Experts, TopK int
	Normalize     bool
	Logits        queue.Buffer
	Index, Weight queue.Buffer
}

// ExpertPart is one matrix of every expert and the column of Out where its outputs begin.
type ExpertPart struct {
	W   []Weight
	Col int
}

// ExpertProduct is Product with a weight of its own for each virtual row v = r*TopK+k: expert
// Index[v]. Its input is row v of X, or row r when Shared.
type ExpertProduct struct {
	S      *Slots
	TopK   int
	Index  queue.Buffer
	X      *Acts
	Shared bool
	Parts  []ExpertPart
	Out    queue.Buffer
	Stride int
}

// Combine adds a mixture of experts to the residual stream X [rows][Width]:
//
//	a = fma(Weight[k], Y[r*TopK+k], a) for k ascending, from +0
//	a = fma(Sigmoid(Gate[r]), Shared[r], a) when Shared is set;  X = X + a
type Combine struct {
	S      *Slots
	TopK   int
	Width  int
	Weight queue.Buffer
	Y      queue.Buffer // [rows*TopK][Width]
	Gate   queue.Buffer // [rows]
	Shared queue.Buffer // [rows][Width], or nil
	X      queue.Buffer
}

// SupportTop is the number of candidates Support hands over for a row.
const SupportTop = 64

// SupportWords is the size of a row of Support's output in 32-bit words: max, Z, the number of
// candidates, one unused word, SupportTop ids, SupportTop logits.
const SupportWords = 4 + 2*SupportTop

// Support makes what sampling needs of each row of logits, so that the host never reads a whole
// row: the SupportTop best (logit descending, id ascending) of the first Vocab entries, the
// greatest logit, and Z = sum of exp((l-max)*InvT) over all Vocab entries:
//
//	per chunk c of 4096 entries: m_c = max; acc[i mod 16] += Exp((l-m_c)*InvT), i ascending;
//	z_c = Tree16(acc); chunks merged ascending: N = max(M, m_c);
//	Z = Z*Exp((M-N)*InvT) + z_c*Exp((m_c-N)*InvT); M = N
//
// every product and sum rounded. A NaN anywhere in the row makes Z NaN.
//
// With Blocks, of PartProduct's form, row i has Vocab + 16*Blocks[i][0] entries; ids are still places in the row.
type Support struct {
	S      *Slots
	Vocab  int
	Stride int
	Blocks queue.Buffer // nil: Vocab entries in every row
	Most   int
	Logits queue.Buffer // [rows of logits][Stride]
	Out    queue.Buffer // [rows of logits][SupportWords]
}

// Kernel names.
func (*Embed) Kernel() string         { return "embed" }
func (*Norm) Kernel() string          { return "norm" }
func (*Quantize) Kernel() string      { return "quantize" }
func (*HeadInput) Kernel() string     { return "head-input" }
func (*Product) Kernel() string       { return "product" }
func (*PartProduct) Kernel() string   { return "part-product" }
func (*SwiGLU) Kernel() string        { return "swiglu" }
func (*Route) Kernel() string         { return "route" }
func (*ExpertProduct) Kernel() string { return "expert-product" }
func (*Combine) Kernel() string       { return "combine" }
func (*Support) Kernel() string       { return "support" }
