// Package depth decides how many tokens each lane of a cycle drafts. Planner picks the depths that give the
// whole cycle the most expected tokens for its expected time, none at all included; that a draft is worth
// its price depends on what the others in the cycle do, because they share the forward's fixed cost.
//
// Three things go in, all fed by whoever runs the cycles:
//
//   - what forwards cost by their size: Costs, curves that measurements keep fresh;
//   - how often drafts stand at each depth: Acceptance, one a lane, with what earlier lanes saw as prior;
//   - what each lane may draft at most, what it may still write and what its head has not read.
//
// The estimate of a lane's tokens is 1 + a1 + a1*a2 + ..., where ai is the probability that draft i stands
// given that those before it do (Leviathan et al. 2023, section 3.3, with a probability for each depth).
// What a lane no longer tries is tried again now and then: a probe, whose interval doubles while it changes
// nothing, and which is made only when what it loses has been put by from a small part of the lane's tokens, and may
// come back in what is left to write. Rows that the head has still to read before a lane's first draft count as what they
// take, spread over the cycles to come, so that an answer that drafts gain little does not pay for them. A plan is
// left only for one that promises clearly more. What plans of several lanes promise is corrected by what such plans have
// brought of it, which a few cycles of plain decoding in between are set against; and while plain decoding is in force
// next to nothing is planned, looked up or drafted.
//
// Policies that look at one lane alone, the fixed depth among them, stand beside: Fixed, Streak, Threshold.
//
// Guarantees:
//
//  1. A plan is a function of what was fed: no clock, no randomness, no map order.
//  2. A plan never exceeds a lane's limit nor the rows of the forward.
//  3. Planning allocates nothing once its slices have grown.
//
// Nothing here is safe for concurrent use; the scheduler's goroutine owns it all.
package depth
