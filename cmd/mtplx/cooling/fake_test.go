package cooling

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if os.Getenv(fakeVariable) != "" {
		fakeHelper()
		return
	}
	// The goroutine that hears signals is started here, so that it belongs to no test's time.
	c := make(chan os.Signal, 1)
	signal.Notify(c, unix.SIGWINCH)
	signal.Stop(c)
	goleak.VerifyTestMain(m)
}

// fans is a control that a test can break.
type fans struct {
	mu       sync.Mutex
	up       bool
	orders   []string // "max" and "auto", as they were given
	looks    int
	actual   func(target float64) float64 // nil: at once
	broken   map[string]string            // order -> "fails", "hangs", "lies", "slow"
	heals    int                          // after so many orders nothing is broken any more; 0: never
	vanishes int                          // after so many orders every call fails; 0: never
}

func (f *fans) Describe() Description              { return Description{"fans", "/fake"} }
func (f *fans) Before() (map[string]string, error) { return nil, nil } //nolint:nilnil // as a helper
func (f *fans) Raise(ctx context.Context) error    { return f.order(ctx, raiseTime, "max", true) }
func (f *fans) Release(ctx context.Context, _ map[string]string) error {
	return f.order(ctx, releaseTime, "auto", false)
}

var errGone = errors.New("no such file")

func (f *fans) order(ctx context.Context, limit time.Duration, word string, up bool) error {
	f.mu.Lock()
	f.orders = append(f.orders, word)
	how := f.broken[word]
	if f.heals > 0 && len(f.orders) > f.heals {
		how = ""
	}
	if f.vanishes > 0 && len(f.orders) > f.vanishes {
		f.mu.Unlock()
		return errGone
	}
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := ctx.Err(); err != nil { // as no program is started
		return err
	}
	switch how {
	case "fails":
		return errors.New("exit status 1")
	case "hangs":
		<-ctx.Done()
		return ctx.Err()
	case "lies":
		return nil
	case "slow":
		if err := pause(ctx, limit-time.Second); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up = up
	return nil
}

func (f *fans) Status(context.Context, map[string]string) (*Status, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks++
	if f.vanishes > 0 && len(f.orders) > f.vanishes {
		return nil, errGone
	}
	fan := Fan{Max: 6000, Mode: "auto", Actual: 1500}
	if f.up {
		fan.Mode, fan.Target, fan.Actual = "manual", 6000, 6000
		if f.actual != nil {
			fan.Actual = f.actual(fan.Target)
		}
	}
	return &Status{Raised: fan.raised(), Released: fan.released(), Reached: fan.reached(), Fans: []Fan{fan}}, nil
}

// breaks is how a test that is under way breaks and heals them: the goroutine of a session reads them too.
func (f *fans) breaks(how map[string]string, heals int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.broken = how
	if f.heals = 0; heals > 0 {
		f.heals = len(f.orders) + heals
	}
}

func (f *fans) is() (up bool, orders string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.up, fmt.Sprint(f.orders)
}

// people are the processes of a test.
type people struct {
	mu    sync.Mutex
	live  map[int]string
	start string
}

func (p *people) started(pid int) string { p.mu.Lock(); defer p.mu.Unlock(); return p.live[pid] }
func (p *people) gone(pid int) bool      { return p.started(pid) == "" }
func (p *people) boot() string           { return p.start }
func (p *people) born(pid int, at string) Holder {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live[pid] = at
	return Holder{PID: pid, Started: at, For: "run"}
}

func (p *people) dies(pid int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, pid)
}

// world is one machine with one home.
type world struct {
	home string
	fans *fans
	*people
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{t.TempDir(), &fans{}, &people{live: map[int]string{os.Getpid(): "me"}, start: "boot 1"}}
}

// process is the switch as a process has it.
func (w *world) process() *Switch {
	return &Switch{Control: w.fans, ledger: file{w.home}, procs: w.people, open: func(Description) (Control, error) { return w.fans, nil }}
}

// noted tells whether the file is there, and whole.
func (w *world) noted(t *testing.T) bool {
	t.Helper()
	r, err := file{w.home}.load()
	if err != nil {
		t.Error(err)
	}
	return r != nil
}

// clean fails the test unless nothing is up, nothing is noted and nothing but the lock lies around.
func (w *world) clean(t *testing.T, when string) {
	t.Helper()
	if up, orders := w.fans.is(); up {
		t.Errorf("%s: the fans are up after %s", when, orders)
	}
	if w.noted(t) {
		t.Errorf("%s: the record is still there", when)
	}
}
