// Package rerank chooses a draft out of the head's best candidates by what a calibration has seen the target do with
// them: the score of a candidate is
//
//	QWeight * log q + TokenWeight * token prior + RankWeight * rank prior
//
// where q is the head's probability among the candidates. The token prior is the logarithm of how much more often than
// the head expected the target wrote the token at that depth; the rank prior is that of the share of drafts at that depth
// whose place in the head's order the target's token had. The choice is certain, so that its distribution has one point
// and acceptance stays exact; see stages.Reranker.
//
// A Counter gathers a calibration while a suite is answered, a Calibration is read from its file, shared by all sessions
// and never changed, and a Chooser is one session's use of it.
package rerank
