package inspect

import (
	"bytes"
	"strings"
	"testing"

	"mtplx/model/adapter/adaptertest"
	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/weights"
)

// An adapter fits where the head it was made for is, and elsewhere the report says why not; headers are enough to tell.
func TestAdaptersAreHeldToTheHead(t *testing.T) {
	shapes := func(dir string) map[string][2]int {
		set, err := weights.OpenDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer set.Close()
		ck, err := qwen.Load(set)
		if err != nil {
			t.Fatal(err)
		}
		return ck.AdapterShapes()
	}
	const goldens = "../qwen/testdata/goldens/"
	cfg, err := qwen.ParseConfig(demo.Files()["config.json"])
	if err != nil {
		t.Fatal(err)
	}
	embedded := cfg.HeadShapes(true)
	mixture := shapes(goldens + "qwen3_5_moe")
	renamed := demo.Files()
	renamed["config.json"] = []byte(`{"architectures":["MiMoForCausalLM"],"model_type":"mimo","num_nextn_predict_layers":1}`)
	bare := demo.Files()
	delete(bare, "mtp.safetensors")
	bare["config.json"] = bytes.Replace(bare["config.json"], []byte("mtp_file"), []byte("former"), 1)
	for _, c := range []struct {
		what string
		src  Source
		head map[string][2]int // that the adapter was made for
		why  string
	}{
		{"its own head", Memory{Label: "m", Files: demo.Files()}, embedded, ""},
		{"a mixture's head", Dir(goldens + "qwen3_5_moe"), mixture, ""},
		{"a mixture's, codes", Dir(goldens + "qwen3_5_moe-mlx4"), mixture, ""},
		{"another size", Dir(goldens + "qwen3_5-heads"), embedded, "has a pair for fc ["},
		{"no mixture", Dir(goldens + "qwen3_5-heads"), map[string][2]int{"layers.0.mlp.shared_expert.up_proj": {4, 4}}, "is for layers.0.mlp.shared_expert.up_proj, and adapters act on fc,"},
		{"no head", Memory{Label: "m", Files: bare}, embedded, "this model has no MTP head"},
		{"no forward", Memory{Label: "m", Files: renamed}, embedded, "there is no forward for this model"},
	} {
		r, err := Inspect(t.Context(), c.src)
		if err != nil {
			t.Fatal(err)
		}
		r.Add(adaptertest.Random(t, c.head, 1, 4, 1))
		a := r.Adapters[0]
		if a.Fits != (c.why == "") || !strings.Contains(a.Why, c.why) || a.Why != "" && a.Fits {
			t.Errorf("%s: fits %v, why %q, want %q", c.what, a.Fits, a.Why, c.why)
		}
		if a.Format != "safetensors" || a.Trainer != "PEFT" || len(a.Pairs) != len(c.head) || a.Pairs[0].Rank != 4 || a.Fingerprint == "" || a.Parameters == 0 {
			t.Errorf("%s: %+v", c.what, a)
		}
	}
}
