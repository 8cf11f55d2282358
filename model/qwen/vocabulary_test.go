package qwen_test

import (
	"math"
	"slices"
	"testing"

	"mtplx/model/qwen"
	"mtplx/sched/page"
)

// A tokenizer may name fewer ids than the draft vocabulary would hold: the head then proposes from all of
// them, with the bits of the whole projection, and from nothing else.
func TestDraftVocabularyStopsWhereTheTokensEnd(t *testing.T) {
	ck := openDemo(t)
	rows := map[bool][]float32{}
	for _, narrow := range []bool{false, true} {
		o := qwen.Options{Rows: 16, Logits: 4, Context: 64}
		if narrow {
			o.DraftVocabulary = 4096
		}
		r := newRig(t, ck, 2, o)
		r.m.LimitVocabulary(1001)
		head, err := r.m.NewHead(r.q)
		if err != nil {
			t.Fatal(err)
		}
		defer head.Close()
		first, _ := head.Narrow()
		if want := map[bool]int{true: 992}[narrow]; first != want {
			t.Errorf("narrow %v: the head proposes from the first %d ids, want %d", narrow, first, want)
		}
		s := r.state(t)
		defer s.Release()
		if err := s.Extend(8); err != nil {
			t.Fatal(err)
		}
		span := page.Span{State: s, Tokens: []int32{7, 70, 700}, Certain: 3}
		r.run(t, r.trunk, &span)
		s.Commit(&span, 3)
		r.run(t, head, &page.Span{State: s, Tokens: []int32{70, 700, 5}, Logits: 1, Blocks: []int32{62}})
		rows[narrow] = slices.Clone(head.Logits(0))
		ids, _, _, _ := head.Top(0)
		if slices.Max(ids) >= 1001 {
			t.Errorf("narrow %v: the head proposes ids %v beyond 1001", narrow, ids)
		}
	}
	if len(rows[true]) != 1001 || math.IsInf(float64(slices.Min(rows[true])), -1) {
		t.Fatalf("the narrow head has %d logits, the least %v", len(rows[true]), slices.Min(rows[true]))
	}
	if err := sameBits(rows[true], rows[false]); err != nil {
		t.Error(err)
	}
}
