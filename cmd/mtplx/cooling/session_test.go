package cooling

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// said is what a session told.
type said struct {
	mu    sync.Mutex
	lines []string
}

func (s *said) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

func (s *said) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.lines) == 0 {
		return ""
	}
	return s.lines[len(s.lines)-1]
}

func TestIdleWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var told said
		c, err := w.process().begin(t.Context(), Use{For: "serve", Idle: 15 * time.Minute}, nil, told.say)
		if err != nil {
			t.Fatal(err)
		}
		after := func(d time.Duration, work, up bool) {
			t.Helper()
			time.Sleep(d)
			if work {
				c.Work()
				c.Work() // a second word while the first is being heard does not wait
			}
			synctest.Wait()
			if now, orders := w.fans.is(); now != up || w.noted(t) != up {
				t.Errorf("up is %v and noted %v after %s, want %v", now, w.noted(t), orders, up)
			}
		}
		after(14*time.Minute, true, true)
		after(14*time.Minute, true, true)
		after(15*time.Minute-time.Nanosecond, false, true)
		after(time.Nanosecond, false, false)
		if !strings.Contains(told.last(), "off after 15m0s without work") {
			t.Errorf("told %q", told.last())
		}
		after(time.Hour, false, false)
		after(0, true, true)
		after(15*time.Minute, false, false)
		after(0, true, true)
		// A turning up that fails is not tried with every token.
		after(15*time.Minute, false, false)
		w.fans.breaks(map[string]string{"max": "fails"}, 0)
		after(0, true, false)
		time.Sleep(time.Second)
		_, orders := w.fans.is()
		for range 10 {
			after(5*time.Second, true, false)
		}
		if _, now := w.fans.is(); now != orders {
			t.Errorf("within a minute of the failure, %s became %s", orders, now)
		}
		w.fans.breaks(nil, 0)
		after(time.Minute, true, true)
		// A turning down that fails is tried again without work.
		w.fans.breaks(map[string]string{"auto": "fails"}, downAttempt)
		time.Sleep(15*time.Minute + 10*time.Second)
		if up, _ := w.fans.is(); !up || !strings.Contains(told.last(), "cannot be turned off") {
			t.Errorf("told %q", told.last())
		}
		time.Sleep(2 * again)
		w.clean(t, "the second attempt")
		c.End(&err)
		if err != nil {
			t.Error(err)
		}
	})
}

// However a command ends, it is turned down before End returns.
func TestEveryEnd(t *testing.T) {
	wrong := errors.New("wrong")
	for _, c := range []struct {
		name   string
		broken string // how auto is
		body   func() error
		want   string
	}{
		{"well", "", func() error { return nil }, ""},
		{"with an error", "", func() error { return wrong }, "wrong"},
		{"with a panic", "", func() error { panic("oh") }, ""},
		{"well, and auto lies", "lies", func() error { return nil }, "turn down"},
		{"with an error, and auto lies", "lies", func() error { return wrong }, "wrong"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var told said
				command := func() (err error) {
					s, err := w.process().begin(t.Context(), Use{For: "run"}, nil, told.say)
					if err != nil {
						return err
					}
					defer s.End(&err)
					s.Work()
					w.fans.breaks(map[string]string{"auto": c.broken}, 0)
					return c.body()
				}
				err := func() (err error) {
					defer func() { _ = recover() }()
					return command()
				}()
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("ended with %v", err)
				}
				if c.broken == "" {
					w.clean(t, c.name)
				} else if c.want == "wrong" && !strings.Contains(told.last(), "turn down") {
					t.Errorf("told %q", told.last())
				}
			})
		})
	}
}

// An end that comes while it is being turned up waits for nothing but that to be undone.
func TestEndWhileTurningUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var told said
		c, err := w.process().begin(t.Context(), Use{For: "serve", Idle: time.Minute}, nil, told.say)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute)
		w.fans.breaks(map[string]string{"max": "slow"}, 0)
		c.Work()
		time.Sleep(time.Second)
		start := time.Now()
		c.End(&err)
		if err != nil || time.Since(start) > time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		w.clean(t, "end")
	})
}
