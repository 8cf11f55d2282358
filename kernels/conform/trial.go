package conform

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"mtplx/kernels"
)

// T is a test of the suite: Go's own by In, or a part of a Check.
type T interface {
	testing.TB
	// Run runs a part under a name of its own and tells whether it passed.
	Run(name string, f func(t T)) bool
	// Short asks for fewer cases.
	Short() bool
}

// In makes a T of a Go test.
func In(t *testing.T) T { //nolint:ireturn // the suite speaks T
	t.Helper()
	return tested{t, testing.Short()}
}

type tested struct {
	*testing.T

	short bool
}

func (t tested) Run(name string, f func(t T)) bool {
	t.Helper()
	return t.T.Run(name, func(sub *testing.T) { f(tested{sub, t.short}) })
}

func (t tested) Short() bool { return t.short }

// Part is what a part of Check found.
type Part struct {
	Name    string  `json:"name"`
	Seconds float64 `json:"seconds"`
	Failure string  `json:"failure,omitempty"` // the first one, with the case's name
}

// Check is Run outside of Go's tests, for programs that test the device they run on. It opens and closes a device
// for every part. done, when set, is told of each part. The error is the context's.
func Check(ctx context.Context, short bool, open func() (kernels.Device, error), done func(Part)) ([]Part, error) {
	parts := make([]Part, 0, len(suites))
	for _, s := range suites {
		if err := ctx.Err(); err != nil {
			return parts, err
		}
		start := time.Now()
		failures := Try(ctx, s.name, short, func(t T) {
			d, err := open()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
			s.run(t, d)
		})
		p := Part{Name: s.name, Seconds: time.Since(start).Seconds()}
		if len(failures) > 0 {
			p.Failure = failures[0]
		}
		parts = append(parts, p)
		if done != nil {
			done(p)
		}
	}
	return parts, nil
}

// Try runs f as a test outside of Go's tests and returns what it reported, each with the case's name. A panic is a
// failure.
func Try(ctx context.Context, name string, short bool, f func(t T)) (failures []string) {
	t := &trial{ctx: ctx, name: name, short: short, failures: &failures}
	t.run(f)
	return failures
}

// trial is a T of Try. What it does not implement of testing.TB is nil, and a panic of the case that uses it.
type trial struct {
	testing.TB

	ctx      context.Context //nolint:containedctx // a test has one
	name     string
	short    bool
	failures *[]string
	failed   bool
	cleanups []func()
}

// run runs f to its end or to its FailNow, and what it left to clean up.
func (t *trial) run(f func(t T)) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer t.clean()
		defer t.caught()
		f(t)
	}()
	<-ended
}

// caught makes a failure of a panic.
func (t *trial) caught() {
	if r := recover(); r != nil {
		t.report(fmt.Sprintf("panic: %v\n%s", r, debug.Stack()))
	}
}

// clean runs the cleanups from the last on; one that fails or panics does not keep the others from running.
func (t *trial) clean() {
	for len(t.cleanups) > 0 {
		last := len(t.cleanups) - 1
		f := t.cleanups[last]
		t.cleanups = t.cleanups[:last]
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			defer t.caught()
			f()
		}()
		<-ended
	}
}

func (t *trial) Run(name string, f func(t T)) bool {
	sub := &trial{ctx: t.ctx, name: t.name + "/" + strings.ReplaceAll(name, " ", "_"), short: t.short, failures: t.failures}
	sub.run(f)
	t.failed = t.failed || sub.failed
	return !sub.failed
}

func (t *trial) report(text string) {
	t.failed = true
	*t.failures = append(*t.failures, t.name+": "+text)
}

func (t *trial) Short() bool              { return t.short }
func (t *trial) Name() string             { return t.name }
func (t *trial) Context() context.Context { return t.ctx }
func (t *trial) Failed() bool             { return t.failed }
func (t *trial) Fail()                    { t.failed = true }
func (t *trial) Helper()                  {}
func (t *trial) Log(...any)               {}
func (t *trial) Logf(string, ...any)      {}
func (t *trial) Cleanup(f func())         { t.cleanups = append(t.cleanups, f) }

func (t *trial) FailNow() {
	t.failed = true
	runtime.Goexit()
}

func (t *trial) Error(args ...any) { t.report(strings.TrimSuffix(fmt.Sprintln(args...), "\n")) }

func (t *trial) Errorf(format string, args ...any) { t.report(fmt.Sprintf(format, args...)) }

func (t *trial) Fatal(args ...any) {
	t.Error(args...)
	runtime.Goexit()
}

func (t *trial) Fatalf(format string, args ...any) {
	t.Errorf(format, args...)
	runtime.Goexit()
}
