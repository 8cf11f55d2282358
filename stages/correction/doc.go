// Package correction remembers what the target wrote where the head's draft fell, and proposes it when the head is in
// the same place again. What "the same place" means is the Key. It can be filled from a prompt beforehand, as if the
// head had been wrong there everywhere.
//
// A Cache belongs to one session, begins empty with each request, restored or not, and is a function of the session's
// own text and judged drafts. Its proposals are certain, so that their distribution has one point and acceptance stays
// exact; see stages.Memory. Only the latest correction of a place is kept, in a table of at most Bytes, where a place
// may displace another.
package correction
