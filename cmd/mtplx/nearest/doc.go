// Package nearest finds what somebody who mistyped a name may have meant. Names are commands, flags, keys and values; the
// packages of the command line use it, and nothing else does. Its functions are pure.
package nearest
