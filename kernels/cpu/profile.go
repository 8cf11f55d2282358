package cpu

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// profile is the time that workers spend in each kind of operation, for benchmarks.
type profile struct {
	off   atomic.Bool
	mu    sync.Mutex
	times map[string]time.Duration
}

// Label names an operation in a profile: its kernel and, where that decides its cost, its size.
func Label(op queue.Op) string {
	p, ok := op.(*kernels.Product)
	if !ok {
		return op.Kernel()
	}
	outputs := 0
	for _, q := range p.Parts {
		outputs += q.W.Rows()
	}
	return fmt.Sprintf("%s-%dx%d", p.Kernel(), outputs, p.X.K)
}

// timedStep adds its inner step's time, summed over workers, to a profile.
type timedStep struct {
	inner step
	label string
	p     *profile
}

func (s *timedStep) run(t, n int) {
	if s.p.off.Load() {
		s.inner.run(t, n)
		return
	}
	start := time.Now()
	s.inner.run(t, n)
	d := time.Since(start)
	s.p.mu.Lock()
	s.p.times[s.label] += d
	s.p.mu.Unlock()
}

// timed wraps the steps of an operation when the device profiles.
func (d *Device) timed(steps []step, op queue.Op) []step {
	if d.profile == nil {
		return steps
	}
	label := Label(op)
	for i := range steps {
		steps[i] = &timedStep{steps[i], label, d.profile}
	}
	return steps
}

// PauseProfile stops and resumes the adding up; programs run as without a profile meanwhile. It does nothing
// unless Options.Profile was set.
func (d *Device) PauseProfile(off bool) {
	if d.profile != nil {
		d.profile.off.Store(off)
	}
}

// TakeProfile returns the time spent in operations of each Label since the last call, summed over
// workers, and starts anew. It is nil unless Options.Profile was set.
func (d *Device) TakeProfile() map[string]time.Duration {
	if d.profile == nil {
		return nil
	}
	d.profile.mu.Lock()
	defer d.profile.mu.Unlock()
	times := d.profile.times
	d.profile.times = map[string]time.Duration{}
	return times
}
