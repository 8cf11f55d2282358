package page

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

const (
	testLayers = 2
	testBytes  = 8 // bytes of one position in one layer
)

func testPool(t testing.TB, pages, sessions int) (*Pool, *memory) {
	t.Helper()
	dev := &memory{}
	p, err := NewPool(dev, Geometry{
		Layers: testLayers, Pages: pages, PageBytes: Tokens * testBytes,
		Sessions: sessions, StateBytes: 16, TapeBytes: 16,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, dev
}

// cell is where a position of a state lives in one layer.
func cell(p *Pool, s *State, layer, pos int) []byte {
	g := p.geo
	at := (layer*g.Pages+int(s.pages[pos/Tokens]))*g.PageBytes + pos%Tokens*testBytes
	return p.KV.Bytes()[at : at+testBytes]
}

// forward plays a trunk forward of n rows: it writes a mark into every row's cell.
func forward(t testing.TB, p *Pool, s *State, mark byte, n int) {
	t.Helper()
	if err := s.Extend(n); err != nil {
		t.Fatal(err)
	}
	for l := range testLayers {
		for i := range n {
			copy(cell(p, s, l, s.n+i), bytes.Repeat([]byte{mark}, testBytes))
		}
	}
}

func TestCommitKeepsOnlyTheRowsThatCount(t *testing.T) {
	p, _ := testPool(t, 8, 2)
	s, err := p.NewState()
	if err != nil {
		t.Fatal(err)
	}
	forward(t, p, s, 1, 5)
	in, out, fold := s.Tapes()
	if in == out || fold != 0 {
		t.Fatalf("fresh state: tapes %d and %d, fold %d", in, out, fold)
	}
	s.Commit(&Span{Base: 0, Tokens: make([]int32, 5), Certain: 1}, 3)
	in2, out2, fold := s.Tapes()
	if s.Len() != 3 || fold != 2 || in2 != out || out2 != in {
		t.Fatalf("after 3 of 5 rows, 1 certain: length %d, fold %d, tapes %d,%d; want 3, 2 and the tapes exchanged from %d,%d", s.Len(), fold, in2, out2, in, out)
	}
	s.Release()
	if pages, sessions := p.Free(); pages != 8 || sessions != 2 {
		t.Fatalf("after release %d pages and %d sessions are free; want 8 and 2", pages, sessions)
	}
}

func TestCommitRefusesWhatCannotBe(t *testing.T) {
	p, _ := testPool(t, 8, 2)
	for name, f := range map[string]func(*State){
		"fewer than certain": func(s *State) { s.Commit(&Span{Tokens: make([]int32, 4), Certain: 2}, 1) },
		"more than rows":     func(s *State) { s.Commit(&Span{Tokens: make([]int32, 4), Certain: 2}, 5) },
		"another base":       func(s *State) { s.Commit(&Span{Base: 1, Tokens: make([]int32, 4), Certain: 2}, 3) },
	} {
		s, err := p.NewState()
		if err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f(s)
		}()
		s.Release()
	}
}

// A page that ends exactly at the fork still holds the head row of its last position, which is
// written when the next token is known: the forks must not share it then.
func TestForkedSessionsDoNotShareThePageOfAPendingHeadRow(t *testing.T) {
	p, _ := testPool(t, 8, 2)
	s, _ := p.NewState()
	forward(t, p, s, 1, Tokens)
	s.Commit(&Span{Tokens: make([]int32, Tokens), Certain: Tokens}, Tokens)
	s.SetHeadLen(Tokens - 1)
	f, err := s.Fork()
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Extend(1); err != nil {
		t.Fatal(err)
	}
	if f.pages[0] == s.pages[0] {
		t.Fatal("the fork may write a head row into a page that it shares")
	}
	if !bytes.Equal(cell(p, f, 1, 3), cell(p, s, 1, 3)) {
		t.Fatal("the copied page differs from its source")
	}
}

func TestExtendBeyondThePoolChangesNothing(t *testing.T) {
	p, dev := testPool(t, 2, 2)
	s, _ := p.NewState()
	forward(t, p, s, 1, 10)
	s.Commit(&Span{Tokens: make([]int32, 10), Certain: 10}, 10)
	before, _ := p.Free()
	if err := s.Extend(3 * Tokens); !errors.Is(err, ErrFull) {
		t.Fatalf("extend past the pool: %v; want ErrFull", err)
	}
	if after, _ := p.Free(); after != before || len(s.pages) != 1 {
		t.Fatalf("a refused extend left %d free pages (before %d) and a table of %d", after, before, len(s.pages))
	}
	f, err := s.Fork()
	if err != nil {
		t.Fatal(err)
	}
	dev.failCopy = true
	if err := f.Extend(1); err == nil {
		t.Fatal("extend hid a failed copy")
	}
	if after, _ := p.Free(); after != before {
		t.Fatalf("a failed copy leaked pages: %d free, before %d", after, before)
	}
	if _, err := s.Fork(); !errors.Is(err, ErrFull) {
		t.Fatalf("a third session of two: %v; want ErrFull", err)
	}
}

// Random histories of several sessions: each session's cells always hold what that session wrote,
// and every page is free or held exactly as often as tables name it.
func TestSessionsNeverSeeEachOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _ := testPoolRapid(t)
		type twin struct {
			s    *State
			want []byte // mark of each committed position
		}
		var live []*twin
		mark := byte(0)
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				if s, err := p.NewState(); err == nil {
					live = append(live, &twin{s: s})
				}
			},
			"forward": func(t *rapid.T) {
				if len(live) == 0 {
					t.Skip()
				}
				w := live[rapid.IntRange(0, len(live)-1).Draw(t, "session")]
				n := rapid.IntRange(1, 90).Draw(t, "rows")
				if w.s.Extend(n) != nil {
					return
				}
				mark++
				for l := range testLayers {
					for i := range n {
						copy(cell(p, w.s, l, w.s.n+i), bytes.Repeat([]byte{mark}, testBytes))
					}
				}
				keep := rapid.IntRange(1, n).Draw(t, "keep")
				w.s.Commit(&Span{Base: w.s.n, Tokens: make([]int32, n), Certain: 1}, keep)
				w.want = append(w.want, bytes.Repeat([]byte{mark}, keep)...)
				w.s.SetHeadLen(rapid.IntRange(w.s.HeadLen(), w.s.Len()).Draw(t, "head"))
			},
			"fork": func(t *rapid.T) {
				if len(live) == 0 {
					t.Skip()
				}
				w := live[rapid.IntRange(0, len(live)-1).Draw(t, "session")]
				if f, err := w.s.Fork(); err == nil {
					live = append(live, &twin{s: f, want: append([]byte(nil), w.want...)})
				}
			},
			"release": func(t *rapid.T) {
				if len(live) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(live)-1).Draw(t, "session")
				live[i].s.Release()
				live = append(live[:i], live[i+1:]...)
			},
			"": func(t *rapid.T) {
				held := make([]int32, p.geo.Pages)
				for _, w := range live {
					if len(w.want) != w.s.Len() {
						t.Fatalf("length %d, want %d", w.s.Len(), len(w.want))
					}
					for _, id := range w.s.pages {
						held[id]++
					}
					for l := range testLayers {
						for pos, m := range w.want {
							if got := cell(p, w.s, l, pos)[0]; got != m {
								t.Fatalf("layer %d position %d holds %d, want %d", l, pos, got, m)
							}
						}
					}
				}
				free := 0
				for id, n := range held {
					if p.refs[id] != n {
						t.Fatalf("page %d is counted %d times and held %d times", id, p.refs[id], n)
					}
					if n == 0 {
						free++
					}
				}
				if got, _ := p.Free(); got != free {
					t.Fatalf("%d pages are free, want %d", got, free)
				}
			},
		})
	})
}

func testPoolRapid(t *rapid.T) (*Pool, *memory) {
	dev := &memory{}
	p, err := NewPool(dev, Geometry{
		Layers: testLayers, Pages: 12, PageBytes: Tokens * testBytes, Sessions: 4, StateBytes: 16, TapeBytes: 16,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, dev
}
