// Package ask is the command mtplx ask: one question, answered for a person to read.
//
// On a terminal the answer streams as rendered markdown, its thoughts faint; anywhere else it is the answer's plain text, and
// its thoughts are left out. What comes in through a pipe is attached to the question, in whole: below it, after an empty line.
// Without a question it is the question. Ctrl-C ends the command; what was written stays.
package ask
