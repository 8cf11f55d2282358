//go:build unix

package emulator

import (
	"math/rand/v2"
	"strings"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/ref"
	"mtplx/sched/queue"
)

// TestLargeVocabulary has candidates narrowed once before the last pass, as rows of more than
// 64*4096 entries need. It compares with kernels/ref.
func TestLargeVocabulary(t *testing.T) {
	const vocab = 64*4096 + 5000
	x := conform.Normals(rand.New(rand.NewPCG(1, 1)), vocab, 3)
	for i := 0; i < vocab; i += 4096 { // ties across chunks among the best
		x[i] = 14
	}
	run := func(d kernels.Device) []int32 {
		r := conform.NewRig(t, d)
		s := r.RowSlots(1, 1)
		s.Head[kernels.HeadLogits], s.InvT[0] = 1, 1.25
		out := r.Alloc(4 * kernels.SupportWords)
		r.Run(&kernels.Support{S: s, Vocab: vocab, Stride: vocab, Logits: r.Put(x), Out: out})
		return append([]int32(nil), kernels.Int32s(out)...)
	}
	oracle := ref.New()
	defer oracle.Close()
	want := run(oracle)
	got := run(open(t, Options{Matrix: true, Seed: 5}))
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("word %d is %08x, want %08x", i, uint32(got[i]), uint32(want[i]))
		}
	}
}

// TestExpertOutsideTable has the device itself find a wrong index: the queue ends, another goes on.
func TestExpertOutsideTable(t *testing.T) {
	d := open(t, Options{Matrix: true})
	r := conform.NewRig(t, d)
	w := r.Load(conform.Quantised(rand.New(rand.NewPCG(1, 1)), 4, 64, 20, 64, conform.BFloat16), kernels.Fast)
	index := r.PutInts([]int32{0, 2})
	op := &kernels.ExpertProduct{
		S: r.RowSlots(1, 1), TopK: 2, Index: index, X: r.Acts(1, w), Shared: true,
		Parts: []kernels.ExpertPart{{W: []kernels.Weight{w, w}}}, Out: r.Floats(2*20, 0), Stride: 20,
	}
	p := r.Record(op)
	if err := r.Replay(p); err == nil || !strings.Contains(err.Error(), "chose an expert outside the table") {
		t.Errorf("expert 2 of 2 gave %v", err)
	}
	kernels.Int32s(index)[1] = 1
	if err := conform.NewRig(t, d).Replay(p); err != nil {
		t.Errorf("another queue, with the index mended: %v", err)
	}
}

// TestWrongLists lists blocks that the weight or the list has no room for: an error of the queue that names
// the row and the block, and no launch.
func TestWrongLists(t *testing.T) {
	d := open(t, Options{Matrix: true})
	for _, c := range []struct {
		name, want string
		list       []int32
	}{
		{"more than the list holds", "row 1 lists 3 blocks; its list has room for 2", []int32{3, 0, 0}},
		{"fewer than none", "row 1 lists -1 blocks", []int32{-1, 0, 0}},
		{"a block past the weight", "row 1 lists block 3 of 3", []int32{2, 2, 3}},
		{"a negative block", "row 1 lists block -1 of 3", []int32{1, -1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := conform.NewRig(t, d)
			w := r.Load(conform.Quantised(rand.New(rand.NewPCG(1, 1)), 4, 64, 40, 64, conform.BFloat16), kernels.Fast)
			s := r.RowSlots(2, 2)
			s.Head[kernels.HeadLogits] = 2
			y, lists := r.Floats(2*48, 7), r.PutInts(append([]int32{1, 2, 9}, c.list...))
			part := &kernels.PartProduct{S: s, X: r.Acts(2, w), W: w, First: 16, Limit: 40, Most: 2, Blocks: lists, Out: y, Stride: 48}
			err := r.Replay(r.Record(part))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
			for i, v := range kernels.Floats(y) {
				if v != 7 {
					t.Fatalf("value %d was written", i)
				}
			}
			if strings.Contains(c.want, "lists block ") {
				return // which blocks they are is nothing to the support
			}
			r = conform.NewRig(t, d)
			support := &kernels.Support{S: s, Vocab: 16, Most: 2, Blocks: lists, Stride: 48, Logits: y, Out: r.Alloc(2 * 4 * kernels.SupportWords)}
			if err := r.Replay(r.Record(support)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the support's error is %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestWrongSlots fills slots with what no kernel may see; every case is an error of the queue that
// names it, and no launch.
func TestWrongSlots(t *testing.T) {
	d := open(t, Options{Matrix: true})
	delta := kernels.DeltaDims{Layers: 1, HK: 1, HV: 1, DK: 8, DV: 16, Tape: 2}
	attn := kernels.AttnDims{Layers: 1, NQ: 1, NKV: 1, HeadDim: 16, Rotary: 2, Pages: 2}
	for _, c := range []struct {
		name, want string
		spoil      func(s *kernels.Slots)
	}{
		{"too many rows", "the slots count 5 rows", func(s *kernels.Slots) { s.Head[kernels.HeadRows] = 5 }},
		{"negative lanes", "the slots count -1 lanes", func(s *kernels.Slots) { s.Head[kernels.HeadLanes] = -1 }},
		{"a lane past the rows", "lane 0: rows 0 to 3", func(s *kernels.Slots) { s.Count[0] = 3 }},
		{"a row of no lane", "row 1: lane 0 does not own it", func(s *kernels.Slots) { s.Count[0] = 1 }},
		{"more certain than there are", "3 of 2 rows are certain", func(s *kernels.Slots) { s.Certain[0] = 3 }},
		{"a fold past the tape", "3 rows to fold", func(s *kernels.Slots) { s.Fold[0] = 3 }},
		{"a state outside the pool", "slot 7 is outside the pool of states", func(s *kernels.Slots) { s.State[0] = 7 }},
		{"a tape outside the pool", "slot -1 is outside the pool of tapes", func(s *kernels.Slots) { s.TapeOut[0] = -1 }},
		{"a position past the pages", "position 129 is beyond its 2 pages", func(s *kernels.Slots) { s.Base[0] = 128 }},
		{"a page outside the pool", "page 9 of position 0", func(s *kernels.Slots) { s.Pages[0] = 9 }},
		{"a hidden row outside the pool", "row 4 of the input is outside its 4 rows", func(s *kernels.Slots) { s.In[1] = 4 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := conform.NewRig(t, d)
			s := r.Slots(kernels.SlotDims{Rows: 4, Lanes: 1, Logits: 1, Pages: 2, Rotary: 2})
			s.Head[kernels.HeadRows], s.Count[0], s.Pages[1] = 2, 2, 1
			rec := kernels.Recurrent{Dims: delta, States: r.Alloc(delta.StateBytes()), Tapes: r.Alloc(2 * delta.TapeBytes())}
			s.TapeOut[0] = 1
			x, y := r.Floats(4*64, 1), r.Floats(4*64, 7)
			ops := []queue.Op{
				&kernels.Norm{S: s, Width: 64, Gain: r.Floats(64, 1), X: x, XMap: kernels.FromIn, Y: y},
				&kernels.Delta{S: s, Recurrent: rec, In: x, Gates: x, O: y},
				&kernels.AttnPrep{S: s, Dims: attn, In: x, Stride: 64, Q: 0, K: 32, V: 48, QGain: x, KGain: x, Pool: r.Alloc(attn.PoolBytes()), QOut: y},
			}
			c.spoil(s)
			err := r.Replay(r.Record(ops...))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
			for i, v := range kernels.Floats(y) {
				if v != 7 {
					t.Fatalf("value %d was written", i)
				}
			}
		})
	}
}
