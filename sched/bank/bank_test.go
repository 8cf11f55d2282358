package bank

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"mtplx/sched/page"
	"mtplx/sched/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a device that has memory and nothing else.
type memory struct{ queue.Device }

type block []byte

func (b block) Bytes() []byte { return b }
func (b block) Release()      {}

func (memory) Alloc(n int, _ string) (queue.Buffer, error) { return block(make([]byte, n)), nil }

func (memory) Copy(dst queue.Buffer, dstOff int, src queue.Buffer, srcOff, n int) error {
	copy(dst.Bytes()[dstOff:dstOff+n], src.Bytes()[srcOff:srcOff+n])
	return nil
}

const cell = 4 // bytes of a position

type fataler interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func testPool(t fataler, pages, sessions int) *page.Pool {
	t.Helper()
	p, err := page.NewPool(memory{}, page.Geometry{Layers: 2, Pages: pages, PageBytes: page.Tokens * cell, Sessions: sessions, StateBytes: 4, TapeBytes: 8})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func testBank(t fataler, p *page.Pool, o Options) *Bank {
	t.Helper()
	o.Pool = p
	b, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// run forwards tokens: a session's pages hold its tokens, its recurrent state their sum.
func run(t fataler, p *page.Pool, s *page.State, tokens []int32) {
	t.Helper()
	if len(tokens) == 0 {
		return
	}
	if err := s.Extend(len(tokens)); err != nil {
		t.Fatal(err)
	}
	g := p.Geometry()
	state := p.Recurrent.Bytes()[4*int(s.Slot()):]
	sum := binary.LittleEndian.Uint32(state)
	if s.Len() == 0 {
		sum = 0
	}
	for i, id := range tokens {
		pos := s.Len() + i
		for l := range g.Layers {
			at := (l*g.Pages+int(s.Pages()[pos/page.Tokens]))*g.PageBytes + pos%page.Tokens*cell
			binary.LittleEndian.PutUint32(p.KV.Bytes()[at:], uint32(id))
		}
		sum = sum*31 + uint32(id)
	}
	binary.LittleEndian.PutUint32(state, sum)
	s.Commit(&page.Span{State: s, Tokens: tokens, Base: s.Len(), Certain: len(tokens)}, len(tokens))
	s.SetHeadLen(s.Len() - 1)
}

// holds checks that a state's memory is that of a text.
func holds(t fataler, p *page.Pool, s *page.State, text []int32) {
	t.Helper()
	if s.Len() != len(text) {
		t.Fatalf("the state has %d tokens, want %d", s.Len(), len(text))
	}
	g, sum := p.Geometry(), uint32(0)
	for pos, id := range text {
		for l := range g.Layers {
			at := (l*g.Pages+int(s.Pages()[pos/page.Tokens]))*g.PageBytes + pos%page.Tokens*cell
			if got := binary.LittleEndian.Uint32(p.KV.Bytes()[at:]); got != uint32(id) {
				t.Fatalf("layer %d position %d holds %d, want %d", l, pos, got, id)
			}
		}
		sum = sum*31 + uint32(id)
	}
	if got := binary.LittleEndian.Uint32(p.Recurrent.Bytes()[4*int(s.Slot()):]); got != sum {
		t.Fatalf("the recurrent state is %d, want %d", got, sum)
	}
}

// keep offers a session's memory to the bank.
func keep(t fataler, b *Bank, s *page.State, text []int32, owner string) {
	t.Helper()
	c, err := s.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	b.Insert(&Snapshot{
		Tokens: text[:s.Len()], State: c, Pages: s.Pages(), Owner: owner,
		Headed: true, Head: s.Len() - 1, Hidden: []float32{float32(s.Len())},
	})
}

// say computes a text in a bank's pool and remembers it at the given positions.
func say(t fataler, b *Bank, text []int32, at ...int) {
	t.Helper()
	p := b.opt.Pool
	s, err := p.NewState()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	for _, n := range at {
		run(t, p, s, text[s.Len():n])
		keep(t, b, s, text, "")
	}
}

func text(n int, seed int32) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = seed*1000 + int32(i)
	}
	return out
}

func TestFindsTheLongestBeginning(t *testing.T) {
	p := testPool(t, 64, 2)
	b := testBank(t, p, Options{Pages: 60})
	a := text(300, 1)
	say(t, b, a, 50, 128, 200, 299)
	for n, want := range map[int]int{40: 0, 50: 0, 51: 50, 128: 50, 129: 128, 200: 128, 201: 200, 300: 299} {
		r, err := b.Restore(a[:n], true, Share)
		if err != nil || r.Tokens != want {
			t.Fatalf("a prompt of %d resumes at %d (%s, %v), want %d", n, r.Tokens, r.Reason, err, want)
		}
		if r.State != nil {
			holds(t, p, r.State, a[:want])
			if r.Head != want-1 || len(r.Hidden) != 1 || r.Hidden[0] != float32(want) {
				t.Fatalf("resumed at %d with hidden rows %v from %d", want, r.Hidden, r.Head)
			}
			r.State.Release()
		}
	}
	other := slices.Clone(a)
	other[210] = -1
	if r, _ := b.Restore(other, true, Share); r.Tokens != 200 {
		t.Fatalf("a prompt that differs at 210 resumes at %d, want 200", r.Tokens)
	} else {
		r.State.Release()
	}
	other[199] = -1
	r, _ := b.Restore(other, true, Share)
	if r.Tokens != 128 {
		t.Fatalf("a prompt that differs within the tail of a checkpoint resumes at %d, want 128", r.Tokens)
	}
	r.State.Release()
	b.Close()
	if pages, sessions := p.Free(); pages != 64 || sessions != 2 {
		t.Fatalf("after close %d pages and %d sessions are free", pages, sessions)
	}
}

func TestMissesSayWhy(t *testing.T) {
	p := testPool(t, 64, 2)
	b := testBank(t, p, Options{Pages: 8})
	defer b.Close()
	a := text(300, 1)
	say(t, b, a, 299)
	split := slices.Clone(a)
	split[150] = -1
	for _, c := range []struct {
		prompt []int32
		mode   Mode
		want   Reason
		at     int
	}{
		{text(100, 2), Share, NewSession, 0},
		{split, Share, PrefixDivergence, 128},
		{a[:130], Share, NoSnapshotCoverage, 128},
		{a, Off, Bypass, 0},
	} {
		r, err := b.Restore(c.prompt, true, c.mode)
		if err != nil || r.State != nil || r.Reason != c.want || r.At != c.at {
			t.Errorf("got %s at %d, error %v; want %s at %d", r.Reason, r.At, err, c.want, c.at)
		}
	}
	say(t, b, text(500, 3), 499) // more than fits beside it
	if r, _ := b.Restore(a, true, Share); r.Reason != Evicted {
		t.Errorf("what was evicted is reported as %s", r.Reason)
	}
	if s := b.Stats(); s.Misses[NewSession] != 1 || s.Misses[Evicted] != 1 || s.LastMiss != Evicted || s.Hits != 0 {
		t.Errorf("statistics %+v", s)
	}
}

func TestBudgetHolds(t *testing.T) {
	p := testPool(t, 64, 2)
	b := testBank(t, p, Options{Pages: 20, Bytes: 60})
	defer b.Close()
	for i := range int32(30) {
		say(t, b, text(100, i), 99)
		if s := b.Stats(); s.Pages > 20 || s.Bytes > 60 {
			t.Fatalf("after %d texts the bank holds %d pages and %d bytes; the budget is 20 and 60", i+1, s.Pages, s.Bytes)
		}
	}
	if s := b.Stats(); s.Checkpoints < 2 || s.Evictions < 20 {
		t.Fatalf("%d checkpoints left after %d evictions", s.Checkpoints, s.Evictions)
	}
}

func TestReuseCountsAgainstEviction(t *testing.T) {
	p := testPool(t, 64, 2)
	b := testBank(t, p, Options{Pages: 10}) // room for five
	defer b.Close()
	often := text(100, 1)
	say(t, b, often, 99)
	for range 10 {
		r, err := b.Restore(often, true, Share)
		if err != nil || r.State == nil {
			t.Fatalf("a text that is asked for again is gone: %s", r.Reason)
		}
		r.State.Release()
	}
	for i := range int32(8) {
		say(t, b, text(100, 100+i), 99)
	}
	if r, _ := b.Restore(often, true, Share); r.State == nil {
		t.Fatalf("eight texts that nobody asked for again drove out one that was asked for ten times: %s", r.Reason)
	} else {
		r.State.Release()
	}
}

// Random histories: whatever is resumed holds its text, and every page is accounted for.
func TestEveryRestoreHoldsItsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := testPool(t, 40, 4)
		b := testBank(t, p, Options{Pages: rapid.IntRange(4, 30).Draw(t, "pages")})
		type session struct {
			s    *page.State
			text []int32
		}
		var live []*session
		t.Repeat(map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				// Few words, so that beginnings are shared; few lengths, so that borders are met.
				n := rapid.SampledFrom([]int{1, 3, 63, 64, 65, 100, 127, 128, 129, 200}).Draw(t, "tokens")
				words := make([]int32, n)
				flip := rapid.IntRange(0, n).Draw(t, "flip")
				for i := range words {
					words[i] = int32(i % 7)
					if i >= flip {
						words[i] += 50
					}
				}
				mode := rapid.SampledFrom([]Mode{Share, Share, Clone, Off}).Draw(t, "mode")
				r, err := b.Restore(words, rapid.Bool().Draw(t, "headed"), mode)
				if err != nil {
					return
				}
				s := r.State
				if s == nil {
					if s, err = p.NewState(); err != nil {
						return
					}
				} else {
					holds(t, p, s, words[:r.Tokens])
				}
				live = append(live, &session{s, words})
				b.Reclaim(8)
				if free, _ := p.Free(); free >= 8 {
					run(t, p, s, words[s.Len():])
				} else {
					live = live[:len(live)-1]
					s.Release()
				}
			},
			"go on": func(t *rapid.T) {
				if len(live) == 0 {
					t.Skip()
				}
				x := rapid.SampledFrom(live).Draw(t, "session")
				more := text(rapid.IntRange(1, 70).Draw(t, "more"), int32(rapid.IntRange(1, 2).Draw(t, "what")))
				b.Reclaim(6)
				if free, _ := p.Free(); free < 6 || len(x.text) > 400 {
					return
				}
				x.text = append(x.text, more...)
				run(t, p, x.s, more)
			},
			"keep": func(t *rapid.T) {
				if len(live) == 0 {
					t.Skip()
				}
				x := rapid.SampledFrom(live).Draw(t, "session")
				keep(t, b, x.s, x.text, "")
			},
			"end": func(t *rapid.T) {
				if len(live) == 0 {
					t.Skip()
				}
				i := rapid.IntRange(0, len(live)-1).Draw(t, "session")
				live[i].s.Release()
				live = append(live[:i], live[i+1:]...)
			},
			"": func(t *rapid.T) {
				for _, x := range live {
					holds(t, p, x.s, x.text)
				}
				if s := b.Stats(); s.Pages > s.MaxPages {
					t.Fatalf("the bank holds %d pages of %d", s.Pages, s.MaxPages)
				}
			},
		})
		for _, x := range live {
			x.s.Release()
		}
		b.Close()
		if pages, sessions := p.Free(); pages != 40 || sessions != 4 {
			t.Fatalf("in the end %d pages and %d sessions are free", pages, sessions)
		}
	})
}

func TestSessionIDs(t *testing.T) {
	p := testPool(t, 16, 2)
	b := testBank(t, p, Options{})
	defer b.Close()
	words := text(100, 1)
	s, _ := p.NewState()
	run(t, p, s, words)
	keep(t, b, s, words, "owner")
	s.Release()
	from := func(m map[string]string) func(string) string { return func(n string) string { return m[n] } }
	for _, c := range []struct {
		name string
		id   Identity
		want string
	}{
		{"the first header", Identity{Header: from(map[string]string{"x-mtplx-session-id": "a", "x-openwebui-chat-id": "b"}), User: "u"}, "a"},
		{"another header", Identity{Header: from(map[string]string{"x-openwebui-user-id": "c"}), Metadata: from(map[string]string{"session_id": "d"})}, "c"},
		{"metadata", Identity{Header: from(nil), Metadata: from(map[string]string{"chat_id": "e", "conversation_id": "f"}), User: "u"}, "e"},
		{"user", Identity{User: " u ", ChatID: "c"}, "u"},
		{"chat", Identity{ChatID: "c", ConversationID: "d"}, "c"},
		{"conversation", Identity{ConversationID: "d", Prompt: append(words, 1)}, "d"},
		{"owner of the beginning", Identity{Prompt: append(words, 1)}, "owner"},
	} {
		if got := b.SessionID(c.id); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	a, a2, other := b.SessionID(Identity{Prompt: text(300, 2)}), b.SessionID(Identity{Prompt: text(400, 2)}), b.SessionID(Identity{Prompt: text(300, 3)})
	if a != a2 || a == other || len(a) != len("anon-")+16 {
		t.Errorf("names made of prompts: %q, %q with more turns, %q for another", a, a2, other)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a bank without a pool was made")
	}
	if _, err := New(Options{Pool: testPool(t, 4, 1), Pages: -1}); err == nil {
		t.Error("a negative budget was accepted")
	}
	if _, err := OpenDisk(t.TempDir(), 0, nil); err == nil {
		t.Error("a disk tier of no bytes was opened")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenDisk(file, 1, nil); err == nil {
		t.Error("a file was opened as a directory")
	}
}
