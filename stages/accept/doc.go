// Package accept is the third stage: it waits for the trunk's results and decides how many drafts of
// each lane stand, and which token follows them. The rule and its randomness are package sample's;
// this stage only brings it the rows. Then it ends what the draft stage does ahead of it.
//
// Judging stays on the host:
//
//  1. It is arithmetic in float64, exponentials and logarithms included, in one order. A text for a seed is what these
//     bits make it, on every device. Metal has no float64; another arithmetic that all devices can do would have to be
//     the host's too, for the lanes that a grammar, penalties or a wide sampler keep there, and would change every
//     seeded text.
//  2. It costs little: of a cycle of seven greedy drafts on an H100, 1.6 ms, it took 0.01 ms. `run --json` gives both for
//     any machine, as accept_time_s and queues.cycles_s; BenchmarkJudge sets it beside the exponentials alone.
//  3. It would save no synchronisation: the host must see the tokens to end texts, to plan the next cycle and to deliver.
//     What the device could do meanwhile is the next draft, which package draft may start without knowing. Between the
//     drafts of a cycle no host is needed: there the device expects what is drawn, and package draft checks it.
package accept
