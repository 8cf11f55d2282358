// Package queue holds the words in which the engine speaks to a device: Device, Queue,
// CommandBuffer, Program, Event and Buffer. They are Metal's words, because Metal is the
// narrowest of the three back ends: whatever fits them also fits a CUDA stream with graphs
// and a team of CPU threads. The package has no implementation.
//
// The shape of use:
//
//	cb := q.NewCommandBuffer("verify")
//	cb.Dispatch(op)                        // operations of package kernels, in order
//	p, err := cb.Finish()                  // a Program: recorded once, replayed often
//	q.Submit(p, after, queue.Point{ev, 7}) // runs when `after` is reached, then signals
//	ev.Wait(ctx, 7)
//
// Guarantees every device gives:
//
//  1. Programs of one queue run one after another, in the order of submission.
//  2. The operations of a program see the writes of those before them in the program.
//  3. A program starts only after its wait point; the signal comes after its last write,
//     and who has waited for the signal sees all of them.
//  4. Two queues of one device order themselves by points alone.
//  5. Replaying a program allocates nothing and takes no lock that a caller can hold.
//
// What changes from one replay to the next (token ids, positions, page tables, counts) lives
// in buffers that the host fills before Submit and must leave alone until the signal.
package queue
