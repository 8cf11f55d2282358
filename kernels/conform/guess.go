package conform

import (
	"fmt"
	"math/rand/v2"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// checkGuess checks guessed tokens, what is looked up by them, and that parts of buffers serve as operands.
func checkGuess(t T, d kernels.Device) {
	cases := make([]rowCase, 0, 54)
	for _, kind := range []kernels.DrawKind{kernels.DrawBest, kernels.DrawPick, kernels.DrawRace} {
		for _, c := range []struct{ vocab, most, limit int }{{1, 0, 1}, {40, 0, 40}, {300, 0, 300}, {288, 6, 1600}, {16, 6, 1600}, {300, 0, 150}} {
			for _, scale := range []float32{0.2, 4, 40} {
				cases = append(cases, rowCase{
					name: fmt.Sprintf("kind %d, %d entries and %d blocks, tokens below %d, spread %v", kind, c.vocab, c.most, c.limit, scale), rows: 48, counts: []int{1, 3},
					prepare: func(r *Rig, rng *rand.Rand) play {
						return prepareGuess(r, rng, kind, c.vocab, c.most, c.limit, scale)
					},
				})
			}
		}
	}
	rowwise(t, d, cases)
	guessNaN(NewRig(t, d))
}

// guessing is what Guess takes, with the slots and the draws in parts of one memory, and the support in a part of another.
type guessing struct {
	op       *kernels.Guess
	support  queue.Buffer
	tokens   queue.Buffer
	supports *kernels.Support
}

func newGuessing(r *Rig, rows, vocab, most, limit int, logits []float32) guessing {
	dims := kernels.SlotDims{Rows: rows, Lanes: 1, Logits: rows, Pages: 1}
	border := func(n int) int { return (n + kernels.ViewBorder - 1) &^ (kernels.ViewBorder - 1) }
	part := func(b queue.Buffer, at, n int) *kernels.View {
		v, err := kernels.NewView(b, at, n)
		if err != nil {
			r.T.Fatal(err)
		}
		return v
	}
	first := border(100)
	second := first + border(4*dims.Words())
	memory := r.Alloc(second + 4*rows*kernels.DrawWords)
	s, err := kernels.LaySlots(part(memory, first, 4*dims.Words()), dims)
	if err != nil {
		r.T.Fatal(err)
	}
	draws, err := kernels.NewDraws(part(memory, second, 4*rows*kernels.DrawWords), rows)
	if err != nil {
		r.T.Fatal(err)
	}
	all := r.Alloc(border(4*rows*kernels.SupportWords) + 3*kernels.ViewBorder)
	g := guessing{support: part(all, 2*kernels.ViewBorder, 4*rows*kernels.SupportWords), tokens: part(r.Alloc(256+4*rows), 256, 4*rows)}
	from := supportSlots(r, rows)
	g.supports = &kernels.Support{S: from, Vocab: vocab, Stride: vocab + kernels.BlockOutputs*most, Logits: r.Put(logits), Out: g.support}
	g.op = &kernels.Guess{S: s, Draws: draws, Support: g.support, First: vocab, Most: most, Limit: limit, Tokens: g.tokens}
	return g
}

func prepareGuess(r *Rig, rng *rand.Rand, kind kernels.DrawKind, vocab, most, limit int, scale float32) play {
	const rows, cols = 48, 64
	stride := vocab + kernels.BlockOutputs*most
	logits := Normals(rng, rows*stride, scale)
	draws, lists := make([]kernels.Draw, rows), make([]int32, 0, rows*(1+most))
	for i := range draws {
		draws[i] = kernels.Draw{
			Kind: kind, TopK: []int{0, 1, 5, 20, 64, 1000}[rng.IntN(6)], TopP: []float32{2, 0.95, 0.5, 0}[rng.IntN(4)],
			MinP: []float32{0, 0.05, 1}[rng.IntN(3)], InvT: []float32{1, 1 / 0.6, 0.5}[rng.IntN(3)], U: []float32{rng.Float32(), rng.Float32(), 1}[rng.IntN(3)],
			Seed: rng.Uint64(), Position: rng.Int64(), Purpose: rng.Uint32(),
		}
		lists = append(lists, int32(most))
		for _, b := range rng.Perm(limit / kernels.BlockOutputs)[:most] {
			lists = append(lists, int32(b))
		}
	}
	g := newGuessing(r, rows, vocab, most, limit, logits)
	if most > 0 {
		g.op.Blocks = r.PutInts(lists)
		g.supports.Blocks, g.supports.Most = g.op.Blocks, most
	}
	table := r.Load(Random(rng, 4, 64, limit, cols, BFloat16), kernels.Fast)
	out := r.outputs(rows, cols)
	embed := &kernels.Embed{S: g.op.S, Table: table, Tokens: g.tokens, Out: out.buf}
	idle := r.RowSlots(0, rows) // operations that count by these do nothing
	idle.Head[kernels.HeadLanes] = 0
	nothing := &kernels.Embed{S: idle, Table: table, Tokens: g.tokens, Out: out.buf}
	for i := range g.supports.S.InvT {
		g.supports.S.InvT[i] = draws[i].InvT
	}
	program := r.Record(g.supports, g.op, embed, nothing)
	return func(order []int) [][]uint32 {
		s := g.op.S
		s.Head[kernels.HeadRows], s.Head[kernels.HeadLanes], s.Count[0] = int32(len(order)), 1, int32(len(order))
		for i, row := range order {
			v := draws[row]
			v.Row = row
			g.op.Draws.Set(i, v)
		}
		out.refill()
		if err := r.Replay(program); err != nil {
			r.T.Fatal(err)
		}
		result := out.rows(len(order))
		for i, row := range order {
			result[i] = append(result[i], uint32(kernels.Int32s(g.tokens)[i]), uint32(kernels.Int32s(g.support)[row*kernels.SupportWords+3]))
		}
		return result
	}
}

// guessNaN has rows without a number in them: whatever token comes of it, it is one.
func guessNaN(r *Rig) {
	const vocab = 70
	for _, kind := range []kernels.DrawKind{kernels.DrawBest, kernels.DrawPick, kernels.DrawRace} {
		g := newGuessing(r, 1, vocab, 0, 60, make([]float32, vocab))
		x := kernels.Floats(g.supports.Logits)
		for i := range x {
			x[i] = nan
		}
		g.op.S.Head[kernels.HeadRows], g.op.S.Head[kernels.HeadLanes], g.op.S.Count[0] = 1, 1, 1
		g.op.Draws.Set(0, kernels.Draw{Kind: kind, TopP: 2, InvT: 1, U: 0.5})
		if err := r.Replay(r.Record(g.supports, g.op)); err != nil {
			r.T.Fatal(err)
		}
		if token := kernels.Int32s(g.tokens)[0]; token < 0 || token >= 60 {
			r.T.Errorf("kind %d, no number among the logits: token %d", kind, token)
		}
	}
}
