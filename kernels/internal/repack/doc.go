// Package repack is what devices have in common when they pack a matrix into their own layout: work on its rows or strips
// that is shared among processors, and what its scales need.
//
// Callers: kernels/cpu and kernels/gpu, while they load a weight; each call ends the goroutines that it starts.
package repack
