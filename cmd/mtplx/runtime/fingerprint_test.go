package runtime

import (
	"testing"

	"mtplx/kernels"
	"mtplx/model/adapter"
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
	one, other := headAdapter(t, 1, 4, 1, "fc"), headAdapter(t, 2, 4, 1, "fc")
	for what, m := range map[string]qwen.Options{
		"an adapter": {Adapters: []*adapter.Adapter{one}}, "another": {Adapters: []*adapter.Adapter{other}},
		"one beside the head": {Adapters: []*adapter.Adapter{one}, Ensemble: true},
		"both":                {Adapters: []*adapter.Adapter{one, other}, Ensemble: true},
		"both the other way":  {Adapters: []*adapter.Adapter{other, one}, Ensemble: true},
		"the same, scaled":    {Adapters: []*adapter.Adapter{headAdapter(t, 1, 4, 0.5, "fc")}},
		"for another matrix":  {Adapters: []*adapter.Adapter{headAdapter(t, 1, 4, 1, "layers.0.mlp.down_proj")}},
	} {
		add(what, "a", "cpu", m)
	}
	add("a vocabulary of 4096", "a", "cpu", qwen.Options{DraftVocabulary: 4096})
}
