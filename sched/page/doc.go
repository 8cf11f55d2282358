// Package page keeps what a session remembers: keys and values in pages of 64 positions, and the
// recurrent state of gated-delta-net layers with the tape of the last verify.
//
// A State is one session's memory. Its life is a repetition of three steps:
//
//	s.Extend(n)         // make room for n rows past Len; shared pages are copied first
//	... a forward over a Span of s runs on the device ...
//	s.Commit(span, n)   // the first n rows count; the rest never happened
//
// Committing touches no tensor. Keys and values roll back by length. Recurrent state was advanced
// by the span's Certain rows; how many of the rows after them count is only remembered, and the
// next forward folds them in from the tape while it streams the state through anyway. Tapes
// alternate, so that a forward reads one while it writes the other.
//
// Guarantees:
//
//  1. Pages are reference-counted and written only by a State that owns them alone: Extend copies
//     every shared page from the first position that a forward may write.
//  2. Fork copies no page; it copies one recurrent state and one tape.
//  3. A failed Extend or Fork changes nothing.
//     The same holds for Resume, which opens a session from pages that others keep and a Checkpoint, a
//     copy of one recurrent state: many sessions may resume from one checkpoint.
//  4. Pool methods are safe for concurrent use; a State belongs to one goroutine at a time.
//
// Positions that were never written hold whatever the page held before: readers stop at length.
package page
