package stages

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestAGuessIsTrueOnlyOfItsVeryText(t *testing.T) {
	g := Guess{Text: 5, Tokens: []int32{7, 8, 9}, Drafts: []int32{1}}
	for _, c := range []struct {
		name string
		text []int32
		want bool
	}{
		{"the text that was guessed", []int32{1, 2, 7, 8, 9}, true},
		{"another token after the drafts", []int32{1, 2, 7, 8, 6}, false},
		{"a draft that fell", []int32{1, 2, 7, 5, 9}, false},
		{"a shorter text", []int32{1, 2, 7, 8}, false},
		{"a longer one", []int32{1, 2, 7, 8, 9, 9}, false},
		{"a longer one that ends alike", []int32{1, 2, 3, 7, 8, 9}, false},
	} {
		if got := g.True(c.text); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	g.Drafts = nil
	if g.True([]int32{1, 2, 7, 8, 9}) || g.Made() {
		t.Error("a guess without drafts is one")
	}
	g.Drafts = []int32{1}
	if g.Drop(); g.True([]int32{1, 2, 7, 8, 9}) {
		t.Error("a dropped guess came true")
	}
}

// The stage that goes on waits for the verify, and whoever stops it waits for its end; both for as many cycles as come.
func TestForesightIsStoppedBeforeLanesAreMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Foresight
		if err := f.Stop(t.Context()); err != nil {
			t.Errorf("what was never armed: %v", err)
		}
		f.Submitted() // of a cycle that nobody goes on with
		for range 3 {
			f.Arm()
			ahead, end := make(chan error, 1), make(chan struct{})
			go func() {
				err := f.Await(t.Context())
				ahead <- err
				<-end
				f.End()
			}()
			synctest.Wait()
			if len(ahead) > 0 {
				t.Fatal("the stage went on before the verify was with its queue")
			}
			f.Submitted()
			if err := <-ahead; err != nil {
				t.Fatal(err)
			}
			stopped := make(chan error, 1)
			go func() { stopped <- f.Stop(t.Context()) }()
			synctest.Wait()
			if len(stopped) > 0 || !f.Stopped() {
				t.Fatalf("before the end: stop returned %v, stopped %v", len(stopped) > 0, f.Stopped())
			}
			close(end)
			if err := <-stopped; err != nil {
				t.Fatal(err)
			}
		}
		f.Arm()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := errors.Join(f.Stop(ctx), f.Await(ctx)); !errors.Is(err, context.Canceled) {
			t.Errorf("under a cancelled context: %v", err)
		}
	})
}
