package cooling

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
)

// mortal is a process that dies at one of its steps: before the step, or after it and before it knows.
type mortal struct {
	ledger
	Control

	steps int
	dies  int // the step at which; -1: never
	seen  []string
}

type death struct{}

func (m *mortal) step(name string, do func()) {
	m.seen = append(m.seen, name)
	if m.steps == m.dies {
		panic(death{})
	}
	m.steps++
	do()
	if m.steps == m.dies {
		panic(death{})
	}
	m.steps++
}

func (m *mortal) load() (r *record, err error) {
	m.step("load", func() { r, err = m.ledger.load() })
	return r, err
}

func (m *mortal) save(r *record) (err error) {
	m.step("save", func() { err = m.ledger.save(r) })
	return err
}

func (m *mortal) remove() (err error) {
	m.step("remove", func() { err = m.ledger.remove() })
	return err
}

func (m *mortal) Before() (b map[string]string, err error) {
	m.step("before", func() { b, err = m.Control.Before() })
	return b, err
}

func (m *mortal) Raise(ctx context.Context) (err error) {
	m.step("raise", func() { err = m.Control.Raise(ctx) })
	return err
}

func (m *mortal) Release(ctx context.Context, b map[string]string) (err error) {
	m.step("release", func() { err = m.Control.Release(ctx, b) })
	return err
}

func (m *mortal) Status(ctx context.Context, b map[string]string) (s *Status, err error) {
	m.step("status", func() { s, err = m.Control.Status(ctx, b) })
	return s, err
}

// live runs a process until it ends or dies at a step; -1 is never.
func (w *world) live(t *testing.T, control Control, dies int, do func(*Switch) error) (m *mortal, died bool) {
	t.Helper()
	m = &mortal{ledger: file{w.home}, Control: control, dies: dies}
	s := &Switch{Control: m, ledger: m, procs: w.people, open: func(Description) (Control, error) { return m, nil }}
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(death); !ok {
				panic(r)
			}
			died = true
		}
	}()
	if err := do(s); err != nil {
		t.Errorf("step %d: %v", dies, err)
	}
	return m, false
}

// Whatever the step at which a process dies, and at which the one after it dies (which cleans up, or turns up for itself), what is
// up is noted, and the next one turns down to what there was before the first, and leaves nothing behind.
func TestDeathAtEveryStep(t *testing.T) {
	stride := 1
	if testing.Short() {
		stride = 5 // of the deaths after the first: each is a start of goroutines like the others
	}
	for _, c := range []struct{ kind, next string }{{"fans", "recovers"}, {"fans", "turns up"}, {"governor", "recovers"}, {"governor", "turns up"}} {
		kind := c.kind
		t.Run(kind+" and the next "+c.next, func(t *testing.T) {
			deaths, points := 0, map[string]bool{}
			for first := 0; ; first++ {
				over := false
				for second := 0; ; second += stride {
					over2 := false
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t)
						var control Control = w.fans
						isUp := func() bool { up, _ := w.fans.is(); return up }
						if kind == "governor" {
							control, isUp = governors(t)
						}
						use := func(h Holder) func(s *Switch) error {
							return func(s *Switch) error {
								if err := s.Raise(t.Context(), h); err != nil {
									return err
								}
								return s.Release(t.Context(), h)
							}
						}
						next := func(s *Switch) error { _, err := s.Recover(t.Context()); return err }
						if c.next == "turns up" {
							next = use(w.born(8, "b"))
						}
						check := func(who string, m *mortal) {
							if isUp() && !w.noted(t) {
								t.Errorf("%s died at step %d, after %v: it is up, and not noted", who, m.dies, m.seen)
							}
						}
						m, died := w.live(t, control, first, use(w.born(7, "a")))
						if over = !died; over {
							return
						}
						deaths++
						points[m.seen[len(m.seen)-1]] = true
						check("the first", m)
						w.dies(7)
						m, died = w.live(t, control, second, next)
						w.dies(8)
						over2 = !died
						check("the second", m)
						if _, err := (&Switch{Control: control, ledger: file{w.home}, procs: w.people, open: func(Description) (Control, error) { return control, nil }}).Recover(t.Context()); err != nil {
							t.Error(err)
						}
						if isUp() || w.noted(t) {
							t.Errorf("deaths at %d and %d: up %v, noted %v", first, second, isUp(), w.noted(t))
						}
					})
					if over || over2 {
						break
					}
				}
				if over {
					break
				}
			}
			for _, p := range []string{"load", "before", "save", "raise", "status", "release", "remove"} {
				if !points[p] {
					t.Errorf("nobody died at %s", p)
				}
			}
			t.Logf("%d deaths", deaths)
		})
	}
}

// governors are those of four cores in files. up tells whether any is not what it was.
func governors(t *testing.T) (g *Governor, up func() bool) {
	t.Helper()
	root := t.TempDir()
	before := map[string]string{}
	for i, name := range []string{"powersave", "schedutil", "performance", "powersave"} {
		f := filepath.Join(root, fmt.Sprintf("sys/devices/system/cpu/cpu%d/cpufreq/scaling_governor", i))
		before[f] = name
		if err := os.MkdirAll(filepath.Dir(f), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, []byte(name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g = &Governor{root}
	return g, func() bool {
		now, err := g.Before()
		if err != nil {
			t.Error(err)
		}
		return !maps.Equal(now, before)
	}
}
