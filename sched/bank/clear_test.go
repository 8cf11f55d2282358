package bank

import (
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// ours is say for a session with an id.
func ours(t *testing.T, b *Bank, owner string, text []int32, at ...int) {
	t.Helper()
	s, err := b.opt.Pool.NewState()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Release()
	for _, n := range at {
		run(t, b.opt.Pool, s, text[s.Len():n])
		keep(t, b, s, text, owner)
	}
}

func TestClearForgetsEverythingAndHurtsNobody(t *testing.T) {
	p := testPool(t, 64, 3)
	b := testBank(t, p, Options{Pages: 60})
	a := text(300, 1)
	ours(t, b, "a", a, 70, 299)
	r, err := b.Restore(a, true, Share)
	if err != nil || r.Tokens != 299 {
		t.Fatal(r.Tokens, err)
	}
	if n := b.Clear(); n != 2 {
		t.Errorf("%d places were cleared, want 2", n)
	}
	if s := b.Stats(); s.Checkpoints != 0 || s.Pages != 0 || s.Bytes != 0 {
		t.Errorf("afterwards the bank holds %+v", s)
	}
	other, err := p.NewState() // what was given back is taken and written
	if err != nil {
		t.Fatal(err)
	}
	run(t, p, other, text(500, 2))
	holds(t, p, r.State, a[:299])
	other.Release()
	if again, err := b.Restore(a, true, Share); err != nil || again.State != nil {
		t.Errorf("a cleared text resumes at %d, %v", again.Tokens, err)
	}
	r.State.Release()
	b.Close()
	if free, sessions := p.Free(); free != 64 || sessions != 3 {
		t.Errorf("%d pages and %d sessions are free, want all", free, sessions)
	}
}

func TestClearSessionLeavesTheOthers(t *testing.T) {
	p := testPool(t, 64, 3)
	b := testBank(t, p, Options{Pages: 60})
	defer b.Close()
	long := text(300, 1)
	ours(t, b, "a", long, 128, 299) // b goes on from a's first place
	r, err := b.Restore(long[:140], true, Share)
	if err != nil || r.Tokens != 128 {
		t.Fatal(r.Tokens, err)
	}
	run(t, p, r.State, long[128:200])
	keep(t, b, r.State, long, "b")
	r.State.Release()
	if n := b.ClearSession("a"); n != 2 {
		t.Errorf("%d places were cleared, want 2", n)
	}
	if n := b.ClearSession("") + b.ClearSession("nobody"); n != 0 {
		t.Errorf("%d places of nobody were cleared", n)
	}
	for n, want := range map[int]int{140: 0, 300: 200} {
		r, err := b.Restore(long[:n], true, Share)
		if err != nil || r.Tokens != want {
			t.Fatalf("a prompt of %d resumes at %d, %v; want %d", n, r.Tokens, err, want)
		}
		if r.State != nil {
			holds(t, p, r.State, long[:want])
			r.State.Release()
		}
	}
}

func TestClearReachesTheDisk(t *testing.T) {
	dir := t.TempDir()
	b, d, _ := tier(t, dir, "x", 1<<20)
	first, second := text(300, 1), text(300, 2)
	ours(t, b, "a", first, 70, 299)
	ours(t, b, "b", second, 299)
	if n := b.ClearSession("a"); n != 2 {
		t.Errorf("%d places were cleared, want 2: one that is too short for a file, and one file", n)
	}
	other, _, _ := tier(t, dir, "x", 1<<20)
	if n := restored(t, other, first); n != 0 {
		t.Errorf("a cleared session resumes at %d from disk", n)
	}
	if n := restored(t, other, second); n != 299 {
		t.Errorf("another session resumes at %d, want 299", n)
	}
	if n := b.Clear(); n != 1 {
		t.Errorf("%d places were cleared, want 1", n)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("on disk there are %v, %v", left, err)
	}
	if s := d.Stats(); s.Files != 0 || s.Bytes != 0 {
		t.Errorf("the index still has %+v", s)
	}
	ours(t, b, "a", first, 299) // and life goes on
	d.Flush()
	fresh, _, _ := tier(t, dir, "x", 1<<20)
	if n := restored(t, fresh, first); n != 299 {
		t.Errorf("what was written after a clear resumes at %d, want 299", n)
	}
}

func TestIdlePlacesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := testPool(t, 64, 3)
		b := testBank(t, p, Options{Pages: 60, Idle: time.Hour})
		defer b.Close()
		a, c := text(300, 1), text(300, 2)
		say(t, b, a, 299)
		say(t, b, c, 299)
		time.Sleep(40 * time.Minute)
		r, err := b.Restore(a, true, Share) // used again
		if err != nil || r.Tokens != 299 {
			t.Fatal(r.Tokens, err)
		}
		r.State.Release()
		time.Sleep(40 * time.Minute)
		if r, err := b.Restore(c, true, Share); err != nil || r.State != nil || r.Reason != Evicted {
			t.Errorf("what was idle for 80 minutes resumes at %d: %s, %v", r.Tokens, r.Reason, err)
		}
		if s := b.Stats(); s.Checkpoints != 1 || s.Expired != 1 {
			t.Errorf("%d places are left and %d have expired, want 1 and 1", s.Checkpoints, s.Expired)
		}
	})
}

// Pinned beginnings go last, but many different ones do not crowd conversations out.
func TestPinnedBeginningsLeaveRoom(t *testing.T) {
	p := testPool(t, 64, 3)
	b := testBank(t, p, Options{Pages: 24})
	defer b.Close()
	pin := func(seed int32) {
		t.Helper()
		s, err := p.NewState()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Release()
		tokens := text(140, seed)
		run(t, p, s, tokens[:130])
		c, err := s.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		b.Insert(&Snapshot{Tokens: tokens[:130], State: c, Pages: s.Pages(), Pinned: true})
	}
	known := func(seed int32) bool {
		t.Helper()
		r, err := b.Restore(text(140, seed), false, Share)
		if err != nil {
			t.Fatal(err)
		}
		if r.State != nil {
			r.State.Release()
		}
		return r.State != nil
	}
	pin(1)
	for seed := int32(2); seed < 30; seed++ { // conversations come and go, and the pinned beginning stays
		say(t, b, text(140, seed), 130)
	}
	if !known(1) {
		t.Fatal("a pinned beginning was evicted before conversations")
	}
	say(t, b, text(140, 99), 130)
	for seed := int32(100); seed < 130; seed++ {
		pin(seed)
		if !known(99) {
			t.Fatalf("%d pinned beginnings have evicted a conversation that is in use", seed-99)
		}
	}
}
