package qwen

import (
	"errors"
	"fmt"

	"mtplx/kernels"
	"mtplx/model/adapter"
	"mtplx/sched/queue"
)

// lowRank is the pairs of an adapter for matrices that read the same input, side by side: all A as one matrix, whose
// products with the input are the input of all B. Where a B has no use for another pair's, it has zeros.
type lowRank struct {
	down kernels.Weight
	up   []kernels.Weight // by the products' order; nil where a matrix has no pair
}

// adapted is what one adapter adds to a head: to each group of matrices that share an input. A nil group adds nothing.
type adapted struct{ fc, qkv, o, gateUp, down *lowRank }

// sharing is some of the head's matrices that read one input, by the names that adapters know them by.
type sharing struct {
	to      **lowRank
	modules []string
}

// groups are the head's matrices by what they read, in the order of the products that the recorder makes of them.
func (a *adapted) groups(dense bool) []sharing {
	p, m := "layers.0.self_attn.", "layers.0.mlp."
	if !dense {
		m += "shared_expert."
	}
	return []sharing{
		{&a.fc, []string{"fc"}},
		{&a.qkv, []string{p + "q_proj", p + "k_proj", p + "v_proj"}},
		{&a.o, []string{p + "o_proj"}},
		{&a.gateUp, []string{m + "gate_proj", m + "up_proj"}},
		{&a.down, []string{m + "down_proj"}},
	}
}

// HeadShapes are the matrices [out][in] of a head of the configuration's sizes that adapters may act on, by name; of the
// experts of a mixture, where its layer is not dense, it is the shared one.
func (c *Config) HeadShapes(dense bool) map[string][2]int {
	q, kv, width := c.Heads*c.HeadDim, c.KVHeads*c.HeadDim, c.MLPSize
	if !dense {
		width = c.SharedSize
	}
	shapes := [][2]int{
		{c.HiddenSize, 2 * c.HiddenSize},
		{2 * q, c.HiddenSize},
		{kv, c.HiddenSize},
		{kv, c.HiddenSize},
		{c.HiddenSize, q},
		{width, c.HiddenSize},
		{width, c.HiddenSize},
		{c.HiddenSize, width},
	}
	out := map[string][2]int{}
	for _, g := range (&adapted{}).groups(dense) {
		for _, name := range g.modules {
			out[name] = shapes[len(out)]
		}
	}
	return out
}

// AdapterShapes are HeadShapes of the checkpoint's own head; nil without one.
func (ck *Checkpoint) AdapterShapes() map[string][2]int {
	if ck.MTP == nil {
		return nil
	}
	return ck.HeadShapes(ck.MTP.Layer.MLP != nil)
}

// checkAdapters says whether the options' adapters are for the checkpoint's head, before anything large is read.
func checkAdapters(ck *Checkpoint, o *Options) error {
	switch n := len(o.Adapters); {
	case n == 0:
		return nil
	case ck.MTP == nil:
		return fmt.Errorf("open model: an adapter is given, and the checkpoint has no MTP head: %w", adapter.ErrOtherHead)
	case n > 1 && !o.Ensemble:
		return fmt.Errorf("open model: %d adapters are given, and the head can have one; several draft together as an ensemble", n)
	}
	shapes := ck.AdapterShapes()
	for _, a := range o.Adapters {
		if err := a.Fits(shapes); err != nil {
			return fmt.Errorf("open model: %w", err)
		}
	}
	return nil
}

// loadAdapters makes the heads that are run: with one adapter the head with it, and with Ensemble the bare head and one
// more for each adapter. They share the checkpoint's weights; each but the first keeps keys and values of its own, since
// these are of its own outputs. *layers counts the layers that have some.
func (m *Model) loadAdapters(layers *int) error {
	o := &m.opt
	for i, a := range o.Adapters {
		h := *m.heads[0]
		h.adapted = m.up.adapter(&h, a, i)
		if !o.Ensemble {
			m.heads[0] = &h
			break
		}
		attn := *h.layer.attn
		attn.index = *layers
		h.layer.attn = &attn
		*layers++
		m.heads = append(m.heads, &h)
	}
	return m.up.err
}

// adapter loads an adapter's pairs by group.
func (u *uploader) adapter(h *mtpHead, a *adapter.Adapter, nth int) *adapted {
	out := &adapted{}
	for _, g := range out.groups(h.layer.mlp != nil) {
		pairs := make([]*adapter.Pair, len(g.modules))
		var in int
		for i, name := range g.modules {
			for j := range a.Pairs {
				if a.Pairs[j].Module == name {
					pairs[i], in = &a.Pairs[j], a.Pairs[j].In
				}
			}
		}
		if in > 0 {
			*g.to = u.lowRank(pairs, in, fmt.Sprintf("adapter %d %s", nth, g.modules[0]))
		}
	}
	return out
}

// lowRank loads the pairs of one input, the ranks together filled up with zeros.
func (u *uploader) lowRank(pairs []*adapter.Pair, in int, label string) *lowRank {
	type row struct {
		of *adapter.Pair
		at int
	}
	var rows []row // of all A, one below the other
	first := make([]int, len(pairs))
	for i, p := range pairs {
		first[i] = len(rows)
		if p == nil {
			continue
		}
		for r := range p.Rank {
			rows = append(rows, row{p, r})
		}
	}
	rank := (len(rows) + residualRank - 1) / residualRank * residualRank
	down := &dense{rows: rank, cols: in, row: func(dst []float32, r int) {
		if r >= len(rows) {
			clear(dst)
			return
		}
		copy(dst, rows[r].of.A[rows[r].at*in:])
	}}
	out := &lowRank{down: u.dense(down, label+" down"), up: make([]kernels.Weight, len(pairs))}
	for i, p := range pairs {
		if p == nil {
			continue
		}
		up := &dense{rows: p.Out, cols: rank, row: func(dst []float32, r int) {
			clear(dst)
			copy(dst[first[i]:], p.B[r*p.Rank:(r+1)*p.Rank])
		}}
		out.up[i] = u.dense(up, fmt.Sprintf("%s up %d", label, i))
	}
	return out
}

// with is the weights that read an input, for the forms it has to come in.
func (a *lowRank) with(ws ...kernels.Weight) []kernels.Weight {
	if a == nil {
		return ws
	}
	return append(ws, a.down)
}

// adapt records what an adapter adds to a product that has been recorded: in is the product's input, cols is where the
// outputs of each of its matrices begin, -1 for one that it leaves out.
func (r *recorder) adapt(a *lowRank, in *kernels.Acts, out queue.Buffer, stride int, cols ...int) {
	if a == nil || r.err != nil {
		return
	}
	add := &kernels.Product{S: r.s, Out: out, Stride: stride, Add: true}
	for i, w := range a.up {
		if w != nil && cols[i] >= 0 {
			add.Parts = append(add.Parts, kernels.Part{W: w, Col: cols[i]})
		}
	}
	if len(add.Parts) == 0 {
		return
	}
	n := a.down.Rows()
	low := r.buffer(fmt.Sprintf("adapter low %d", n), r.m.opt.Rows*n)
	r.product(in, low, n, false, a.down)
	add.X = r.activations("adapter low", 1, add.Parts[0].W)
	r.do(&kernels.Quantize{S: r.s, X: low, Acts: add.X})
	r.do(add)
}

// adapted is what an adapter adds to the forward's products: nothing to a trunk's.
func (r *recorder) adapted() adapted {
	if r.f.head {
		if a := r.head().adapted; a != nil {
			return *a
		}
	}
	return adapted{}
}

// NewHeads records a forward of every head: more than one with Options.Ensemble, the first of which has no adapter. All
// read the trunk's hidden rows and the same tokens; each goes on from its own output and its own history, so that a
// span is for all of them or for none.
func (m *Model) NewHeads(q queue.Queue) ([]*Forward, error) {
	return m.everyHead(func(i int) (*Forward, error) {
		return m.record(q, &Forward{head: true, which: i}, fmt.Sprintf("head %d", i), m.draft)
	})
}

// NewReaders records a reader of every head; see NewReader.
func (m *Model) NewReaders(q queue.Queue) ([]*Forward, error) {
	return m.everyHead(func(i int) (*Forward, error) {
		return m.record(q, &Forward{head: true, reader: true, which: i}, fmt.Sprintf("reader %d", i), nil)
	})
}

// everyHead makes a forward for every head, or none.
func (m *Model) everyHead(record func(which int) (*Forward, error)) ([]*Forward, error) {
	if !m.HasHead() {
		return nil, errors.New("record MTP heads: the checkpoint has no MTP tensors")
	}
	var out []*Forward
	for i := range m.heads {
		f, err := record(i)
		if err != nil {
			for _, f := range out {
				f.Close()
			}
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}
