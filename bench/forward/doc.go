// Package forward times one whole forward of a checkpoint on the CPU, by its numbers of sessions and of rows, beside what memory
// could do at most: a read loop over as many bytes, in turn with it. A second pass adds up the time of each kind of
// operation, so that a figure short of the ceiling comes with the profile that says where the time went.
//
// The bytes of a forward are those that it cannot avoid moving: each weight once, recurrent state read and
// written once, keys and values of the context read once. Activations and tables stay in the caches and do not count.
package forward
