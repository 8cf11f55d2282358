// Package completion writes what shells need to complete command lines of mtplx. A script holds all commands, flags and values
// of the build that wrote it, so completing starts no process; a newer mtplx wants a newer script.
//
// The three shells get the same from one table, which is read from kong's model of the command line.
package completion
