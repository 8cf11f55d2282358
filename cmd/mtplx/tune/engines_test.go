package tune

import (
	"cmp"
	"errors"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"mtplx/bench/suites"
	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/qwen"
	"mtplx/stages/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func someEngines(t *testing.T, sampler sample.Sampler) *engines {
	t.Helper()
	e := &engines{flags: command.ModelFlags{Profile: "performance-cold", DraftVocab: "auto", Device: "auto", Context: 512}, tokens: 16, most: 3, loading: func(int, int) {}}
	e.base.Sampler = sampler
	e.prompts = []suites.Prompt{
		{ID: "code", Prompt: "Write a Python function that checks if a number is prime.", MaxTokens: 100},
		{ID: "prose", Prompt: "The old harbour lay still in the morning fog, and", Raw: true, MaxTokens: 100},
	}
	t.Cleanup(e.Close)
	return e
}

// Greedy and seeded texts are the same with all settings that tune chooses from: every depth, draft head, draft vocabulary and
// number of threads. That is what lets profile tuned change none of them.
func TestEveryCandidateWritesTheSameText(t *testing.T) {
	if testing.Short() {
		t.Skip("fifty settings of the default model")
	}
	e := someEngines(t, sample.Sampler{})
	sp := tuning.Space{
		Depths: []string{"auto", "0", "1", "3", "8"}, DraftHeads: []string{"4", "off", "3"}, DraftVocabs: []string{"auto", "512"},
		Threads: []int{0, 1}, Devices: []string{"cpu"}, Threaded: []string{"cpu"},
	}
	all := append(sp.Candidates(), sp.Default())
	slices.SortStableFunc(all, func(a, b tuning.Settings) int { return cmp.Compare(a.Engine().String(), b.Engine().String()) })
	samplers := []sample.Sampler{{TopP: 1}, {Temperature: 0.8, TopP: 0.95, TopK: 20}} // of greedy code, and of seeded prose
	texts := make([][]int32, len(samplers))
	for _, s := range all {
		for prompt, sampler := range samplers {
			if e.base.Sampler = sampler; !e.compares() {
				t.Fatalf("texts of %+v are not compared", sampler)
			}
			got, err := e.measure(t.Context(), s, prompt, 7)
			if err != nil {
				t.Fatal(err)
			}
			if texts[prompt] == nil {
				texts[prompt] = got.Text
			}
			if len(got.Text) != e.tokens || !slices.Equal(got.Text, texts[prompt]) {
				t.Errorf("%v with %+v writes %v, want %v", s, sampler, got.Text, texts[prompt])
			}
			if got.Rate <= 0 || got.Place != "cpu" {
				t.Errorf("%v: %+v", s, got)
			}
		}
	}
	if len(e.open) > 3 || len(all) != 50 {
		t.Errorf("%d models are open after %d settings", len(e.open), len(all))
	}
}

// With a rule that lets drafts decide what is drawn, texts differ by depth, and are not compared.
func TestRatioIsNotCompared(t *testing.T) {
	e := someEngines(t, sample.Sampler{Temperature: 0.8, TopP: 1})
	e.base.Rule = sample.Ratio
	if got, err := e.measure(t.Context(), tuning.Settings{Depth: "2", DraftHead: "4", DraftVocab: "auto", Device: "cpu"}, 0, 1); err != nil || got.Text != nil || got.Rate <= 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Models that do not fit beside each other are closed before the next is opened.
func TestOneModelAtATime(t *testing.T) {
	e := someEngines(t, sample.Sampler{TopP: 1})
	e.most = 1
	for _, s := range []tuning.Settings{
		{Depth: "1", DraftHead: "4", DraftVocab: "auto", Device: "cpu"}, {Depth: "2", DraftHead: "4", DraftVocab: "auto", Device: "cpu"}, {Depth: "1", DraftHead: "off", DraftVocab: "auto", Device: "cpu"},
	} {
		if _, err := e.measure(t.Context(), s, 0, 1); err != nil || len(e.open) != 1 || e.open[0].settings != s.Engine() {
			t.Errorf("%v: %d open, %v", s, len(e.open), err)
		}
	}
}

// A device that is not here is no fault of the run, only of those settings; the error keeps its exit code.
func TestADeviceThatIsNotHere(t *testing.T) {
	e := someEngines(t, sample.Sampler{TopP: 1})
	for _, device := range []string{"cuda", "metal"} {
		if slices.Contains(runtime.Usable(), device) {
			continue
		}
		_, err := e.measure(t.Context(), tuning.Settings{Depth: "1", DraftHead: "4", DraftVocab: "auto", Device: device}, 0, 1)
		f, ok := errors.AsType[*runtime.Failure](err)
		if !errors.Is(err, tuning.ErrUnable) || !ok || f.Kind != runtime.Environment {
			t.Errorf("%s: %v", device, err)
		}
	}
	_, err := e.measure(t.Context(), tuning.Settings{Depth: "1", DraftHead: "5", DraftVocab: "auto", Device: "cpu"}, 0, 1)
	if err == nil || errors.Is(err, tuning.ErrUnable) {
		t.Errorf("a draft head that there is not: %v", err)
	}
}

func TestAPromptThatDoesNotFit(t *testing.T) {
	e := someEngines(t, sample.Sampler{TopP: 1})
	e.prompts[1].Prompt = strings.Repeat("word ", 600)
	_, err := e.measure(t.Context(), tuning.Settings{Depth: "1", DraftHead: "4", DraftVocab: "auto", Device: "cpu"}, 0, 1)
	if err == nil || !strings.Contains(err.Error(), "prompt 2 of the suite, prose, has 60") || !strings.Contains(err.Error(), "an answer of 16 does not fit") {
		t.Error(err)
	}
}

// What a checkpoint and the machine leave to choose, less what flags say.
func TestSpace(t *testing.T) {
	here := machine.Description{Threads: 8}
	embedded, err := look("", &here, qwen.AutoDraftVocabulary)
	if err != nil {
		t.Fatal(err)
	}
	if !embedded.head || !embedded.vocab || !slices.Equal(embedded.heads, []string{"4", "off", "3"}) || !slices.Contains(embedded.devices, "cpu") {
		t.Errorf("the embedded model: %+v", embedded)
	}
	depths := []string{"2", "auto", "2", "0"}
	auto := command.ModelFlags{Device: "auto", DraftVocab: "auto"}
	for _, c := range []struct {
		name string
		set  func(f *command.ModelFlags, s *study)
		want tuning.Space
	}{
		{"all", func(*command.ModelFlags, *study) {}, tuning.Space{
			Depths: []string{"auto", "2", "0"}, DraftHeads: []string{"4", "off"}, DraftVocabs: []string{"auto", "all"}, Threads: []int{0, 4, 6, 7}, Devices: []string{"auto"}, Threaded: []string{"auto"},
		}},
		{"no head", func(_ *command.ModelFlags, s *study) { s.head = false }, tuning.Space{
			Depths: []string{"auto"}, DraftHeads: []string{"4"}, DraftVocabs: []string{"auto"}, Threads: []int{0, 4, 6, 7}, Devices: []string{"auto"}, Threaded: []string{"auto"},
		}},
		{"a GPU", func(_ *command.ModelFlags, s *study) { s.devices, s.vocab = []string{"cuda", "cpu"}, false }, tuning.Space{
			Depths: []string{"auto", "2", "0"}, DraftHeads: []string{"4", "off"}, DraftVocabs: []string{"auto"}, Threads: []int{0, 4, 6, 7}, Devices: []string{"auto", "cpu"}, Threaded: []string{"cpu"},
		}},
		{"flags", func(f *command.ModelFlags, s *study) {
			s.devices = []string{"cuda", "cpu"}
			f.Device, f.DraftLMHead, f.DraftVocab, f.Threads = "cuda:1", "3", "all", 2
		}, tuning.Space{
			Depths: []string{"auto", "2", "0"}, DraftHeads: []string{"3"}, DraftVocabs: []string{"all"}, Threads: []int{2}, Devices: []string{"cuda:1"},
		}},
	} {
		f, s := auto, study{head: true, vocab: true, heads: []string{"4", "off"}, devices: []string{"cpu"}, threads: 8}
		c.set(&f, &s)
		got, err := space(&f, depths, &s)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v\nwant %+v", c.name, got, err, c.want)
		}
	}
	if got := threadCounts(1); got != nil {
		t.Errorf("fewer threads than 1: %v", got)
	}
	if got := threadCounts(2); !slices.Equal(got, []int{1}) {
		t.Errorf("fewer threads than 2: %v", got)
	}
}

func TestPrompts(t *testing.T) {
	got, err := prompts(mix, 5)
	if err != nil || len(got) != 5 || got[0].Raw || !got[1].Raw || got[0].ID == got[2].ID {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := prompts(mix, 1000); err != nil || len(got) < 20 || len(got)%2 != 0 {
		t.Errorf("%d prompts, %v", len(got), err)
	}
	if got, err := prompts("chat", 3); err != nil || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := prompts("nowhere.jsonl", 3); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
