package runtime

import (
	"testing"

	"mtplx/bench/suites"
	"mtplx/sched"
	"mtplx/stages/sample"
)

// On the default checkpoint, edits with copies are what plain decoding writes, greedily and for a seed.
func TestCopiesChangeNoTextOnTheDefaultModel(t *testing.T) {
	if testing.Short() {
		t.Skip("long prompts of the default model")
	}
	r := open(t, Options{Lookup: true, Threads: 1})
	prompts, err := suites.Load("edit")
	if err != nil {
		t.Fatal(err)
	}
	const edits, most, enough = 4, 12, 50
	stood := 0
	for i, p := range prompts[:min(most, len(prompts))] {
		if i >= edits && stood >= enough { // how often copies are taken to pay depends on the machine
			break
		}
		prompt, err := r.Encode(p.Prompt, "", true)
		if err != nil {
			t.Fatal(err)
		}
		seed := uint64(i)
		q := Request{Prompt: prompt, MaxTokens: 96, Seed: &seed, Sampler: sample.Sampler{TopP: 1}}
		if i%2 == 1 {
			q.Sampler = sample.Sampler{Temperature: 0.6, TopP: 0.95, TopK: 20}
		}
		plain := generate(t, r, q)
		q.Speculate, q.Depth = true, sched.Auto
		copied := generate(t, r, q)
		if copied.Text != plain.Text {
			t.Errorf("%s: with copies\n%s\nplainly\n%s", p.ID, copied.Text, plain.Text)
		}
		if plain.Engine.Copied > 0 {
			t.Errorf("%s: plain decoding copied %d tokens", p.ID, plain.Engine.Copied)
		}
		stood += copied.Engine.CopiedAccepted
	}
	if stood < enough {
		t.Errorf("only %d copied tokens stood in %d edits", stood, most)
	}
}
