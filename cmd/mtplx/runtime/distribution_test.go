package runtime

import (
	"fmt"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"mtplx/stages/sample"
)

// On the default checkpoint, texts with drafts under the ratio rule, drawn at another temperature than the target's,
// have the distribution of plain ones: two samples of texts of four tokens, compared by chi-square.
func TestRatioTextsHaveThePlainDistributionOnTheDefaultModel(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of answers of the default model")
	}
	n := length(400, 4000)
	r := open(t, Options{Threads: 1})
	prompt, err := r.Encode("def ", "", true)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]*[2]int{}
	accepted := 0
	for i := range n {
		for mode := range 2 {
			seed := uint64(2*i + mode)
			res := generate(t, r, Request{
				Prompt: prompt, MaxTokens: 4, Seed: &seed, Rule: sample.Ratio, Speculate: mode == 1, Depth: 3,
				Sampler:      sample.Sampler{Temperature: 1, TopP: 1, TopK: 3},
				DraftSampler: &sample.Sampler{Temperature: 1.6, TopP: 1, TopK: 5},
			})
			key := fmt.Sprint(res.Tokens)
			if counts[key] == nil {
				counts[key] = new([2]int)
			}
			counts[key][mode]++
			for _, a := range res.Engine.Accepted {
				accepted += a
			}
		}
	}
	stat, cells := 0.0, 0
	var rest [2]int
	add := func(c [2]int) {
		if sum := c[0] + c[1]; sum >= 10 {
			stat += float64((c[0]-c[1])*(c[0]-c[1])) / float64(sum)
			cells++
		}
	}
	for _, c := range counts {
		if c[0]+c[1] < 10 {
			rest[0] += c[0]
			rest[1] += c[1]
			continue
		}
		add(*c)
	}
	add(rest)
	if cells < 5 || accepted < n/4 {
		t.Fatalf("%d kinds of text and %d accepted drafts in %d texts say too little", cells, accepted, n)
	}
	if p := (distuv.ChiSquared{K: float64(cells - 1)}).Survival(stat); p < 1e-4 {
		t.Errorf("chi-square %.1f over %d kinds of text has probability %.2g", stat, cells, p)
	}
}
