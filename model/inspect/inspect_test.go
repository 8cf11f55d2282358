package inspect

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/weights"
)

func parse(s string) gjson.Result { return gjson.Parse(s) }

func look(t *testing.T, files map[string][]byte) *Report {
	t.Helper()
	r, err := Inspect(t.Context(), Memory{"test", files})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The embedded checkpoint is what a verified one looks like.
func TestEmbeddedModelIsVerified(t *testing.T) {
	r := look(t, demo.Files())
	c := r.Compatibility
	if c.Tier != Verified || c.ExitCode != 0 || !c.CanRun || c.Force || c.Unverified || !r.PassesGate || c.MTPSupported != "yes" || c.ArchID != "qwen3-next-mtp" {
		t.Errorf("%+v", c)
	}
	if r.MTP.File != "mtp.safetensors" || r.MTP.Count != r.MTP.Expected || len(r.MTP.Tensors) != r.MTP.Count || r.HiddenSize != 512 || r.Layers != 12 {
		t.Errorf("%+v", r)
	}
	size := int64(len(demo.Files()["model.safetensors"]) + len(demo.Files()["mtp.safetensors"]))
	if r.Memory.Weights <= size*9/10 || r.Memory.Weights > size || r.Memory.Estimate < r.Memory.Weights || r.Disk.Files != len(demo.Files()) {
		t.Errorf("memory %+v and disk %+v of %d bytes of weights", r.Memory, r.Disk, size)
	}
	out, err := json.Marshal(r)
	if err != nil || bytes.Contains(out, []byte(`"tensors":null`)) {
		t.Errorf("%v, %.200s", err, out)
	}
}

// What each damage does to a verdict, and that the verdict's exit code goes with it.
func TestVerdicts(t *testing.T) {
	config := func(from, to string) func(map[string][]byte) {
		return func(f map[string][]byte) {
			f["config.json"] = bytes.ReplaceAll(f["config.json"], []byte(from), []byte(to))
		}
	}
	put := func(name, text string) func(map[string][]byte) {
		return func(f map[string][]byte) { f[name] = []byte(text) }
	}
	drop := func(name string) func(map[string][]byte) { return func(f map[string][]byte) { delete(f, name) } }
	for _, c := range []struct {
		name   string
		change func(map[string][]byte)
		tier   Tier
		exit   int
		runs   bool
		says   string
	}{
		{"no contract", drop("mtplx_runtime.json"), FamilyOK, 0, true, "no mtplx_runtime.json"},
		{"damaged contract", put("mtplx_runtime.json", `{"arch_id":`), FamilyOK, 0, true, "cannot be used"},
		{"foreign contract", func(f map[string][]byte) {
			f["mtplx_runtime.json"] = bytes.Replace(f["mtplx_runtime.json"], []byte("qwen3-next-mtp"), []byte("mimo-mtp"), 1)
		}, ArchitectureOK, 3, false, "contract is for"},
		{"no head", func(f map[string][]byte) {
			delete(f, "mtp.safetensors")
			f["config.json"] = bytes.Replace(f["config.json"], []byte("mtp_file"), []byte("former"), 1)
		}, NoMTP, 2, true, "no MTP tensors"},
		{"unknown architecture", func(f map[string][]byte) {
			f["config.json"] = []byte(`{"architectures":["LlamaForCausalLM"],"model_type":"llama"}`)
		}, Incompatible, 4, false, "not known"},
		{"pending architecture", func(f map[string][]byte) {
			f["config.json"] = []byte(`{"architectures":["MiMoForCausalLM"],"model_type":"mimo","num_nextn_predict_layers":1}`)
		}, Incompatible, 4, false, "no forward"},
		{"no config", drop("config.json"), Incompatible, 4, false, "no config.json"},
		{"damaged config", put("config.json", `{"a":1`), Incompatible, 4, false, "config.json"},
		{"config is a list", put("config.json", `[]`), Incompatible, 4, false, "not a JSON object"},
		{"other quantisation", config(`"mode": "affine"`, `"mode": "affine", "quant_method": "awq"`), Incompatible, 4, false, "awq"},
		{"no biases", func(f map[string][]byte) {
			f["mtp.safetensors"] = bytes.Replace(f["mtp.safetensors"], []byte(".biases"), []byte(".biasez"), 1)
		}, Incompatible, 4, false, "only affine"},
		{"a head that names a file which is gone", drop("mtp.safetensors"), Incompatible, 4, false, "mtp_file"},
		{"truncated weights", func(f map[string][]byte) { f["model.safetensors"] = f["model.safetensors"][:1000] }, Incompatible, 4, false, "truncated"},
		{"missing weights", drop("model.safetensors"), Incompatible, 4, false, "incomplete"},
		{"huge header", func(f map[string][]byte) {
			f["mtp.safetensors"] = append(binary.LittleEndian.AppendUint64(nil, 1<<63), 1)
		}, Incompatible, 4, false, "does not fit"},
		{"index names a tensor that is not there", func(f map[string][]byte) {
			f[indexName] = bytes.Replace(f[indexName], []byte(`"weight_map": {`), []byte(`"weight_map": {"ghost": "model.safetensors",`), 1)
			f[indexName] = bytes.Replace(f[indexName], []byte(`"weight_map":{`), []byte(`"weight_map":{"ghost":"model.safetensors",`), 1)
		}, Incompatible, 4, false, "ghost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := demo.Files()
			c.change(files)
			got := look(t, files).Compatibility
			if got.Tier != c.tier || got.ExitCode != c.exit || got.CanRun != c.runs || !strings.Contains(got.Message, c.says) {
				t.Errorf("%s, exit %d, runs %v: %s", got.Tier, got.ExitCode, got.CanRun, got.Message)
			}
			if got.Fix == "" && got.Tier != FamilyOK {
				t.Error("there is no remedy")
			}
			r := &Report{Compatibility: got}
			if (r.Refusal(false) == nil) != c.runs || (r.Refusal(true) == nil) != (c.runs || c.tier == ArchitectureOK) {
				t.Errorf("refusals %v, forced %v", r.Refusal(false), r.Refusal(true))
			}
		})
	}
}

// Checkpoints that the engine loads are ones that run, by the verdict, in each layout in which heads are published.
func TestVerdictAgreesWithLoading(t *testing.T) {
	dirs, err := filepath.Glob("../qwen/testdata/goldens/*/config.json")
	if err != nil || len(dirs) < 10 {
		t.Fatalf("%d checkpoints: %v", len(dirs), err)
	}
	for _, d := range dirs {
		d = filepath.Dir(d)
		t.Run(filepath.Base(d), func(t *testing.T) {
			r, err := Inspect(t.Context(), Dir(d))
			if err != nil {
				t.Fatal(err)
			}
			set, err := weights.OpenDir(d)
			if err != nil {
				t.Fatal(err)
			}
			defer set.Close()
			ck, err := qwen.Load(set)
			if c := r.Compatibility; err != nil || !c.CanRun && !c.Force || (ck.Head != nil) != r.MTP.Exists {
				t.Errorf("loads: %v; %s: %s; head %v", err, c.Tier, c.Message, r.MTP.Exists)
			}
		})
	}
}

// failing is a source whose network breaks.
type failing struct{ Memory }

var errCut = errors.New("cut")

func (failing) ReadAt(context.Context, string, int64, int64) ([]byte, error) { return nil, errCut }

// A broken connection is an error, not a verdict about the model.
func TestReadingThatFailsIsNoVerdict(t *testing.T) {
	if r, err := Inspect(t.Context(), failing{Memory{"x", demo.Files()}}); !errors.Is(err, errCut) {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := Inspect(t.Context(), Dir(filepath.Join(t.TempDir(), "none"))); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// counted counts the bytes that are read.
type counted struct {
	Memory
	n *int
}

func (c counted) ReadAt(ctx context.Context, name string, off, n int64) ([]byte, error) {
	*c.n += int(n)
	return c.Memory.ReadAt(ctx, name, off, n)
}

// Of weights only headers are read.
func TestOnlyHeadersAreRead(t *testing.T) {
	n := 0
	if _, err := Inspect(t.Context(), counted{Memory{"x", demo.Files()}, &n}); err != nil || n > 256<<10 {
		t.Errorf("%d bytes of weights were read, %v", n, err)
	}
}

// Whatever stands in a configuration and a header, there is a verdict.
func FuzzInspect(f *testing.F) {
	for _, d := range []string{`{"architectures":["Qwen3_5ForCausalLM"],"model_type":"qwen3_5","num_hidden_layers":1e30}`, `{"model_type":"nemotron_h","mtp_num_hidden_layers":1,"hybrid_override_pattern":"*E"}`, `{"text_config":{"num_experts":1e9},"model_type":"qwen3_5_moe"}`} {
		f.Add([]byte(d), []byte("\x02\x00\x00\x00\x00\x00\x00\x00{}"), []byte(`{"weight_map":{"a":"model.safetensors"}}`))
	}
	head := `{"mtp.norm.weight":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`
	f.Add(demo.Files()["config.json"], append(binary.LittleEndian.AppendUint64(nil, uint64(len(head))), head+"ab"...), []byte(`{}`))
	f.Fuzz(func(t *testing.T, config, file, index []byte) {
		files := map[string][]byte{"config.json": config, "model.safetensors": file, "mtp.safetensors": file}
		check := func(files map[string][]byte) {
			r, err := Inspect(context.Background(), Memory{"fuzz", files})
			if err != nil {
				t.Fatal(err)
			}
			if r.Compatibility.Tier == "" || r.Compatibility.Message == "" || r.Memory.Estimate < 0 {
				t.Fatalf("%+v", r)
			}
		}
		check(files)
		files = maps.Clone(files)
		files[indexName] = index
		check(files)
	})
}
