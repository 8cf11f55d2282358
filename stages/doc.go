// Package stages is the decoding cycle: draft, verify, accept and commit as goroutines joined by
// bounded channels, with cycles as the messages. A cycle carries lanes, one a session; it leaves
// the scheduler, passes the four stages in order and comes back with each lane further along.
//
//	sched --> draft --> verify --> accept --> commit --> sched
//
// The stages themselves are packages below this one. This package holds what they share: Lane,
// Cycle, the Forward they fill, and Pipeline, which runs them. It knows no wire format and no
// kernel; a Forward is whatever a model records on a device's queues.
//
// Concurrency, as guarantees:
//
//  1. A cycle, its lanes and its trunk forward belong to one stage at a time; handing the cycle on
//     hands them on. Nothing in them is locked. The one exception: while a cycle is verified, the draft stage may
//     write its lanes' guesses of the next cycle, until accept has stopped its Foresight.
//  2. Every channel has room for one cycle. A stage that cannot hand on stops taking.
//  3. Two cycles in flight never share a lane. While one is verified on the device, the next is drafted.
//  4. A lane that fails carries its error to commit, which ends it; the others go on. An error that a
//     stage returns ends the pipeline, and Run reports it.
//  5. Pipeline.Run returns only after all its goroutines have ended. It closes `out`; whoever feeds `in`
//     closes it.
//  6. Nothing is allocated in a cycle once lanes have grown to their size.
package stages
