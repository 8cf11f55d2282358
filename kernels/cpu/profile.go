package cpu

import (
	"sync"
	"time"

	"mtplx/sched/queue"
)

// profile is the time that workers spend in each kind of operation, for benchmarks.
type profile struct {
	mu    sync.Mutex
	times map[string]time.Duration
}

// timedStep adds its inner step's time, summed over workers, to a profile.
type timedStep struct {
	inner  step
	kernel string
	p      *profile
}

func (s *timedStep) run(t, n int) {
	start := time.Now()
	s.inner.run(t, n)
	d := time.Since(start)
	s.p.mu.Lock()
	s.p.times[s.kernel] += d
	s.p.mu.Unlock()
}

// timed wraps the steps of an operation when the device profiles.
func (d *Device) timed(steps []step, op queue.Op) []step {
	if d.profile == nil {
		return steps
	}
	for i := range steps {
		steps[i] = &timedStep{steps[i], op.Kernel(), d.profile}
	}
	return steps
}

// TakeProfile returns the time spent in each kind of operation since the last call, summed over
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
