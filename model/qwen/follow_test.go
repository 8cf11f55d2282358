package qwen_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"mtplx/kernels"
	"mtplx/model/qwen"
	"mtplx/sched/page"
)

// followed is what a head gave for a draft: the candidates and the row they are from.
type followed struct {
	ids    []int32
	scores []float32
	row    []float32
}

func seen(f *qwen.Forward, row int) followed {
	ids, top, most, z := f.Top(row)
	return followed{slices.Clone(ids), append(slices.Clone(top), most, z), slices.Clone(f.Logits(row))}
}

func sameFollowed(t *testing.T, what string, got, want followed) {
	t.Helper()
	if !slices.Equal(got.ids, want.ids) {
		t.Fatalf("%s: candidates %v, want %v", what, got.ids[:4], want.ids[:4])
	}
	for _, c := range [][2][]float32{{got.scores, want.scores}, {got.row, want.row}} {
		if err := sameBits(c[0], c[1]); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// Rows that follow a span have the bits of rows that were asked for one by one with the same tokens, whatever lanes
// share the run and however many rows follow each. Where another token was drawn than the one expected, going on from
// there gives what it would have given without.
func TestRowsThatFollowHaveTheBitsOfSteps(t *testing.T) {
	ck := openDemo(t)
	for name, opt := range map[string]qwen.Options{
		"whole vocabulary": {}, "part of the vocabulary": {DraftVocabulary: 512}, "quantised keys and values": {KV: kernels.KVQ8, DraftHeadBits: 4},
	} {
		t.Run(name, func(t *testing.T) {
			opt.Rows, opt.Sessions, opt.Lanes, opt.Context, opt.Depth, opt.Follow = 64, 3, 3, 256, 6, true
			r := newRig(t, ck, 2, opt)
			if n := r.head.Follows(); n != 5 {
				t.Fatalf("%d rows may follow, want 5", n)
			}
			for seed := range uint64(4) {
				playFollow(t, r, rand.New(rand.NewPCG(seed, 8)), ck.VocabSize)
			}
		})
	}
}

// drafting is a lane of the test.
type drafting struct {
	state  *page.State
	text   []int32
	follow int
	expect page.Expect
	heat   float64
	blocks []int32
}

func (d *drafting) history() *page.Span {
	return &page.Span{State: d.state, Tokens: d.text[1:], Logits: 1, Temperature: d.heat, Blocks: d.blocks}
}

func playFollow(t *testing.T, r *rig, rng *rand.Rand, vocab int) {
	t.Helper()
	lanes := make([]*drafting, 3)
	for i := range lanes {
		n := 5 + rng.IntN(15)
		d := &drafting{state: r.state(t), text: randomText(rng, n+1, vocab), follow: []int{5, 2, 0, 3}[(i+rng.IntN(4))%4], blocks: []int32{40, 100}}
		defer d.state.Release()
		if err := d.state.Extend(n + 8); err != nil {
			t.Fatal(err)
		}
		span := page.Span{State: d.state, Tokens: d.text[:n], Certain: n}
		r.run(t, r.trunk, &span)
		d.state.Commit(&span, n)
		d.heat = []float64{0, 0.7, 1}[rng.IntN(3)]
		d.expect = page.Expect{Race: rng.IntN(2) == 0, Seed: rng.Uint64(), Position: int64(n + 1), Purpose: 5, TopK: 20, TopP: 0.95}
		for range 5 {
			d.expect.U = append(d.expect.U, rng.Float64())
		}
		lanes[i] = d
	}
	spans := make([]*page.Span, len(lanes))
	for i, d := range lanes {
		spans[i] = d.history()
		spans[i].Follow, spans[i].Expect = d.follow, d.expect
	}
	r.run(t, r.head, spans...)
	got, tokens := make([][]followed, len(lanes)), make([][]int32, len(lanes))
	for n := range 6 {
		i := 0
		for k, d := range lanes {
			if d.follow < n {
				continue
			}
			row := i
			if n > 0 {
				row = r.head.Followed(n, i)
			}
			i++
			got[k] = append(got[k], seen(r.head, row))
			if n < d.follow {
				tokens[k] = append(tokens[k], r.head.Expected(row))
			}
		}
	}
	for k, d := range lanes {
		cut := -1
		if d.follow > 0 {
			cut = rng.IntN(d.follow)
		}
		n := d.state.Len()
		chain := func(step int, token int32) *page.Span {
			return &page.Span{State: d.state, Tokens: []int32{token}, Base: n - 1 + step, Chain: true, Logits: 1, Temperature: d.heat, Blocks: d.blocks}
		}
		var cutRow followed
		other := int32(rng.IntN(vocab))
		if cut >= 0 { // the host has drawn another token after row cut
			span := chain(cut+1, other)
			span.After = cut + 1
			if rest := d.follow - cut - 1; rest > 0 {
				span.Follow, span.Expect = rest, d.expect
			}
			r.run(t, r.head, span)
			cutRow = seen(r.head, 0)
		}
		r.run(t, r.head, d.history())
		sameFollowed(t, "the span's own row", seen(r.head, 0), got[k][0])
		for step, token := range tokens[k] {
			if step == cut {
				r.run(t, r.head, chain(step+1, other))
				sameFollowed(t, "the row after a cut", cutRow, seen(r.head, 0))
				break
			}
			r.run(t, r.head, chain(step+1, token))
			sameFollowed(t, "a row that follows", got[k][step+1], seen(r.head, 0))
		}
	}
}
