// Package markdown shows on a terminal what a model writes, while it writes it.
//
// A Stream takes the text in pieces of any size. What can no longer change is given out once, as finished lines; the block
// that is still being written is rendered anew whenever it is asked for. So the work for a frame is that of one block, and
// what has scrolled away is never touched again. Inside a code fence every complete line is finished; elsewhere a blank line,
// a heading's end or the next list item finishes what came before.
//
// Guarantees: how a text is cut into pieces changes no finished line. No line is wider than the width. Every line is complete
// in itself: it ends in the terminal's plain state. Control characters of the text reach the terminal as visible marks, so a
// model cannot move the cursor, set a title or read an answer back. Blocks are found by lines, as CommonMark mostly reads
// them; where a list has blank lines between its items, each item is a block of its own.
//
// A Stream belongs to one goroutine. Commands of cmd/mtplx are its only callers.
package markdown
