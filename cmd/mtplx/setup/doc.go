// Package setup is the command mtplx init, also called setup: it makes the directory of what mtplx keeps, puts a configuration of
// comments alone into it, and sees whether the embedded model runs here.
//
// What is there already stays as it is, so the command may be given again at any time. Nothing needs it: other commands make
// what they lack.
package setup
