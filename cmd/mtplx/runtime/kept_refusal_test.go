package runtime

import (
	"errors"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/model/qwen"
)

// plainOnly is a device that keeps no quantised keys and values, as GPUs do.
type plainOnly struct{ kernels.Device }

func (plainOnly) Keeps(kv kernels.KV) bool { return kv == kernels.KVPlain }

// A device that does not keep keys and values as asked refuses before a model is on it, with the way, its name and the
// remedy, and is closed.
func TestDevicesRefuseWaysOfKeepingKeysAndValues(t *testing.T) {
	for _, kv := range []string{"q8", "q8-v4", "q8-v3"} {
		d, err := cpu.New(cpu.Options{Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		_, err = Open(t.Context(), Options{Profile: Profiles[0], KV: kv, open: func() (kernels.Device, Choice, error) {
			return plainOnly{d}, Choice{Kind: "cuda", Name: "a card"}, nil
		}})
		var f *Failure
		if !errors.As(err, &f) || f.Kind != Unsupported || !errors.Is(err, errKept) {
			t.Fatalf("--kv %s on a device without it: %v, want it unsupported", kv, err)
		}
		want := "open model with --kv " + kv + " on a card: the device does not keep keys and values in that way"
		if got := f.Err.Error(); got != want || f.Fix != "give --kv plain, or --device cpu" {
			t.Errorf("--kv %s is refused by %q; %q, want %q", kv, got, f.Fix, want)
		}
		if _, err := d.NewQueue("late"); err == nil {
			t.Errorf("--kv %s was refused, but its device goes on", kv)
		}
	}
}

// Whatever decides the bits of a bank is in its fingerprint, how keys and values are kept too.
func TestBanksOfDifferentArithmeticHaveDifferentFingerprints(t *testing.T) {
	names := map[string]string{}
	add := func(what, checkpoint, kind string, m qwen.Options) {
		name := bankFingerprint(checkpoint, kind, &m)
		if other, twice := names[name]; twice {
			t.Errorf("%s and %s have the fingerprint %q", what, other, name)
		}
		names[name] = what
	}
	for _, kv := range []kernels.KV{kernels.KVPlain, kernels.KVQ8, kernels.KVQ8V4, kernels.KVQ8V3} {
		add(kv.String(), "a", "cpu", qwen.Options{KV: kv})
	}
	add("another checkpoint", "b", "cpu", qwen.Options{})
	add("another device", "a", "cuda", qwen.Options{})
	add("another mode", "a", "cpu", qwen.Options{Mode: kernels.Exact})
	add("a head of 4 bits", "a", "cpu", qwen.Options{DraftHeadBits: 4})
	add("a vocabulary of 4096", "a", "cpu", qwen.Options{DraftVocabulary: 4096})
}
