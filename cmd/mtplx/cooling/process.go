package cooling

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// processes tells processes apart; tests have their own.
type processes interface {
	// started is when a process began, in the system's own terms, or "" where it is gone, dead and not yet buried, or not shown.
	started(pid int) string
	// gone tells whether there is no process of that number, as far as the kernel says.
	gone(pid int) bool
	// boot names the time since the machine was started.
	boot() string
}

// machine is the processes of this machine.
type machine struct{}

func (machine) started(pid int) string { return startOf(pid) }

func (machine) gone(pid int) bool { return errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

func (machine) boot() string { return bootName() }

// dead tells whether the process that wrote a holder has ended: there is none of its number, or one that began at another time. A
// process that is there and does not show when it began is left alone.
func dead(p processes, h *Holder) bool {
	if h.PID == 0 {
		return false // a person
	}
	now := p.started(h.PID)
	return p.gone(h.PID) || now == buried || now != "" && now != h.Started
}

// buried is when a process began that has ended and of which its parent was not told yet.
const buried = "dead"

// self is this process as a holder.
func self(p processes) Holder { return Holder{PID: os.Getpid(), Started: p.started(os.Getpid())} }
