package cooling

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/cmd/mtplx/runtime"
)

func kindOf(err error) runtime.Kind {
	if f, ok := errors.AsType[*runtime.Failure](err); ok {
		return f.Kind
	}
	return 0
}

// A control that does not do what it is told is found out, asked again, and reported; nothing stays up unnoted.
func TestBrokenControls(t *testing.T) {
	for _, c := range []struct {
		name            string
		fans            *fans
		raises, lowers  bool
		raised, lowered string // what errors say
	}{
		{name: "sound", fans: &fans{}, raises: true, lowers: true},
		{name: "max fails", fans: &fans{broken: map[string]string{"max": "fails"}}, raised: "exit status 1"},
		{name: "max fails once", fans: &fans{broken: map[string]string{"max": "fails"}, heals: 1}, raises: true, lowers: true},
		{name: "max hangs", fans: &fans{broken: map[string]string{"max": "hangs"}}, raised: "deadline exceeded"},
		{name: "max lies", fans: &fans{broken: map[string]string{"max": "lies"}}, raised: "/fake was told, but fan 0 is in mode auto with a target of 0"},
		{name: "max lies once", fans: &fans{broken: map[string]string{"max": "lies"}, heals: 1}, raises: true, lowers: true},
		{name: "max is slow", fans: &fans{broken: map[string]string{"max": "slow"}}, raises: true, lowers: true},
		{name: "auto fails", fans: &fans{broken: map[string]string{"auto": "fails"}}, raises: true, lowered: "turn down: exit status 1"},
		{name: "auto fails twice", fans: &fans{broken: map[string]string{"auto": "fails"}, heals: 3}, raises: true, lowers: true},
		{name: "auto hangs", fans: &fans{broken: map[string]string{"auto": "hangs"}}, raises: true, lowered: "deadline exceeded"},
		{name: "auto lies", fans: &fans{broken: map[string]string{"auto": "lies"}}, raises: true, lowered: "/fake was told, but fan 0 is in mode manual with a target of 6000"},
		{name: "auto is slow", fans: &fans{broken: map[string]string{"auto": "slow"}}, raises: true, lowers: true},
		{name: "both lie", fans: &fans{broken: map[string]string{"max": "lies", "auto": "lies"}}, raised: "was told"},
		{name: "gone at once", fans: &fans{vanishes: -1}, raised: "no such file"},
		{name: "gone midway", fans: &fans{vanishes: 1}, raises: true, lowered: "no such file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.fans = c.fans
				if c.fans.vanishes < 0 {
					c.fans.vanishes = 1
					c.fans.orders = []string{""}
				}
				s, h := w.process(), w.born(7, "a")
				start := time.Now()
				err := s.Raise(t.Context(), h)
				if (err == nil) != c.raises || err != nil && (!strings.Contains(err.Error(), c.raised) || kindOf(err) != runtime.Thermal) {
					t.Fatalf("raising: %v; want %q", err, c.raised)
				}
				if most := 2*(raiseTime+upTime) + downAttempt*(releaseTime+downTime+time.Second); time.Since(start) > most {
					t.Errorf("raising took %v", time.Since(start))
				}
				if up, orders := w.fans.is(); up != c.raises {
					t.Errorf("up is %v after %s", up, orders)
				}
				if !c.raises {
					if w.noted(t) && c.fans.vanishes == 0 {
						t.Error("what could not be turned up is noted")
					}
					return
				}
				if !w.noted(t) {
					t.Error("it is up, and not noted")
				}
				start = time.Now()
				err = s.Release(t.Context(), h)
				if (err == nil) != c.lowers || err != nil && (!strings.Contains(err.Error(), c.lowered) || kindOf(err) != runtime.Thermal) {
					t.Fatalf("lowering: %v; want %q", err, c.lowered)
				}
				if most := downAttempt * (releaseTime + downTime + time.Second); time.Since(start) > most {
					t.Errorf("lowering took %v", time.Since(start))
				}
				if c.lowers {
					w.clean(t, "lowered")
					return
				}
				if !w.noted(t) {
					t.Error("it could not be turned down, and that is not noted")
				}
				// Whoever comes by later tries again, the process being alive or not.
				w.fans.broken, w.fans.vanishes = nil, 0
				if _, err := w.process().Recover(t.Context()); err != nil {
					t.Error(err)
				}
				w.clean(t, "recovered")
			})
		})
	}
}

// Nothing is turned up that could not be noted.
func TestNothingIsTurnedUpUnnoted(t *testing.T) {
	w := newWorld(t)
	w.home = filepath.Join(w.home, "file", "below")
	if err := os.WriteFile(filepath.Dir(w.home), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := w.process().Raise(t.Context(), w.born(7, "a"))
	if kindOf(err) != runtime.Environment {
		t.Errorf("%v", err)
	}
	if _, orders := w.fans.is(); orders != "[]" {
		t.Errorf("orders %s were given", orders)
	}
}

// The last holder turns down, whoever that is, and the dead do not count.
func TestHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		a, b, c := w.born(1, "a"), w.born(2, "b"), w.born(3, "c")
		person := Holder{For: "max on"}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		must(w.process().Raise(t.Context(), a))
		must(w.process().Raise(t.Context(), b))
		must(w.process().Release(t.Context(), a))
		if up, _ := w.fans.is(); !up {
			t.Fatal("the first to leave turned down for all")
		}
		w.dies(2)
		must(w.process().Raise(t.Context(), c)) // a dead one's fans are given back before they are taken
		must(w.process().Raise(t.Context(), person))
		must(w.process().Release(t.Context(), c))
		found, err := w.process().Recover(t.Context())
		must(err)
		if up, _ := w.fans.is(); !up || len(found.Held) != 1 || found.Held[0].For != "max on" || len(found.Left) != 0 {
			t.Errorf("a person's wish was dropped: %+v", found)
		}
		held, err := w.process().Off(t.Context())
		must(err)
		w.clean(t, "off")
		if len(held) != 1 {
			t.Errorf("off told of %v", held)
		}
	})
}

// A holder is dead when its process is gone or its number has another process. Those that live are left alone.
func TestTheDead(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(w *world)
		left   bool
	}{
		{"alive", func(*world) {}, false},
		{"gone", func(w *world) { w.dies(7) }, true},
		{"recycled", func(w *world) { w.born(7, "later") }, true},
		{"a zombie", func(w *world) { w.born(7, buried) }, true},
		{"another start of the machine", func(w *world) { w.start = "boot 2" }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				if err := w.process().Raise(t.Context(), w.born(7, "a")); err != nil {
					t.Fatal(err)
				}
				c.change(w)
				found, err := w.process().Recover(t.Context())
				if err != nil || (len(found.Left) == 1) != c.left || (len(found.Held) == 0) != c.left {
					t.Errorf("%+v, %v", found, err)
				}
				if up, _ := w.fans.is(); up == c.left || w.noted(t) == c.left {
					t.Errorf("up is %v, noted %v", up, w.noted(t))
				}
			})
		})
	}
}

// A file that cannot be read may mean that fans are up: they are turned down.
func TestDamagedRecords(t *testing.T) {
	for _, text := range []string{"", "{", "null", `{"schema_version":9,"control":{"kind":"fans"}}`, `{"schema_version":1}`, "\x00\x00\x00"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			w.fans.up = true
			if err := os.WriteFile(file{w.home}.path(), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := w.process().Recover(t.Context()); err != nil {
				t.Errorf("%q: %v", text, err)
			}
			w.clean(t, text)
		})
	}
}

// Fans that are told to run fast and do not follow are told of, after a while.
func TestFansThatDoNotFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		begin := time.Now()
		w.fans.actual = func(target float64) float64 { return min(target, 1000*time.Since(begin).Seconds()) }
		if err := w.process().Raise(t.Context(), w.born(7, "a")); err != nil {
			t.Fatal(err)
		}
		if err := w.process().Reach(t.Context()); err != nil || time.Since(begin) > 6*time.Second {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		w.fans.actual = func(float64) float64 { return 2000 }
		begin = time.Now()
		if err := w.process().Reach(t.Context()); err == nil || !strings.Contains(err.Error(), "2000 of at most 6000 rpm") || time.Since(begin) != reachTime {
			t.Errorf("after %v: %v", time.Since(begin), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.process().Reach(ctx); err == nil {
			t.Error("an end was not heard")
		}
	})
}

func TestWhatCountsAsUp(t *testing.T) {
	for _, c := range []struct {
		fan                       Fan
		raised, released, reached bool
	}{
		{Fan{Target: 6000, Max: 6000, Mode: "manual", Actual: 5500}, true, false, true},
		{Fan{Target: 5100, Max: 6000, Mode: "manual", Actual: 5000}, true, false, false},
		{Fan{Target: 5099, Max: 6000, Mode: "manual"}, false, false, false}, // held low by somebody
		{Fan{Target: 4000, Mode: "manual", Actual: 4000}, true, false, true},
		{Fan{Target: 3999, Mode: "manual"}, false, false, false},
		{Fan{Mode: "manual"}, true, false, false},
		{Fan{Mode: "max"}, true, false, false},
		{Fan{Mode: "auto"}, false, true, false},
		{Fan{Mode: "auto", Target: 6000, Max: 6000, Actual: 6000}, false, true, true}, // macOS is hot, and in charge
		{Fan{Mode: "system"}, false, true, false},
		{Fan{Mode: "unknown(7)"}, false, false, false},
	} {
		if c.fan.raised() != c.raised || c.fan.released() != c.released || c.fan.reached() != c.reached {
			t.Errorf("%v: raised %v, released %v, reached %v", &c.fan, c.fan.raised(), c.fan.released(), c.fan.reached())
		}
	}
}
