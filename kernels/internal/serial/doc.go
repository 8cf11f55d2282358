// Package serial is the part of a queue that devices have in common: recorded programs that wait for a point, run one after
// another on a goroutine of the queue's own, and signal another point; and the events that points count on.
//
// Guarantees: programs run in the order of submission. One that fails is the queue's error, and those after it only signal,
// in their turn, so that nobody waits for ever. In steady state nothing is allocated.
//
// Callers: kernels/cpu and kernels/gpu, whose queues add what a program is and how it runs. kernels/ref, the oracle, has
// plainer ones of its own.
package serial
