package sched

import (
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"mtplx/sched/internal/fake"
	"mtplx/stages/sample"
)

// chances are the probabilities of the texts that plain sampling writes under a request with those biases and no other
// shape.
func chances(t *testing.T, q *Request, biases []sample.Bias) map[string]float64 {
	t.Helper()
	want := map[string]float64{"": 1}
	for range q.Limits.MaxTokens {
		next := map[string]float64{}
		for k, w := range want {
			text := slices.Clone(q.Prompt)
			for _, c := range []byte(k) {
				text = append(text, int32(c-'a'))
			}
			row := fake.Next(text)
			for _, b := range biases {
				row[b.ID] += b.Value
			}
			var d sample.Dist
			if err := q.Target.Filter(&d, sample.LogitsOf(row, q.Target.Temperature)); err != nil {
				t.Fatal(err)
			}
			for i, id := range d.IDs {
				next[k+string('a'+id)] += w * d.P[i]
			}
		}
		want = next
	}
	return want
}

// plausible fails when n texts, counted, are not plausible for their probabilities. It empties counts.
func plausible(t *testing.T, counts map[string]int, want map[string]float64, n int) {
	t.Helper()
	stat, cells, rest := 0.0, 0, [2]float64{}
	add := func(count, e float64) {
		stat += (count - e) * (count - e) / e
		cells++
	}
	for k, p := range want {
		if e := p * float64(n); e >= 8 {
			add(float64(counts[k]), e)
		} else {
			rest[0] += float64(counts[k])
			rest[1] += e
		}
		delete(counts, k)
	}
	if rest[1] >= 8 {
		add(rest[0], rest[1])
	}
	if len(counts) > 0 {
		t.Errorf("texts that plain sampling never writes: %v", counts)
	}
	if p := (distuv.ChiSquared{K: float64(cells - 1)}).Survival(stat); p < 1e-4 {
		t.Errorf("chi-square %.1f over %d cells has probability %.2g", stat, cells, p)
	}
}
