package qwen_test

import (
	"math"
	"slices"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
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

// apart is a device with memory of its own.
type apart struct{ kernels.Device }

func (apart) Memory() (free, total int64, err error) { return 1 << 40, 0, nil }

// A head proposes from a part of the vocabulary where nobody says otherwise, and from all of it on a device with memory of its
// own where that is next to nothing to read.
func TestAutoDraftVocabularyIsTheDevices(t *testing.T) {
	ck := openDemo(t)
	dev, err := cpu.New(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dev.Close() }()
	for _, x := range []struct {
		what       string
		dev        kernels.Device
		wide       int
		asks, want int
	}{
		{"the processor", dev, 1, qwen.AutoDraftVocabulary, 4096},
		{"a device of its own memory", apart{dev}, 1, qwen.AutoDraftVocabulary, 0},
		{"a device of its own memory, a large vocabulary", apart{dev}, 16, qwen.AutoDraftVocabulary, 32768},
		{"a device of its own memory that is told", apart{dev}, 1, 8192, 8192},
	} {
		c := ck.Config
		c.VocabSize *= x.wide
		if got := c.DraftVocabularyOn(x.dev, x.asks, 4); got != x.want {
			t.Errorf("%s: the head proposes from %d ids, want %d", x.what, got, x.want)
		}
	}
	m, err := qwen.New(apart{dev}, ck, qwen.Options{Rows: 16, Logits: 4, Context: 64, DraftHeadBits: 4, DraftVocabulary: qwen.AutoDraftVocabulary})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if n := m.Options().DraftVocabulary; n != 0 {
		t.Errorf("a model on a device of its own memory proposes from %d ids, want all", n)
	}
}
