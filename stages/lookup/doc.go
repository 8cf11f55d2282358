// Package lookup proposes tokens by copying: where the end of a text has occurred before in the same text, what
// followed there is likely to follow here. Edits, quotations and boilerplate are written faster for it, and it takes
// no forward of any model. The idea is prompt lookup decoding (Saxena 2023), a form of the n-gram drafts that
// speculative decoding began with.
//
// An Index belongs to one text, which only grows. It remembers where every pair of tokens occurred, in chains from
// the latest occurrence back, and compares what is before them. That takes 8 bytes a token of the text, and never
// more than Bytes: what lies further back than Window tokens is forgotten.
//
// Guarantees:
//
//  1. Of the places where the last Longest to Shortest tokens occurred before, the one with the longest match is
//     taken, of equal ones the latest; a pair of tokens that is found more than Tries times is followed no further.
//  2. What Find returns is a function of the text and the index's window alone.
//  3. Only New allocates.
//
// An Index is not safe for concurrent use; it is the scheduler's, which looks before it plans a cycle.
package lookup
