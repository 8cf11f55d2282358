// Package bank remembers what sessions have computed, for sessions that begin with the same tokens: the
// usual next turn of a conversation, a shared system prompt, a request that is sent again.
//
// Keys and values lie in a tree of pages of 64 tokens, each known by a hash of all tokens up to its end and the
// one after, which the head's last row in the page depends on.
// A recurrent state cannot be rolled back, so a session resumes only where a checkpoint was taken: at the end
// of a prompt, at the end of a turn, and every so often in between. Each checkpoint remembers the tokens
// since the last whole page, and the trunk's hidden rows that the MTP head has not read yet, so that the head's
// history goes on without a gap.
//
// Guarantees:
//
//  1. A session resumes from exactly the tokens it asked for, under one fingerprint of everything that
//     decides bits; so its text is the one it would have written from scratch.
//  2. Pages and checkpoints in the bank are never written. Whoever resumes shares them and copies a page
//     before writing it.
//  3. Memory stays within the budget, and Reclaim gives pages back to running sessions. What is worth
//     least for its bytes goes first; pinned prefixes go last.
//  4. The disk tier holds only whole, checked files. One that is damaged, foreign or cut off is a miss; it is
//     logged and removed, never believed.
//
// Bank's methods are safe for concurrent use. Snapshot's pages are held by the session that offers it.
package bank
