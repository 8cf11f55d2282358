package cooling

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mtplx/cmd/mtplx/runtime"
)

// Switch turns a control up and down for its holders.
type Switch struct {
	// Control is what this machine has; nil where it has none, which Why says.
	Control Control
	Why     error

	ledger ledger
	procs  processes
	// open finds the control that a record names.
	open func(Description) (Control, error)
	wake func(ctx context.Context) // before a second attempt at turning up; may be nil
}

// How long it is waited for what was ordered to be seen, how often it is looked, and how often turning down is tried.
const (
	upTime      = 6 * time.Second
	downTime    = 12 * time.Second
	reachTime   = 25 * time.Second
	lookEvery   = 500 * time.Millisecond
	downAttempt = 3
	wakeTime    = 4 * time.Second
)

// fix is what to do about a control that does not do what it is told.
const fix = "mtplx max status shows what is set; restarting the machine gives the fans back in any case"

func failed(err error, fix string) error { return runtime.Fail(runtime.Thermal, err, fix) }

// Raise turns up for a holder, and returns once that was seen. What fails is undone.
func (s *Switch) Raise(ctx context.Context, h Holder) error {
	if s.Control == nil {
		return s.Why
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	r, err := s.living(ctx)
	if err != nil {
		return err
	}
	d := s.Control.Describe()
	if r != nil && r.Control != d {
		return failed(fmt.Errorf("%s has turned up another control, %s %s", &r.Holders[0], r.Control.Kind, r.Control.Path), "end it, or mtplx max off")
	}
	if r == nil {
		before, err := s.Control.Before()
		if err != nil {
			return failed(fmt.Errorf("read what is set: %w", err), "")
		}
		r = &record{Schema: recordSchema, Control: d, Boot: s.procs.boot(), Before: before}
	}
	r.Holders = append(without(r.Holders, h), h)
	if err := s.ledger.save(r); err != nil {
		return runtime.Fail(runtime.Environment, fmt.Errorf("nothing is turned up, since it cannot be noted: %w", err), "make mtplx's home writable, or set MTPLX_HOME to a directory that is")
	}
	if err := s.up(ctx, r.Before); err != nil {
		r.Holders = without(r.Holders, h)
		if undo := s.settle(context.WithoutCancel(ctx), r); undo != nil {
			err = fmt.Errorf("%w, and then: %w", err, undo)
		}
		return failed(err, fix)
	}
	return nil
}

// Release ends a holder's wish; when it was the last, it turns down and returns once that was seen.
func (s *Switch) Release(ctx context.Context, h Holder) error {
	unlock, err := s.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	r, err := s.ledger.load()
	if err != nil || r == nil {
		return s.unreadable(ctx, err)
	}
	r.Holders = without(r.Holders, h)
	return s.settle(ctx, s.pruned(r))
}

// Off turns down whoever holds it, and returns those who did.
func (s *Switch) Off(ctx context.Context) ([]Holder, error) {
	unlock, err := s.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	r, err := s.ledger.load()
	switch {
	case err != nil:
		return nil, s.unreadable(ctx, err)
	case r != nil:
		held := r.Holders
		r.Holders = nil
		return held, s.settle(ctx, r)
	case s.Control == nil:
		return nil, s.Why
	}
	// Nobody holds it; a person who says off wants to see it off all the same, except for governors, which are nobody's default.
	if s.Control.Describe().Kind == "governor" {
		return nil, nil
	}
	return nil, failed(s.down(ctx, s.Control, nil), fix)
}

// Recovery is what was found of holders that are dead.
type Recovery struct {
	// Left are the holders that ended without turning down, which then was done for them.
	Left []Holder
	// Held are those who hold it now.
	Held []Holder
}

// Recover turns down what dead holders have left up. It is cheap where nothing is.
func (s *Switch) Recover(ctx context.Context) (Recovery, error) {
	var found Recovery
	if r, err := s.ledger.load(); r == nil && err == nil {
		return found, nil
	} else if r != nil && len(s.pruned(r).Holders) == len(r.Holders) && len(r.Holders) > 0 {
		found.Held = r.Holders
		return found, nil
	}
	unlock, err := s.lock(ctx)
	if err != nil {
		return found, err
	}
	defer unlock()
	r, err := s.ledger.load()
	if err != nil || r == nil {
		return found, s.unreadable(ctx, err)
	}
	alive := s.pruned(r)
	for i := range r.Holders {
		if !slices.Contains(alive.Holders, r.Holders[i]) {
			found.Left = append(found.Left, r.Holders[i])
		}
	}
	found.Held = alive.Holders
	return found, s.settle(ctx, alive)
}

// living is the record with its living holders. Where they are all dead what they left is turned down first; then it is nil.
func (s *Switch) living(ctx context.Context) (*record, error) {
	r, err := s.ledger.load()
	if err != nil || r == nil {
		return nil, s.unreadable(ctx, err)
	}
	if r = s.pruned(r); len(r.Holders) == 0 {
		return nil, s.settle(ctx, r)
	}
	return r, nil
}

// pruned is a record without dead holders. Since another start of the machine all are: fans are macOS's again then, and
// governors the system's.
func (s *Switch) pruned(r *record) *record {
	p := *r
	p.Holders = nil
	for i := range r.Holders {
		if r.Boot == s.procs.boot() && !dead(s.procs, &r.Holders[i]) {
			p.Holders = append(p.Holders, r.Holders[i])
		}
	}
	return &p
}

// settle notes who still holds, or turns down where nobody does, and then takes the record away.
func (s *Switch) settle(ctx context.Context, r *record) error {
	if len(r.Holders) > 0 {
		return s.noted(s.ledger.save(r))
	}
	if r.Boot != s.procs.boot() && r.Control.Kind == "governor" {
		return s.noted(s.ledger.remove()) // what a governor was in another life is not to be set in this one
	}
	c, err := s.open(r.Control)
	if err != nil {
		return failed(fmt.Errorf("turn down %s %s: %w", r.Control.Kind, r.Control.Path, err), fix)
	}
	if err := s.down(ctx, c, r.Before); err != nil {
		if e := s.ledger.save(r); e != nil { // for the next one who comes by
			err = fmt.Errorf("%w, which cannot be noted: %w", err, e)
		}
		return failed(err, fix)
	}
	return s.noted(s.ledger.remove())
}

// unreadable turns down what a damaged record may have stood for, and takes it away; err is nil where there is none.
func (s *Switch) unreadable(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if !errors.Is(err, errDamaged) {
		return s.noted(err)
	}
	if s.Control == nil {
		return failed(fmt.Errorf("max-active.json says that something may be turned up, and %w; %w", err, s.Why), fix)
	}
	if err := s.down(ctx, s.Control, nil); err != nil {
		return failed(err, fix)
	}
	return s.noted(s.ledger.remove())
}

func (s *Switch) noted(err error) error {
	if err != nil {
		err = fmt.Errorf("note what is turned up: %w", err)
	}
	return runtime.Fail(runtime.Environment, err, "make mtplx's home writable, or set MTPLX_HOME to a directory that is")
}

func (s *Switch) lock(ctx context.Context) (func(), error) {
	unlock, err := s.ledger.lock(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return unlock, s.noted(err)
}

// up orders, and orders once more where that is not seen.
func (s *Switch) up(ctx context.Context, before map[string]string) error {
	var err error
	for attempt := range 2 {
		if attempt > 0 && s.wake != nil {
			s.wake(ctx)
			if err := pause(ctx, wakeTime); err != nil {
				return err
			}
		}
		if err = s.Control.Raise(ctx); err == nil {
			err = seen(ctx, s.Control, before, upTime, func(st *Status) bool { return st.Raised })
		}
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("turn up: %w", err)
}

// down orders until it is seen, a few times.
func (s *Switch) down(ctx context.Context, c Control, before map[string]string) error {
	var err error
	for range downAttempt {
		if err = c.Release(ctx, before); err == nil {
			err = seen(ctx, c, before, downTime, func(st *Status) bool { return st.Released })
		}
		if err == nil {
			return nil
		}
		if e := pause(ctx, lookEvery); e != nil {
			break
		}
	}
	return fmt.Errorf("turn down: %w", err)
}

// Reach waits until what was turned up is so. Fans that do not follow are no reason not to go on, but to say so.
func (s *Switch) Reach(ctx context.Context) error {
	if s.Control == nil {
		return s.Why
	}
	return seen(ctx, s.Control, nil, reachTime, func(st *Status) bool { return st.Reached })
}

// seen looks until something is so.
func seen(ctx context.Context, c Control, before map[string]string, limit time.Duration, so func(*Status) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		st, err := c.Status(ctx, before)
		if err == nil && so(st) {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("%v was told, but %s", c.Describe().Path, st)
		}
		if e := pause(ctx, lookEvery); e != nil {
			return err
		}
	}
}

// pause waits, and returns early with ctx's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// without is a list without a holder: the same process, or person.
func without(list []Holder, h Holder) []Holder {
	return slices.DeleteFunc(slices.Clone(list), func(o Holder) bool { return o.PID == h.PID && o.Started == h.Started })
}
