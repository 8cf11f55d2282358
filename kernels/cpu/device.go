package cpu

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// Options says how a device runs. The zero value takes the machine's best.
type Options struct {
	// Threads is the number of workers; 0 means GOMAXPROCS.
	Threads int
	// Tier is an instruction set by name, as Tiers lists them; empty means MTPLX_CPU's, and if that
	// is empty too, the best the machine has.
	Tier string
	// Profile makes programs add up the time of each kind of operation, which costs them a little.
	Profile bool
}

// MaxThreads bounds Options.Threads.
const MaxThreads = 512

// Device is the CPU. It is safe for concurrent use. Its queues share one team of workers, so
// programs of two queues take turns.
type Device struct {
	tier    tier
	ahead   ahead
	team    *team
	desks   []desk // by worker
	profile *profile

	growing sync.Mutex // held while desks get larger rooms
	mem     arena
	queues  atomic.Int32
	closed  atomic.Bool
}

var _ kernels.Device = (*Device)(nil)

// New starts a device and its workers. An unknown or missing tier is an error that names those
// this machine has.
func New(o Options) (*Device, error) {
	name := o.Tier
	if name == "" {
		name = os.Getenv(TierVariable)
	}
	t, err := chooseTier(name)
	if err != nil && o.Tier == "" {
		err = fmt.Errorf("%s is %q: %w", TierVariable, name, err)
	}
	if err != nil {
		return nil, err
	}
	n := o.Threads
	if n == 0 {
		n = runtime.GOMAXPROCS(0)
	}
	if n < 1 || n > MaxThreads {
		return nil, fmt.Errorf("start CPU device: %d threads asked for; expecting 1 to %d, or 0 for all processors", o.Threads, MaxThreads)
	}
	d := &Device{tier: t, ahead: aheadOf(t), team: newTeam(n), desks: make([]desk, n)}
	if o.Profile {
		d.profile = &profile{times: map[string]time.Duration{}}
	}
	return d, nil
}

// Name describes the device.
func (d *Device) Name() string {
	return fmt.Sprintf("cpu (%s, %d threads)", d.tier, d.team.n)
}

// Threads is the number of workers.
func (d *Device) Threads() int { return d.team.n }

// Tier names the instruction set in use.
func (d *Device) Tier() string { return d.tier.String() }

// NewQueue starts a queue and its goroutine.
func (d *Device) NewQueue(label string) (queue.Queue, error) {
	if d.closed.Load() {
		return nil, fmt.Errorf("open queue %q: the device is closed", label)
	}
	d.queues.Add(1)
	return newQueue(d, label), nil
}

// NewEvent is a counter at 0.
func (d *Device) NewEvent() queue.Event { return newEvent() }

// Copy moves n bytes; source and destination may overlap.
func (d *Device) Copy(dst queue.Buffer, dstOff int, src queue.Buffer, srcOff, n int) error {
	to, from := dst.Bytes(), src.Bytes()
	if n < 0 || dstOff < 0 || srcOff < 0 || dstOff > len(to)-n || srcOff > len(from)-n {
		return fmt.Errorf("copy %d bytes from offset %d of %d to offset %d of %d: out of range", n, srcOff, len(from), dstOff, len(to))
	}
	copy(to[dstOff:dstOff+n], from[srcOff:srcOff+n])
	return nil
}

// Close ends the workers. Buffers and weights live until they are released.
func (d *Device) Close() error {
	if n := d.queues.Load(); n > 0 {
		return fmt.Errorf("close CPU device: %d queues are open; close them first", n)
	}
	if d.closed.CompareAndSwap(false, true) {
		d.team.stop()
	}
	return nil
}
