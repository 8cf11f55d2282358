// Package drift learns, while a session writes, how far the head's own output lies from the trunk's hidden that it
// stands for, and says what to add to the output before it is fed back to the head: a moving average of the difference,
// for all tokens together or for each that the head has read.
//
// A Drift belongs to one session, begins empty with each request, restored or not, and is a function of the session's own
// text and judged drafts: it learns from outputs behind which every token stood. What it says changes which drafts the
// head makes, and each draft's distribution is recorded as ever, so that acceptance stays exact.
package drift
