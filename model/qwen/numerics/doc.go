// Package numerics measures what an arithmetic costs: how far its next-token distributions are from those
// of a float64 forward of the same stored weights, over the same texts. `mtplx qa numerics` is its command.
//
// Per row, with p the float64 distribution at temperature 1 and q the mode's: the divergence
// KL(p || q) = sum p (log p - log q), in nats; whether both have the same most likely token; and
// max |q logit - p logit| over max |p logit|. Perplexity is exp of the mean negative log-probability of
// the text's own next tokens. The MTP head is measured the same way over its teacher-forced history: row i
// joins the arithmetic's own trunk row i with the text's token i+1, and speaks of token i+2.
//
// Divergences are summed as p (expm1(-d) + d) with d = log p - log q, whose terms are never negative and
// lose nothing to cancellation: a divergence of 1e-14 is a measurement here, not noise.
//
// Callers: cmd/mtplx. The engine is driven one sequence at a time through qwen.Forward; nothing here is
// for speed.
package numerics
