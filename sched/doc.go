// Package sched admits sessions and sends them through decoding cycles. Engine owns the pipeline, the
// cycles and the sessions' lanes; it decides which lanes go into a cycle, how many prompt rows and
// drafts each brings, and takes them back when commit is done with them.
//
// Guarantees:
//
//  1. Start never blocks on the device: it queues the request or says that the queue is full.
//  2. Ready lanes are taken in the order in which they became ready, so the longest wait goes first.
//  3. A session that is cancelled, that fails or whose reader is slow costs nothing but its own lane;
//     its memory is free again at the next cycle border.
//  4. Close ends every session with an error, then every goroutine, and returns.
//
// Engine's methods are safe for concurrent use; a Session is read by one goroutine, and may be cancelled
// by any.
package sched
