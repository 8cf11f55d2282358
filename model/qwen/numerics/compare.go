package numerics

import (
	"errors"
	"fmt"
	"math"
)

// Error is how far an arithmetic is from float64. Divergences are in nats.
type Error struct {
	KLMean      float64 `json:"kl_mean"`
	KLMax       float64 `json:"kl_max"`
	Top1        float64 `json:"top1"` // share of rows with the same most likely token
	Perplexity  float64 `json:"perplexity"`
	MaxRelLogit float64 `json:"max_rel_logit"` // the worst row's
}

// tally collects an Error row by row.
type tally struct {
	rows, same, scored int
	kl, klMax, loss    float64
	rel                float64
}

// add books a row: next is the token that follows in the text, or -1 when the text ends.
func (t *tally) add(want []float64, got []float32, next int32) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d logits, want %d", len(got), len(want))
	}
	lp, lq := logSum(want), logSum(got)
	var kl, diff, scale float64
	bestWant, bestGot := 0, 0
	for i, w := range want {
		g := float64(got[i])
		d := w - lp - (g - lq)
		kl += math.Exp(w-lp) * (math.Expm1(-d) + d)
		diff, scale = max(diff, math.Abs(g-w)), max(scale, math.Abs(w))
		if w > want[bestWant] {
			bestWant = i
		}
		if got[i] > got[bestGot] {
			bestGot = i
		}
	}
	if math.IsNaN(kl) || math.IsInf(kl, 0) {
		return errors.New("logits are not finite")
	}
	t.rows++
	t.kl += kl
	t.klMax = max(t.klMax, kl)
	if bestWant == bestGot {
		t.same++
	}
	if diff > 0 {
		t.rel = max(t.rel, diff/scale)
	}
	if next >= 0 {
		t.scored++
		t.loss += lq - float64(got[next])
	}
	return nil
}

func (t *tally) result() Error {
	n := float64(max(t.rows, 1))
	return Error{
		KLMean: t.kl / n, KLMax: t.klMax, Top1: float64(t.same) / n,
		Perplexity: math.Exp(t.loss / float64(max(t.scored, 1))), MaxRelLogit: t.rel,
	}
}

// logSum is log(sum(exp(x))).
func logSum[F float32 | float64](x []F) float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, float64(v))
	}
	sum := 0.0
	for _, v := range x {
		sum += math.Exp(float64(v) - top)
	}
	return top + math.Log(sum)
}
