// Package cpu is a queue.Device on a team of CPU workers. It runs every operation of package
// kernels with that package's exact arithmetic, in plain Go everywhere and in assembly where
// the processor has the instructions.
//
// Guarantees, beside those of packages queue and kernels:
//
//  1. Every tier (see tier.go) and every number of workers gives the same bits.
//  2. A replay allocates nothing, and no assembly call lasts longer than about 200 us, so the
//     collector and the scheduler can stop every thread.
//  3. An idle device uses no processor time: workers spin for some tens of microseconds after a
//     program and then park.
//  4. A panic inside a step becomes the queue's Err; the process goes on.
//
// How it runs: recording compiles each operation into a step; a step is called by all workers
// at once, takes its share by worker number, and a barrier follows it. The queue's goroutine
// is worker 0, so handing a result to the goroutine that waits for it costs no thread switch.
// The queues of a device share the team and take turns program by program.
//
// Weights are repacked at Load into strips of 16 outputs (weight.go says how), which all tiers
// read. Products split their strips among workers and never split a sum, which is why neither
// rows nor workers can change a bit.
//
// Many rows go over blocks of a matrix that stay in cache (block.go); tiers with tiles multiply 16
// rows at a time. How far ahead weights are fetched depends on the processor (prefetch_amd64.go).
//
// Model packages get a Device from New and use it through package kernels alone. Close all
// queues, then the device. Weights and buffers may be released before or after that, once no
// program that names them will run.
package cpu
