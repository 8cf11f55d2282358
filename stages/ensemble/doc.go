// Package ensemble is a head of several: the checkpoint's own and one for each adapter of it, which draft together. From a
// depth on a draft is drawn from the mixture
//
//	q = (1 - Epsilon) q(own head) + Epsilon sum of weight q(adapter) / sum of weights
//
// of what each of them would draw from, under the lane's penalties and grammar; before it the own head drafts alone, while
// the others follow. Greedily the best token of that mixture is proposed, each head's best candidates counting as they do
// at temperature 1. Acceptance is exact because q is recorded as it is drawn from; see stages.Mixture.
//
// Each head goes on from its own output and its own history, so that a draft takes as many forwards as there are heads.
package ensemble
