package fake

import (
	"fmt"
	"math"
	"slices"
	"sync"

	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages"
)

// Vocab is the size of the fake vocabulary.
const Vocab = 24

// Model is the fake model. Agreement in 0..1 is how alike head and trunk are.
type Model struct {
	Agreement float64
	Pool      *page.Pool

	mu    sync.Mutex
	texts map[int32]*memory // by session slot
	// Wrong collects breaches of contract, for the test to report.
	Wrong []string
}

// memory is what a session's forwards left behind.
type memory struct {
	trunk, head map[int]int32 // token by position; the head's row p holds token p+1
	base        int           // position of the last trunk forward's first row
	rows        int
}

// New makes a model with memory for the given sessions and pages.
func New(sessions, pages int, agreement float64) (*Model, error) {
	p, err := page.NewPool(Device{}, page.Geometry{Layers: 1, Pages: pages, PageBytes: 64, Sessions: sessions, StateBytes: 8, TapeBytes: 8})
	return &Model{Agreement: agreement, Pool: p, texts: map[int32]*memory{}}, err
}

func (m *Model) breach(format string, args ...any) {
	m.Wrong = append(m.Wrong, fmt.Sprintf(format, args...))
}

// Trunk and Head record forwards.
func (m *Model) Trunk(queue.Queue) (stages.Forward, error) { return &forward{m: m}, nil }

// Head records a forward of the head.
func (m *Model) Head(queue.Queue) (stages.Forward, error) { return &forward{m: m, head: true}, nil }

// Next is the trunk's logits after a text: a hash of its last three tokens.
func Next(text []int32) []float32 { return hashed(text, 1) }

func hashed(text []int32, salt uint64) []float32 {
	h := salt * 0x9e3779b97f4a7c15
	for _, t := range text[max(0, len(text)-3):] {
		h = (h ^ uint64(t+1)) * 0xff51afd7ed558ccd
		h ^= h >> 32
	}
	out := make([]float32, Vocab)
	for i := range out {
		h ^= h << 13
		h ^= h >> 7
		h ^= h << 17
		out[i] = float32(h>>40) / (1 << 24) * 6
	}
	return out
}

type forward struct {
	m      *Model
	head   bool
	spans  []page.Span
	logits [][]float32
	ids    [][]int32
	tops   [][]float32
	z      []float32
}

func (f *forward) Begin() { f.spans = f.spans[:0] }

func (f *forward) Add(s *page.Span) error {
	c := *s
	c.Tokens = slices.Clone(s.Tokens)
	f.spans = append(f.spans, c)
	return nil
}

func (f *forward) Submit(q queue.Queue, _, done queue.Point) error {
	return q.(*Queue).run(f.run, done)
}

// run plays the forward.
func (f *forward) run() {
	m := f.m
	m.mu.Lock()
	defer m.mu.Unlock()
	f.logits, f.ids, f.tops, f.z = f.logits[:0], f.ids[:0], f.tops[:0], f.z[:0]
	for i := range f.spans {
		s := &f.spans[i]
		t := m.texts[s.State.Slot()]
		if t == nil || !f.head && s.Base == 0 {
			t = &memory{trunk: map[int]int32{}, head: map[int]int32{}}
			m.texts[s.State.Slot()] = t
		}
		f.remember(t, s)
		for j, id := range s.Tokens {
			if f.head {
				t.head[s.Base+j] = id
			} else {
				t.trunk[s.Base+j] = id
			}
			if j < len(s.Tokens)-s.Logits {
				continue
			}
			f.score(t, s.Base+j, s.Temperature)
		}
	}
}

// remember checks a span against what the session has seen.
func (f *forward) remember(t *memory, s *page.Span) {
	m := f.m
	switch {
	case !f.head:
		if s.Base != s.State.Len() {
			m.breach("trunk span at %d of a state of %d", s.Base, s.State.Len())
		}
		t.base, t.rows = s.Base, len(s.Tokens)
	case s.Chain:
		if len(s.Tokens) != 1 || s.Base < s.State.Len() {
			m.breach("chain span of %d rows at %d of a state of %d", len(s.Tokens), s.Base, s.State.Len())
		}
	default:
		if t.base+s.Hidden != s.Base || s.Hidden+len(s.Tokens) > t.rows {
			m.breach("history rows at %d take hidden rows %d.. of a forward at %d with %d rows", s.Base, s.Hidden, t.base, t.rows)
		}
		for j := range s.Tokens {
			if next, ok := t.trunk[s.Base+j+1]; ok && s.Base+j+1 < s.State.Len() && next != s.Tokens[j] {
				m.breach("history row %d is fed token %d; the text has %d", s.Base+j, s.Tokens[j], next)
			}
		}
	}
}

// score makes the logits of the row at a position from what the memory holds up to it.
func (f *forward) score(t *memory, pos int, temperature float64) {
	var text []int32
	for p := range pos + 1 {
		id, ok := t.trunk[p]
		if f.head {
			if p == 0 {
				text = append(text, t.trunk[0])
			}
			if id, ok = t.head[p]; !ok {
				f.m.breach("head row %d reads row %d, which was never written", pos, p)
			}
		} else if !ok {
			f.m.breach("row %d reads position %d, which was never written", pos, p)
		}
		text = append(text, id)
	}
	l := Next(text)
	if f.head {
		other := hashed(text, 2)
		for i := range l {
			l[i] = float32(f.m.Agreement)*l[i] + float32(1-f.m.Agreement)*other[i]
		}
	}
	ids := make([]int32, Vocab)
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortStableFunc(ids, func(a, b int32) int {
		switch {
		case l[a] > l[b]:
			return -1
		case l[a] < l[b]:
			return 1
		}
		return 0
	})
	top := make([]float32, Vocab)
	z := 0.0
	if temperature == 0 {
		temperature = 1
	}
	for i, id := range ids {
		top[i] = l[id]
		z += math.Exp(float64(l[id]-l[ids[0]]) / temperature)
	}
	f.logits, f.ids, f.tops, f.z = append(f.logits, l), append(f.ids, ids), append(f.tops, top), append(f.z, float32(z))
}

func (f *forward) Top(i int) ([]int32, []float32, float32, float32) {
	return f.ids[i], f.tops[i], f.tops[i][0], f.z[i]
}

func (f *forward) Logits(i int) []float32 { return f.logits[i] }
