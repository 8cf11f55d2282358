package fake

import (
	"encoding/binary"
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

// HiddenSize is the size of the fake's hidden rows.
const HiddenSize = 2

// Heads is how many heads the fake has.
const Heads = 3

// Sizes of the fake's memory, in bytes: a position holds the trunk's token and each head's; the recurrent
// state is a hash of the text; a tape holds the last token that is in the hash, and those that may be.
const (
	cellBytes = 4 * (1 + Heads)
	tapeRows  = 32
)

// Model is the fake model. Agreement in 0..1 is how alike head and trunk are. All it remembers of a session
// lies in the pool, as a real model's memory does, so that a page, a state or a tape that is lost, mixed up or
// left behind changes the text.
type Model struct {
	Agreement float64
	// Rows, when set, is how many rows a forward has room for, and Kept how many hidden ones a session keeps, 0 for as many.
	Rows, Kept int
	// Chains has the head go on by itself where it is asked to, and Mistaken is how often, in 0..1, it does for a random
	// token instead of the one that will be drawn.
	Chains   bool
	Mistaken float64
	Pool     *page.Pool

	mu     sync.Mutex
	hidden map[int32][]float32 // by session slot: the hidden rows of the last trunk forward
	moved  map[int32]uint64    // and what was added to the head's last output, which the next step takes
	moves  int
	given  map[int32]*outputs
	noise  uint64

	expectations, mistakes int
	// Wrong collects breaches of contract, for the test to report.
	Wrong []string
}

// New makes a model with memory for the given sessions and pages.
func New(sessions, pages int, agreement float64) (*Model, error) {
	return build(page.Geometry{
		Layers: 1, Pages: pages, PageBytes: page.Tokens * cellBytes,
		Sessions: sessions, StateBytes: 8, TapeBytes: 4 * tapeRows,
	}, agreement)
}

// NewAttention makes a model without recurrent state.
func NewAttention(sessions, pages int, agreement float64) (*Model, error) {
	return build(page.Geometry{Layers: 1, Pages: pages, PageBytes: page.Tokens * cellBytes, Sessions: sessions}, agreement)
}

func build(g page.Geometry, agreement float64) (*Model, error) {
	p, err := page.NewPool(Device{}, g)
	return &Model{Agreement: agreement, Pool: p, hidden: map[int32][]float32{}, moved: map[int32]uint64{}, given: map[int32]*outputs{}}, err
}

// Moved is how often the head's output was moved before it was fed back.
func (m *Model) Moved() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.moves
}

func (m *Model) breach(format string, args ...any) {
	m.Wrong = append(m.Wrong, fmt.Sprintf(format, args...))
}

// Trunk and Head record forwards.
func (m *Model) Trunk(queue.Queue) (stages.Forward, error) { return &forward{m: m}, nil }

// Head records a forward of the first head.
func (m *Model) Head(queue.Queue) (stages.Forward, error) { return m.Other(0), nil }

// Other records a forward of any head. Each has a history of its own, and thinks otherwise than the others.
func (m *Model) Other(which int) stages.Forward { return &forward{m: m, head: true, which: which} }

// Next is the trunk's logits after a text: a hash of all of it.
func Next(text []int32) []float32 { return hashed(hash(text), 1) }

func mix(h uint64, t int32) uint64 {
	h = (h ^ uint64(t+1)) * 0xff51afd7ed558ccd
	return h ^ h>>32
}

func hash(text []int32) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, t := range text {
		h = mix(h, t)
	}
	return h
}

func hashed(h, salt uint64) []float32 {
	h = (h ^ salt) * 0xff51afd7ed558ccd
	out := make([]float32, Vocab)
	for i := range out {
		h ^= h << 13
		h ^= h >> 7
		h ^= h << 17
		out[i] = float32(h>>40) / (1 << 24) * 6
	}
	return out
}

// lane is a span as a forward recorded it.
type lane struct {
	page.Span

	slot, in, out int32
	fold          int
	moved         []float32
	pages         []int32
}

type forward struct {
	m       *Model
	head    bool
	which   int // of the heads
	lanes   []lane
	logits  [][]float32
	ids     [][]int32
	tops    [][]float32
	z       []float32
	outputs []float32 // of the head, by row of logits

	places   [][]int // of rows that follow
	expected []int32 // the token of the row after each row
}

func (f *forward) Begin() { f.lanes = f.lanes[:0] }

func (f *forward) Add(s *page.Span) error {
	l := lane{Span: *s, slot: s.State.Slot(), pages: slices.Clone(s.State.Pages())}
	l.Tokens, l.moved, l.Expect.U = slices.Clone(s.Tokens), slices.Clone(s.Shift), slices.Clone(s.Expect.U)
	in, out, fold := s.State.Tapes()
	l.in, l.out, l.fold = in, out, fold
	if end := s.Base + len(s.Tokens) + s.Follow; len(l.pages)*page.Tokens < end {
		return fmt.Errorf("%d pages hold no row at %d", len(l.pages), end-1)
	}
	rows := len(s.Tokens)
	for i := range f.lanes {
		rows += len(f.lanes[i].Tokens)
	}
	if f.m.Rows > 0 && rows > f.m.Rows {
		return fmt.Errorf("%d rows exceed the forward's %d", rows, f.m.Rows)
	}
	f.lanes = append(f.lanes, l)
	return nil
}

func (f *forward) Submit(q queue.Queue, _, done queue.Point) error {
	rows := 0
	for i := range f.lanes {
		rows += len(f.lanes[i].Tokens) + f.lanes[i].Follow
	}
	return q.(*Queue).run(len(f.lanes), rows, f.run, done)
}

// AppendHidden appends n hidden rows of a session's last trunk forward, from the i-th on: each is a number
// that stands for the whole text up to it.
func (f *forward) AppendHidden(dst []float32, s *page.State, i, n int) ([]float32, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	for j := range n {
		dst = append(dst, f.m.hiddenRow(s.Slot(), i+j)...)
	}
	return dst, nil
}

// SetHidden replaces hidden rows, from the first on.
func (f *forward) SetHidden(s *page.State, rows []float32) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	for i := range len(rows) / 2 {
		copy(f.m.hiddenRow(s.Slot(), i), rows[2*i:2*i+2])
	}
	return nil
}

func (m *Model) hiddenRow(slot int32, i int) []float32 {
	for len(m.hidden[slot]) < 2*(i+1) {
		m.hidden[slot] = append(slices.Grow(m.hidden[slot], 2048), 0)
	}
	return m.hidden[slot][2*i : 2*i+2]
}

// stamp is the hidden row that belongs to a text.
func stamp(h uint64) [2]float32 { return [2]float32{float32(h >> 44), float32(h >> 20 & 0xfffff)} }

// cell is where the trunk's token of a position lies; the heads' are behind it.
func (f *forward) cell(l *lane, pos int) []byte {
	at := int(l.pages[pos/page.Tokens])*page.Tokens*cellBytes + pos%page.Tokens*cellBytes
	return f.m.Pool.KV.Bytes()[at:]
}

func (f *forward) token(l *lane, pos, which int) int32 {
	return int32(binary.LittleEndian.Uint32(f.cell(l, pos)[4*which:])) - 1
}

// run plays the forward.
func (f *forward) run() {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.logits, f.ids, f.tops, f.z, f.outputs = f.logits[:0], f.ids[:0], f.tops[:0], f.z[:0], f.outputs[:0]
	for i := range f.lanes {
		if f.head {
			f.runHead(&f.lanes[i])
		} else {
			f.runTrunk(&f.lanes[i])
		}
	}
	if f.head {
		f.runFollowing()
	}
}

func (f *forward) runTrunk(l *lane) {
	m, g := f.m, f.m.Pool.Geometry()
	h := hash(nil)
	if g.StateBytes > 0 {
		state, tapes := m.Pool.Recurrent.Bytes()[int(l.slot)*8:], m.Pool.Tapes.Bytes()
		tape := func(t int32, i int) []byte { return tapes[int(t)*g.TapeBytes+4*i:] }
		if l.Base > 0 {
			h = binary.LittleEndian.Uint64(state)
		}
		if l.Base > 0 { // as a convolution does, it looks at the row before
			if got, want := int32(binary.LittleEndian.Uint32(tape(l.in, l.fold)))-1, f.token(l, l.Base-1, 0); got != want {
				m.breach("rows at %d: the tape says that token %d comes before, the page %d", l.Base, got, want)
			}
		}
		for i := range l.fold {
			h = mix(h, int32(binary.LittleEndian.Uint32(tape(l.in, i+1)))-1)
		}
		for _, id := range l.Tokens[:l.Certain] {
			h = mix(h, id)
		}
		binary.LittleEndian.PutUint64(state, h)
		for i, id := range l.Tokens[l.Certain-1:] {
			binary.LittleEndian.PutUint32(tape(l.out, i), uint32(id+1))
			if i > 0 {
				h = mix(h, id)
			}
		}
	}
	for j, id := range l.Tokens {
		binary.LittleEndian.PutUint32(f.cell(l, l.Base+j), uint32(id+1))
	}
	text := make([]int32, l.Base+len(l.Tokens))
	for p := range text {
		text[p] = f.token(l, p, 0)
	}
	if g.StateBytes > 0 && hash(text) != h {
		m.breach("rows at %d: the recurrent state is not that of the %d tokens in the pages", l.Base, len(text))
	}
	if end := l.Hidden + len(l.Tokens); m.Rows > 0 && end > max(m.Rows, m.Kept) {
		m.breach("rows at %d write hidden row %d: the head is too far behind for their memory", l.Base, end-1)
	}
	for j := range l.Tokens {
		s := stamp(hash(text[:l.Base+j+1]))
		copy(m.hiddenRow(l.slot, l.Hidden+j), s[:])
		if j >= len(l.Tokens)-l.Logits {
			f.score(Next(text[:l.Base+j+1]), l.Temperature)
		}
	}
}

// runHead forwards rows of the head: row p holds the token of position p+1 and takes the hidden of p.
func (f *forward) runHead(l *lane) {
	m, n := f.m, l.State.Len()
	if l.Chain && (len(l.Tokens) != 1 || l.Base < n) {
		m.breach("chain span of %d rows at %d of a state of %d", len(l.Tokens), l.Base, n)
	}
	text := make([]int32, l.Base+len(l.Tokens)+1)
	for p := range min(n, len(text)) {
		text[p] = f.token(l, p, 0)
	}
	for j, id := range l.Tokens {
		p := l.Base + j
		binary.LittleEndian.PutUint32(f.cell(l, p)[4*(1+f.which):], uint32(id+1))
		if l.Chain {
			continue
		}
		if p+1 < n && text[p+1] != id {
			m.breach("history row %d is fed token %d; the text has %d", p, id, text[p+1])
		}
		if want := stamp(hash(text[:p+1])); l.Hidden+j < 0 || !slices.Equal(m.hiddenRow(l.slot, l.Hidden+j), want[:]) {
			m.breach("history row %d takes hidden row %d, which is another text's", p, l.Hidden+j)
		}
	}
	for p := range l.Base + len(l.Tokens) {
		id := f.token(l, p, 1+f.which)
		if p+1 < n && text[p+1] != id {
			m.breach("head row %d reads row %d of token %d; the text has %d", l.Base, p, id, text[p+1])
		}
		text[p+1] = id
	}
	if l.Chain {
		f.takes(l, text[:l.Base+1])
	}
	if l.Logits == 0 { // its last row is gone on from all the same
		m.output(l.slot*Heads + int32(f.which)).last = hash(text[:l.Base+len(l.Tokens)+1])
	}
	for j := range l.Tokens {
		if j < len(l.Tokens)-l.Logits {
			continue
		}
		seen := text[:l.Base+j+2]
		h := hash(seen)
		if l.Chain && f.which == 0 {
			h ^= m.moved[l.slot]
		}
		f.gives(l, seen, h, 0)
	}
	m.moved[l.slot] = 0
	if l.moved != nil {
		m.moves++
		m.moved[l.slot] = uint64(math.Float32bits(l.moved[0]))<<32 | uint64(math.Float32bits(l.moved[1]))
	}
}

// HiddenSize is the size of a row of Output, which a span's Shift has, too.
func (f *forward) HiddenSize() int { return HiddenSize }

// Output appends what the head gave in a row of logits.
func (f *forward) Output(dst []float32, i int) ([]float32, error) {
	return append(dst, f.outputs[2*i:2*i+2]...), nil
}

// score lists a row of logits as a device does.
func (f *forward) score(l []float32, temperature float64) {
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
