package page

import "fmt"

// State is one session's memory. See the package comment for its life.
type State struct {
	pool  *Pool
	pages []int32
	slot  int32
	in    int32 // which of the slot's two tapes the next forward folds from
	fold  int   // tape rows that count and are not in the recurrent state yet
	n     int   // committed positions
	head  int   // positions whose MTP-head rows are final
}

// Span is one lane's share of a forward: consecutive rows of one session.
type Span struct {
	State  *State
	Tokens []int32
	// Base is the position of Tokens[0]: State.Len() for the trunk, a position of the head's
	// own history for the head.
	Base int
	// Certain rows of a trunk span will be committed whatever is accepted: all rows of a
	// prompt, and the root of a verify.
	Certain int
	// Hidden is where the session's trunk hidden rows begin: row i of a trunk span is kept as hidden row
	// Hidden+i, and row i of a head span is fed with that row. A span with Chain set has one row, which takes the
	// head's own last output.
	Hidden int
	Chain  bool
	// Follow is how many rows more the head forwards for the lane after the span's last, each for the token that the
	// device expects to be drawn of the row before it, and fed with that row's output. After, of a span with Chain set,
	// says whose output it takes when that was not what was drawn: that of row After of the last span with rows that
	// followed, of which 1 is the span's own last; 0 is the head's last.
	Follow, After int
	Expect        Expect
	// Shift, where it is set, is added to what the head gives for the span's last row before a chain takes it.
	Shift []float32
	// Logits is how many of the span's last rows want logits, and Temperature the one their
	// normaliser is computed at (0 counts as 1).
	Logits      int
	Temperature float64
	// Blocks are the blocks of ids that a head span's logits cover besides the first ids, for a forward
	// that covers part of the vocabulary.
	Blocks []int32
}

// NewState opens an empty session.
func (p *Pool) NewState() (*State, error) {
	slot, err := p.takeSlot()
	if err != nil {
		return nil, err
	}
	return &State{pool: p, slot: slot}, nil
}

// Len is the number of committed positions.
func (s *State) Len() int { return s.n }

// HeadLen is the number of positions whose head rows are final: fed with the trunk's own hidden
// and the committed token.
func (s *State) HeadLen() int { return s.head }

// SetHeadLen moves HeadLen forward after a history forward of the head.
func (s *State) SetHeadLen(n int) {
	if n < s.head || n > s.n {
		panic(fmt.Sprintf("page: head length %d outside %d..%d", n, s.head, s.n))
	}
	s.head = n
}

// Slot is the session's place in the recurrent pool and in pools that models keep beside it.
func (s *State) Slot() int32 { return s.slot }

// Tapes returns the places in the tape pool to fold from and to write to, and how many rows fold.
func (s *State) Tapes() (in, out int32, fold int) {
	return 2*s.slot + s.in, 2*s.slot + 1 - s.in, s.fold
}

// Pages is the page table: positions 64i.. are in Pages()[i]. The slice is the state's own.
func (s *State) Pages() []int32 { return s.pages }

// View makes v a view of where the session's rows are now, for forwards of the head that run while the state itself is
// committed. It holds nothing: it is good until the state is extended or released.
func (s *State) View(v *State) {
	v.pages = append(v.pages[:0], s.pages...)
	v.slot, v.n, v.head = s.slot, s.n, s.head
}

// Extend makes room for `rows` rows past Len that belong to this state alone. The error wraps
// ErrFull when the pool has too few pages; the state is then as before.
func (s *State) Extend(rows int) error {
	need := (s.n + rows + Tokens - 1) / Tokens
	first := s.head / Tokens // head rows may still be written from here on
	var copies int
	for i := first; i < len(s.pages) && i < need; i++ {
		if s.pool.shared(s.pages[i]) {
			copies++
		}
	}
	fresh := max(need-len(s.pages), 0)
	if copies+fresh == 0 {
		return nil
	}
	got, err := s.pool.take(nil, copies+fresh)
	if err != nil {
		return fmt.Errorf("extend session of %d tokens by %d: %w", s.n, rows, err)
	}
	spare := got
	for i := first; i < len(s.pages) && i < need && copies > 0; i++ {
		if !s.pool.shared(s.pages[i]) {
			continue
		}
		if err := s.pool.copyPage(spare[0], s.pages[i]); err != nil {
			s.pool.drop(spare...)
			return err
		}
		s.pool.drop(s.pages[i])
		s.pages[i], spare = spare[0], spare[1:]
		copies--
	}
	for len(s.pages) < need && len(spare) > 0 {
		s.pages, spare = append(s.pages, spare[0]), spare[1:]
	}
	s.pool.drop(spare...) // a sharer may have let go meanwhile
	return nil
}

// Commit ends a trunk forward over span: its first n rows count. n is at least the span's
// Certain rows, because those are in the recurrent state already.
func (s *State) Commit(span *Span, n int) {
	if span.Base != s.n || n < span.Certain || n > len(span.Tokens) {
		panic(fmt.Sprintf("page: commit %d of %d rows (%d certain) at %d to a state of %d", n, len(span.Tokens), span.Certain, span.Base, s.n))
	}
	s.n += n
	s.fold = n - span.Certain
	s.in = 1 - s.in
}

// Fork opens a second session with the same past. Both may go on independently.
func (s *State) Fork() (*State, error) {
	p := s.pool
	slot, err := p.takeSlot()
	if err != nil {
		return nil, fmt.Errorf("fork session of %d tokens: %w", s.n, err)
	}
	f := &State{pool: p, slot: slot, in: s.in, fold: s.fold, n: s.n, head: s.head}
	g := p.geo
	in, _, _ := s.Tapes()
	to, _, _ := f.Tapes()
	if g.StateBytes > 0 {
		err = p.dev.Copy(p.Recurrent, int(slot)*g.StateBytes, p.Recurrent, int(s.slot)*g.StateBytes, g.StateBytes)
	}
	if err == nil && g.TapeBytes > 0 {
		err = p.dev.Copy(p.Tapes, int(to)*g.TapeBytes, p.Tapes, int(in)*g.TapeBytes, g.TapeBytes)
	}
	if err != nil {
		p.dropSlot(slot)
		return nil, fmt.Errorf("fork session of %d tokens: %w", s.n, err)
	}
	f.pages = append([]int32(nil), s.pages...)
	p.retain(f.pages)
	return f, nil
}

// Release gives everything back. The state must not be used again.
func (s *State) Release() {
	if s.pool == nil {
		return
	}
	s.pool.drop(s.pages...)
	s.pool.dropSlot(s.slot)
	s.pool, s.pages = nil, nil
}
