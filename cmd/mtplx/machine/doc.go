// Package machine says which machine this is, as far as that decides how fast a model runs: figures that were measured are
// kept under it, and are not taken for another's.
//
// It reads a few small files and starts nothing. Its functions are safe for concurrent use.
package machine
