package cooling

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"mtplx/cmd/mtplx/command"
)

// Flags are those of commands that compute.
type Flags struct {
	Max bool `help:"Max mode while it runs: fans, or clocks, go up and back; mtplx max says whether it can." group:"Generation"`
}

// Use says how a command uses max mode.
type Use struct {
	For  string        // what the command is called
	Wait bool          // until fans have sped up, for what is measured
	Idle time.Duration // without work after which it is turned down until there is some; 0 is never
}

// Session is a command's time in max mode. A nil one is none.
type Session struct {
	sw     *Switch
	holder Holder
	idle   time.Duration
	guard  *guard
	lower  func() error // releases for this process, whatever has ended
	say    func(format string, args ...any)

	work  chan struct{}
	stop  context.CancelFunc
	ended chan struct{}
	up    bool // of the loop, and after it
}

// Begin turns down what an earlier mtplx has left up, which every command with the flag does; and with it, turns up. What goes
// on beside the command is told to tell, by any goroutine. The caller calls End.
func (f *Flags) Begin(ctx context.Context, tell func(text string), use Use) (*Session, error) {
	if !f.Max && !noted() {
		return nil, nil //nolint:nilnil // no session
	}
	sw, err := New()
	if err != nil {
		if !f.Max {
			return nil, nil //nolint:nilnil // no session; whether there is a home matters to others
		}
		return nil, err
	}
	say := func(format string, args ...any) { tell(fmt.Sprintf(format, args...)) }
	found, err := sw.Recover(ctx)
	for i := range found.Left {
		if err == nil {
			say("%s had ended without turning max mode off; that is done now", &found.Left[i])
		}
	}
	if !f.Max {
		if err != nil {
			say("%v", err)
		}
		return nil, nil //nolint:nilnil // no session
	}
	if err != nil {
		return nil, err
	}
	if sw.Control == nil {
		return nil, sw.Why
	}
	g, err := startGuard(context.WithoutCancel(ctx))
	if err != nil {
		say("nothing watches over this process, should it be killed: %v", err)
	}
	s, err := sw.begin(ctx, use, g, say)
	if err != nil {
		g.end(true)
		return nil, err
	}
	return s, nil
}

// On tells a person on a stream.
func On(errs io.Writer) func(text string) {
	return func(text string) { fmt.Fprintln(errs, "mtplx:", text) }
}

// noted tells whether there is a record, which is all that most commands need to know.
func noted() bool {
	home, err := command.Home()
	if err != nil {
		return false
	}
	_, err = os.Lstat(file{home}.path())
	return err == nil
}

// begin turns up for this process and watches over it.
func (s *Switch) begin(ctx context.Context, use Use, g *guard, say func(string, ...any)) (*Session, error) {
	h := self(s.procs)
	h.Since, h.For = time.Now().UTC().Truncate(time.Second), use.For
	if g != nil {
		h.Guard = g.pid
	}
	if err := s.Raise(ctx, h); err != nil {
		return nil, err
	}
	if use.Wait {
		if err := s.Reach(ctx); err != nil && ctx.Err() == nil {
			say("max mode is on, and not reached yet: %v", err)
		}
	}
	after := context.WithoutCancel(ctx)
	lower := func() error { return s.Release(after, h) }
	c := &Session{sw: s, holder: h, lower: lower, idle: use.Idle, guard: g, say: say, work: make(chan struct{}, 1), ended: make(chan struct{}), up: true}
	ctx, c.stop = context.WithCancel(after)
	go c.loop(ctx)
	return c, nil
}

// Work tells that there is some. It costs next to nothing, and never waits.
func (c *Session) Work() {
	if c == nil || c.idle == 0 {
		return
	}
	select {
	case c.work <- struct{}{}:
	default:
	}
}

// again is when what has failed is tried again.
const again = time.Minute

// loop turns down after a time without work, and up with work; a hangup of the terminal ends the process as it does others, after
// turning down.
func (c *Session) loop(ctx context.Context) {
	defer close(c.ended)
	hangup := make(chan os.Signal, 1)
	if !signal.Ignored(unix.SIGHUP) { // nohup
		signal.Notify(hangup, unix.SIGHUP)
		defer signal.Stop(hangup)
	}
	timer := time.NewTimer(c.idle)
	defer timer.Stop()
	if c.idle == 0 {
		timer.Stop()
	}
	var failed time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			c.down()
			signal.Reset(unix.SIGHUP)
			_ = unix.Kill(os.Getpid(), unix.SIGHUP)
			return
		case <-c.work:
			timer.Reset(c.idle)
			if c.up || !failed.IsZero() && time.Since(failed) < again {
				continue
			}
			if err := c.sw.Raise(ctx, c.holder); err != nil {
				failed = time.Now()
				if ctx.Err() == nil {
					c.say("max mode stays off: %v", err)
				}
				continue
			}
			c.up, failed = true, time.Time{}
			c.say("there is work, so max mode is on again")
		case <-timer.C:
			if !c.up {
				continue
			}
			if c.down() {
				c.say("max mode is off after %v without work", c.idle)
			} else {
				timer.Reset(again)
			}
		}
	}
}

// down turns down, and tells whether it could.
func (c *Session) down() bool {
	if err := c.lower(); err != nil {
		c.say("max mode cannot be turned off: %v", err)
		return false
	}
	c.up = false
	return true
}

// End turns down, and returns once that was seen. What goes wrong becomes the command's error where it has none. It is deferred,
// so that a panic turns down, too.
func (c *Session) End(err *error) {
	if c == nil {
		return
	}
	c.stop()
	<-c.ended
	var problem error
	if c.up {
		problem = c.lower()
	}
	c.guard.end(problem == nil)
	switch {
	case problem == nil:
	case *err == nil:
		*err = problem
	default:
		c.say("%v", problem)
	}
}
