// Package trace writes what every cycle spent where as a file that Perfetto and chrome://tracing open: one
// track for each stage, one slice for each cycle in it, and one for each queue of the device, one slice for each
// program, at the device's own times: so one sees what overlaps and what waits. Occupancy adds the same up.
//
//	rec := trace.New(file)
//	env.Observe = rec.Observe
//	verifyQueue.(queue.Timed).Watch(func(r queue.Run) { rec.Ran(trace.VerifyQueue, r) })
//	... engine runs, is closed ...
//	err := rec.Close()
//
// The format is the Trace Event Format's array of complete events, in microseconds. A file that was cut off
// can be opened as well, as that format allows.
//
// Recorder is safe for concurrent use. Observe and Ran allocate nothing once its buffer has grown; they block on the
// writer only when that buffer is full.
package trace
