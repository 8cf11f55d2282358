package qwen_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"mtplx/kernels"
	"mtplx/model/qwen"
	"mtplx/sched/page"
)

// What a reader leaves in the head's history has the bits of what the whole head leaves: drafts from it are the same.
func TestReaderLeavesTheHeadsHistory(t *testing.T) {
	ck := openDemo(t)
	text := randomText(rand.New(rand.NewPCG(3, 4)), 62, ck.VocabSize)
	for _, mode := range []kernels.Mode{kernels.Fast, kernels.Exact, kernels.Float32} {
		for _, threads := range []int{1, 2} {
			r := newRig(t, ck, threads, qwen.Options{Mode: mode, Rows: 64, Lanes: 4, Sessions: 4, Logits: 64, Context: 256, Pages: 16})
			reader, err := r.m.NewReader(r.q)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			// drafts are the logits of the head's last row, and of a step from it, after reads of so many rows each.
			drafts := func(reads ...int) (rows [][]float32) {
				s := r.state(t)
				defer s.Release()
				if err := s.Extend(len(text)); err != nil {
					t.Fatal(err)
				}
				n := len(text) - 1
				trunk := page.Span{State: s, Tokens: text[:n], Certain: n, Logits: 1}
				r.run(t, r.trunk, &trunk)
				s.Commit(&trunk, n)
				from := 0
				for _, k := range reads {
					r.run(t, reader, &page.Span{State: s, Tokens: text[from+1 : from+k+1], Base: from, Hidden: from})
					from += k
				}
				r.run(t, r.head, &page.Span{State: s, Tokens: text[from+1:], Base: from, Hidden: from, Logits: 1})
				rows = append(rows, slices.Clone(r.head.Logits(0)))
				s.SetHeadLen(n)
				r.run(t, r.head, &page.Span{State: s, Tokens: []int32{7}, Base: n, Chain: true, Logits: 1})
				return append(rows, slices.Clone(r.head.Logits(0)))
			}
			want := drafts()
			for _, reads := range [][]int{{60}, {1, 3, 40}, {17}} {
				for i, row := range drafts(reads...) {
					if err := sameBits(row, want[i]); err != nil {
						t.Errorf("%s, %d threads, reads of %v rows, draft %d: %v", mode, threads, reads, i+1, err)
					}
				}
			}
			s := r.state(t)
			defer s.Release()
			if err := reader.Add(&page.Span{State: s, Tokens: text[:1], Logits: 1}); err == nil {
				t.Error("a reader takes a span that wants logits")
			}
		}
	}
}
