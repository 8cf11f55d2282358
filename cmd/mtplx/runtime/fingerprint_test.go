package runtime

import (
	"testing"

	"mtplx/kernels"
	"mtplx/model/qwen"
)

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
