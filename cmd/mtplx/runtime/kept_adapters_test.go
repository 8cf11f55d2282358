package runtime_test

import (
	"path/filepath"
	"slices"
	"testing"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/adapter/adaptertest"
	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/stages/ensemble"
)

// What a session left on disk under one adapter is not there under another, in an ensemble or for the bare head, whose
// histories would be others; under the same one, whatever its file is called, it is. The answers are the same throughout.
func TestABankOnDiskKeepsAdaptersApart(t *testing.T) {
	if testing.Short() {
		t.Skip("opens the default model many times")
	}
	c, err := qwen.ParseConfig(demo.Files()["config.json"])
	if err != nil {
		t.Fatal(err)
	}
	files, dir := t.TempDir(), t.TempDir()
	write := func(name string, seed uint64) string {
		path := filepath.Join(files, name)
		if err := adaptertest.Write(path, adaptertest.Arrays(c.HeadShapes(true), seed, 8, 0.3)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, other, renamed := write("one.safetensors", 1), write("other.safetensors", 2), write("renamed.safetensors", 1)
	const length = 137
	var want answer
	for i, x := range []struct {
		name     string
		adapters []string
		together bool
		restored int
	}{
		{"one", []string{one}, false, 0},
		{"another", []string{other}, false, 0},
		{"the first, renamed", []string{renamed}, false, length - 8},
		{"the bare head", nil, false, 0},
		{"the first beside it", []string{one}, true, 0},
		{"both beside it", []string{one, other}, true, 0},
		{"the other way round", []string{other, one}, true, 0},
		{"both again", []string{renamed, other}, true, length - 8},
		{"another again", []string{other}, false, length - 8},
		{"the bare head again", nil, false, length - 8},
	} {
		t.Run(x.name, func(t *testing.T) { // the end of which closes the runtime, as a restart would
			r, err := runtime.Open(t.Context(), runtime.Options{
				Profile: runtime.Profiles[0], Sessions: 2, Device: "cpu", Adapters: x.adapters, Together: x.together,
				Ensemble: ensemble.Options{Epsilon: 0.5, MinDepth: 1}, Bank: &runtime.BankOptions{Dir: dir, DiskBytes: 1 << 30},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(r.Close)
			text := prose(t, r, length, 1)
			if i == 0 {
				q := question(r, text, 0.8, 0, 12)
				q.Logprobs = true
				want = hear(t, engine(t, r, nil), q)
			}
			q := question(r, text, 0.8, 3, 12)
			q.Logprobs = true
			got := hear(t, r.Engine, q)
			if !slices.Equal(got.tokens, want.tokens) || !slices.Equal(got.logprobs, want.logprobs) {
				t.Errorf("%v with %v, want %v with %v", got.tokens, got.logprobs, want.tokens, want.logprobs)
			}
			if got.reused != x.restored {
				t.Errorf("%d tokens restored, want %d", got.reused, x.restored)
			}
		})
	}
}
