// Package wide is the Qwen3.5 family's forward in float64, written from the architecture's formulas and
// from nothing else in this module: the yardstick that `mtplx qa numerics` holds the numeric modes against.
//
// It computes whole sequences from their first token, layer by layer, with no cache and no page. A
// quantised weight is scale*code + bias in float64. Sums run in plain order; what float64 rounds away is
// some 1e-12 of the largest logit, far below what any mode can show.
//
// Guarantees:
//
//  1. Results do not depend on the number of workers.
//  2. A cancelled context ends a computation within one matrix.
//
// Sources: attention with an output gate and partial rotary embedding as published for Qwen3-Next; the
// gated delta rule as in Yang et al., "Gated Delta Networks" (arXiv 2412.06464), equation 10; the MTP
// layer as in DeepSeek-V3 (arXiv 2412.19437), section 2.2, with the embedding before the hidden row.
//
// Callers: model/qwen/numerics, and tests that want an oracle.
package wide
