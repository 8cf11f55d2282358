// Package terminal is the screen that commands of mtplx draw on.
//
// Fancy says whether there is one: both ends must be terminals, and TERM must not be "dumb". A Screen switches the terminal to
// raw input and back; Leave may be called from anywhere, more than once, and leaves nothing changed. A Frame draws a few lines
// at the bottom that are rewritten in place, below text that scrolls away for good: one write a frame, in which only what
// differs is sent, and which terminals that know how to show at once. Nothing uses the alternate screen, so a conversation
// stays where the shell's own output is.
//
// A Screen is safe for concurrent use; a Frame belongs to one goroutine. Commands of cmd/mtplx are the only callers.
package terminal
