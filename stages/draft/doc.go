// Package draft is the first stage: it brings the MTP head's history level with the trunk and lets
// it propose tokens.
//
// The history follows the committed-history contract: the head's keys and values hold only rows
// fed with the trunk's own hidden and the committed token. Rows that a chain of drafts left behind
// are overwritten by one batched forward over the tokens committed since, whose last row gives the
// first new draft; each further draft is one row a lane, fed with the head's own output.
//
// A head that can go on by itself (stages.Follower) gives all of a lane's drafts in one run: its device expects each token
// that will be drawn here, and forwards the next row for it. Every draft is drawn here all the same, from the q of its
// row; at the first that the device did not expect, the rows after it are dropped and the head is asked anew (follow.go).
//
// While a cycle is verified, the head may go on from its drafts to those of the next cycle (ahead.go): as if all stood,
// and the token after them were the head's own choice. When that comes true they are there already, and the cycle after
// reads the history that was put off; else nothing but time is lost, since whatever the head wrote meanwhile lies behind
// its history and is written over.
//
// Every draft's distribution q is kept with the lane: acceptance is exact because q is what the
// token was really drawn from. The stage blocks on its own queue only; the trunk's queue may be busy
// with another cycle meanwhile.
package draft
