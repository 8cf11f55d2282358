package constrain

import (
	"fmt"
	"slices"
)

// State is a lane's place in a [Grammar]: the text so far, as far as the grammar must remember it. It belongs to
// one goroutine at a time and satisfies stages.Constraint.
type State struct {
	w     walker
	keep  int   // advances that can be rolled back
	after int32 // the token that ends reasoning, -1 if there is none

	threads []thread // of all marks
	marks   []mark   // behind each token that can still be rolled back, and before the first of them
	now     []thread // scratch of Advance
	next    []thread
	moved   []int32 // scratch of compact
}

// mark is the place behind one token.
type mark struct {
	from, to      int // its threads
	frames, links int // of the stack
	ends          bool
	over          bool  // the text has ended
	free          bool  // reasoning goes on; the grammar has not begun
	mask          *mask // once asked for
}

// NewState makes a state at the beginning of a text. depth is the most tokens that Rollback will take back.
func (g *Grammar) NewState(depth int) *State { return g.newState(depth, -1) }

// NewStateAfter makes a state that allows every ordinary token, and none that ends the text, until the token has
// come that ends the model's reasoning; the grammar's text begins behind it.
func (g *Grammar) NewStateAfter(end int32, depth int) (*State, error) {
	if end < 0 || int(end) >= g.c.size || g.c.isEnd(end) {
		return nil, fmt.Errorf("make constraint: end of reasoning is token %d, which ends the text or is not one of %d", end, g.c.size)
	}
	return g.newState(depth, end), nil
}

func (g *Grammar) newState(depth int, after int32) *State {
	words := g.c.trie.words
	s := &State{keep: max(depth, 1), after: after}
	s.w.t = g.c.trie
	s.w.bits, s.w.other = make([]uint64, words), make([]uint64, words)
	s.w.g = g
	s.marks = make([]mark, 0, 2*s.keep+2)
	s.threads = make([]thread, 0, 4*cap(s.marks))
	s.w.frames, s.w.links = make([]frame, 0, 1024), make([]link, 0, 1024)
	s.w.work, s.w.key = make([]thread, 0, 64), make([]int32, 0, 512)
	s.w.buf, s.w.levels = make([]thread, 0, 256), make([]level, 0, 64)
	s.now, s.next = make([]thread, 0, 64), make([]thread, 0, 64)
	s.Reset()
	return s
}

// Reset goes back to the beginning of the text.
func (s *State) Reset() {
	s.w.reset(s.w.g)
	s.w.begin()
	s.w.add(s.w.g.start, bottom)
	var ends bool
	s.threads, ends = s.w.close(s.threads[:0])
	s.marks = append(s.marks[:0], mark{to: len(s.threads), frames: len(s.w.frames), links: len(s.w.links), ends: ends, free: s.after >= 0})
}

// CopyFrom makes s what o is: for a guess that may be dropped. Both keep their own depth of Rollback.
func (s *State) CopyFrom(o *State) {
	s.w.g, s.w.t, s.after = o.w.g, o.w.t, o.after
	s.w.frames = append(s.w.frames[:0], o.w.frames...)
	s.w.links = append(s.w.links[:0], o.w.links...)
	s.threads = append(s.threads[:0], o.threads...)
	s.marks = append(s.marks[:0], o.marks...)
	if n := o.w.t.words; len(s.w.bits) != n {
		s.w.bits, s.w.other = make([]uint64, n), make([]uint64, n)
	}
}

func (s *State) last() *mark { return &s.marks[len(s.marks)-1] }

// Done tells whether the text may end here, or has.
func (s *State) Done() bool {
	m := s.last()
	return m.over || m.ends && !m.free
}

// Len is how many tokens can be rolled back.
func (s *State) Len() int { return min(len(s.marks)-1, s.keep) }

// Advance adds a token to the text. False says that it may not come next, and that nothing has changed.
func (s *State) Advance(id int32) bool {
	m, c := *s.last(), s.w.g.c
	m.mask = nil
	switch {
	case id < 0 || int(id) >= c.size:
		return false
	case c.isEnd(id):
		if !s.Done() {
			return false
		}
		m.over = true
	case m.over:
		return false
	case m.free:
		if id == s.after {
			m.free = false
		} else if !c.ordinary(id) {
			return false
		}
	default:
		var ok bool
		if ok, m.ends = s.read(c.trie.bytes(id)); !ok {
			s.cut()
			return false
		}
		m.from = len(s.threads)
		s.threads = append(s.threads, s.now...)
		m.to, m.frames, m.links = len(s.threads), len(s.w.frames), len(s.w.links)
	}
	s.marks = append(s.marks, m)
	if len(s.marks) > 2*s.keep+1 {
		s.compact()
	}
	return true
}

// read follows bytes from the last mark to s.now; ok says that a text continues, or ends, there.
func (s *State) read(text string) (ok, ends bool) {
	m := s.last()
	s.now = append(s.now[:0], s.threads[m.from:m.to]...)
	if text == "" {
		return false, false
	}
	for i := range len(text) {
		s.next, ends = s.w.step(s.now, text[i], s.next[:0])
		s.now, s.next = s.next, s.now
		if len(s.now) == 0 && (!ends || i < len(text)-1) {
			return false, false
		}
	}
	return true, ends
}

// cut drops what the stack has gained since the last mark.
func (s *State) cut() {
	m := s.last()
	s.w.frames, s.w.links = s.w.frames[:m.frames], s.w.links[:m.links]
}

// Rollback takes the last n tokens back, as if they had never been. More than Len is a bug of the caller, and panics.
func (s *State) Rollback(n int) {
	if n < 0 || n > len(s.marks)-1 {
		panic(fmt.Sprintf("constrain: roll back %d tokens of %d", n, len(s.marks)-1))
	}
	s.marks = s.marks[:len(s.marks)-n]
	s.threads = s.threads[:s.last().to]
	s.cut()
}

// Mask sets the bits of the tokens that may come next, and no other: bit id%64 of word id/64. dst should have a bit
// for each token of the vocabulary; it may have more.
func (s *State) Mask(dst []uint64) {
	m := s.mask()
	if m.dense != nil {
		clear(dst[copy(dst, m.dense):])
		return
	}
	clear(dst)
	for _, id := range m.few {
		if w := int(id >> 6); w < len(dst) {
			dst[w] |= 1 << (id & 63)
		}
	}
}

// Few lists the tokens that may come next, ascending, where there are so few that a list was kept; else ok is false.
// The list is shared: it must not be changed.
func (s *State) Few() (ids []int32, ok bool) {
	m := s.mask()
	return m.few, m.dense == nil
}

// Allowed tells whether a token may come next, without making the mask.
func (s *State) Allowed(id int32) bool {
	m, c := s.last(), s.w.g.c
	switch {
	case id < 0 || int(id) >= c.size:
		return false
	case m.mask != nil:
		return m.mask.has(id)
	case c.isEnd(id):
		return s.Done()
	case m.over:
		return false
	case m.free:
		return id == s.after || c.ordinary(id)
	}
	ok, _ := s.read(c.trie.bytes(id))
	s.cut()
	return ok
}

func (s *State) mask() *mask {
	m := s.last()
	if m.mask != nil {
		return m.mask
	}
	switch {
	case m.over:
		m.mask = s.w.g.c.over
	case m.free:
		m.mask = s.w.g.c.freeMask(s.after)
	default:
		m.mask = s.w.maskOf(s.threads[m.from:m.to], m.ends)
	}
	return m.mask
}

// AppendForced appends the bytes that every text has next, as far as there is no choice: none where the text may
// end. Whoever writes them without asking the model must tokenise them as the model would.
func (s *State) AppendForced(dst []byte) []byte {
	m := s.last()
	if m.free || m.over {
		return dst
	}
	s.now = append(s.now[:0], s.threads[m.from:m.to]...)
	for ends := m.ends; !ends && len(dst) < cap(dst)+maxForced; {
		b, ok := s.w.only(s.now)
		if !ok {
			break
		}
		dst = append(dst, b)
		s.next, ends = s.w.step(s.now, b, s.next[:0])
		s.now, s.next = s.next, s.now
	}
	s.cut()
	return dst
}

const maxForced = 4096

// only is the one byte that threads can read, if it is one of a text.
func (w *ways) only(threads []thread) (byte, bool) {
	found := -1
	for _, t := range threads {
		st := &w.g.states[t.state]
		if st.edges != 1 {
			return 0, false
		}
		e := w.g.edges[st.edge]
		if e.lo != e.hi || e.lo >= notText || found >= 0 && found != int(e.lo) {
			return 0, false
		}
		found = int(e.lo)
	}
	return byte(max(found, 0)), found >= 0
}

// compact forgets marks that cannot be rolled back to, and frames that no mark needs.
func (s *State) compact() {
	drop := len(s.marks) - 1 - s.keep
	off := s.marks[drop].from
	s.threads = s.threads[:copy(s.threads, s.threads[off:])]
	s.marks = s.marks[:copy(s.marks, s.marks[drop:])]
	w := &s.w
	// moved is first whether a frame is needed, then where it goes; frames only refer to earlier ones.
	s.moved = slices.Grow(s.moved[:0], len(w.frames))[:len(w.frames)]
	clear(s.moved)
	s.moved[bottom] = 1
	for _, t := range s.threads {
		s.moved[t.frame] = 1
	}
	for f := len(w.frames) - 1; f > bottom; f-- {
		if s.moved[f] != 0 {
			x := w.frames[f]
			for _, l := range w.links[x.first : x.first+x.n] {
				s.moved[max(l.below, bottom)] = 1
			}
		}
	}
	at := 0 // of marks
	frames, links := int32(0), int32(0)
	for f, x := range w.frames {
		for ; at < len(s.marks) && s.marks[at].frames == f; at++ {
			s.marks[at].frames, s.marks[at].links = int(frames), int(links)
		}
		if s.moved[f] == 0 {
			continue
		}
		s.moved[f] = frames
		for i, l := range w.links[x.first : x.first+x.n] {
			if l.below >= 0 {
				l.below = s.moved[l.below]
			}
			w.links[links+int32(i)] = l
		}
		w.frames[frames] = frame{links, x.n}
		frames++
		links += x.n
	}
	for ; at < len(s.marks); at++ {
		s.marks[at].frames, s.marks[at].links = int(frames), int(links)
	}
	w.frames, w.links = w.frames[:frames], w.links[:links]
	for i := range s.threads {
		s.threads[i].frame = s.moved[s.threads[i].frame]
	}
	for i := range s.marks {
		s.marks[i].from -= off
		s.marks[i].to -= off
	}
}
