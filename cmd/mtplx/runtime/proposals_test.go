package runtime

import (
	"testing"

	"mtplx/bench/suites"
	"mtplx/sched"
	"mtplx/stages/correction"
	"mtplx/stages/drift"
	"mtplx/stages/sample"
)

// On the default checkpoint, texts are what plain decoding writes, greedily and for a seed, whoever proposes and with
// the head's output moved.
func TestProposalsChangeNoTextOnTheDefaultModel(t *testing.T) {
	if testing.Short() {
		t.Skip("many answers of the default model")
	}
	r := open(t, Options{Threads: 1, Proposals: sched.Proposals{
		Correction: correction.Options{Key: correction.SourceToken, Online: true, Prompt: true, Least: 1, PromptLeast: 2},
		Drift:      drift.Options{Alpha: 1, Decay: 0.8, Warmup: 1, Key: drift.Token},
	}})
	prompts, err := suites.Load("code")
	if err != nil {
		t.Fatal(err)
	}
	recalled, stood := 0, 0
	for i, p := range prompts[:4] {
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
		q.Speculate, q.Depth = true, 4
		got := generate(t, r, q)
		if got.Text != plain.Text {
			t.Errorf("%s: with proposals\n%s\nplainly\n%s", p.ID, got.Text, plain.Text)
		}
		q.Proposals = &sched.Proposals{}
		if bare := generate(t, r, q); bare.Engine.BySource.Others(false) > 0 {
			t.Errorf("%s: others proposed %d drafts without being asked", p.ID, bare.Engine.BySource.Others(false))
		}
		recalled += got.Engine.BySource.Others(false)
		stood += got.Engine.BySource.Others(true)
	}
	if stood < 5 || recalled-stood < 5 {
		t.Errorf("%d of %d recalled tokens stood: that says too little", stood, recalled)
	}
}
