package sched

import "time"

// timer is a channel that is ready after some milliseconds of the test's clock.
func timer(ms int) <-chan time.Time { return time.After(time.Duration(ms) * time.Millisecond) }
