package queue

import "time"

// Run is one run of a program: when the device began and ended it, on the host's clock. A device with a clock of its
// own is off by what it takes to read both at once, some microseconds.
type Run struct {
	Label      string // the program's
	Start, End time.Time
}

// Timed is a queue that can tell when its programs ran.
type Timed interface {
	// Watch has f told of every program that ends without a fault from now on, in order, before its done point is
	// signalled; nil ends that. f is called from the queue's goroutine and holds the queue up. A queue that nobody
	// watches spends nothing on it.
	Watch(f func(Run))
}
