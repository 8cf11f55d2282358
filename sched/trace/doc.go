// Package trace writes what every cycle spent where as a file that Perfetto and chrome://tracing open: one
// track for each stage, one slice for each cycle in it, so that one sees which of them overlap and which wait.
//
//	rec := trace.New(file)
//	env.Observe = rec.Observe
//	... engine runs, is closed ...
//	err := rec.Close()
//
// The format is the Trace Event Format's array of complete events, in microseconds. A file that was cut off
// can be opened as well, as that format allows.
//
// Recorder is safe for concurrent use. Observe allocates nothing once its buffer has grown; it blocks on the
// writer only when that buffer is full.
package trace
