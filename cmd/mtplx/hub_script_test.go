package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"mtplx/bench/synthetic"
	"mtplx/model/demo"
	"mtplx/model/hub/hubtest"
	"mtplx/model/inspect/gguftest"
)

// Every script in testdata/hub is a conversation about models of a hub, which is on this machine and new to each script, as is the
// home directory.
func TestHubScripts(t *testing.T) {
	t.Setenv("HF_TOKEN", "")
	tiny := files(t, tinyModel(t))
	var stalled sync.Map // of each script's folder: a channel that is closed when a download stalls
	testscript.Run(t, testscript.Params{
		Files:               scripts(t, "testdata/hub", "pull", "interrupted"),
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// stalled waits until a large file of acme/slow is asked for.
			"stalled": func(ts *testscript.TestScript, _ bool, _ []string) {
				c, _ := stalled.Load(ts.Getenv("WORK"))
				<-c.(chan struct{})
			},
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", os.Getenv("GORACE"))
			c := make(chan struct{})
			stalled.Store(e.Getenv("WORK"), c)
			e.Setenv("HF_ENDPOINT", modelHub(t, tiny, c).URL)
			e.Setenv("HOME", e.WorkDir+"/home")
			e.Setenv("HF", e.WorkDir+"/home/.cache/huggingface/hub")
			wd, err := os.Getwd()
			if err != nil {
				return err
			}
			e.Setenv("REPO", wd+"/../..")
			for _, name := range []string{"MTPLX_HOME", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "XDG_CACHE_HOME", "http_proxy", "https_proxy"} {
				e.Setenv(name, "")
			}
			return os.Mkdir(e.WorkDir+"/home", 0o700)
		},
	})
}

// tinyModel is a checkpoint of random weights, for what a command does with any model.
func tinyModel(t *testing.T) (dir string) {
	t.Helper()
	shape, err := synthetic.Find("tiny")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "tiny")
	if err := shape.Write(t.Context(), dir, synthetic.Options{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// files are those of a folder, by name.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range list {
		if files[f.Name()], err = os.ReadFile(filepath.Join(dir, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// modelHub has acme/ggufs; acme/demo and acme/tiny, which run; acme/slow, the same, whose first large file stalls once; acme/other of another architecture;
// acme/doubtful, whose contract is for another one; and answers 401, 403 and 429 for names that say so.
func modelHub(t *testing.T, tiny map[string][]byte, stalled chan struct{}) *hubtest.Server {
	t.Helper()
	s := hubtest.New(t)
	s.Add("acme/demo", demo.Files())
	s.Add("acme/tiny", tiny)
	s.Add("acme/slow", demo.Files())
	other := demo.Files()
	other["config.json"] = []byte(`{"architectures":["MiMoForCausalLM"],"model_type":"mimo","num_nextn_predict_layers":1}`)
	s.Add("acme/other", other)
	doubtful := demo.Files()
	doubtful["mtplx_runtime.json"] = bytes.Replace(doubtful["mtplx_runtime.json"], []byte("qwen3-next-mtp"), []byte("mimo-mtp"), 1)
	s.Add("acme/doubtful", doubtful)
	wide := gguftest.File("qwen35", 60_000, 4<<20, "blk.4.nextn.eh_proj.weight") // a header of more than one piece
	s.Add("acme/ggufs", map[string][]byte{
		"model-Q8_0.gguf": wide, "model-Q4_0.gguf": gguftest.File("qwen35", 100, 1<<20, "blk.0.attn_q.weight"),
		"split/big-00001-of-00002.gguf": gguftest.File("qwen35", 10, 2<<20, "a"), "split/big-00002-of-00002.gguf": gguftest.File("qwen35", 10, 64, "b"),
		"mmproj-f16.gguf": gguftest.File("clip", 1, 64, "v"), "README.md": []byte("text"),
	})
	var once sync.Once
	s.Fail(func(r hubtest.Request) http.HandlerFunc {
		for name, status := range map[string]int{"acme/secret": 401, "acme/gated": 403, "acme/busy": 429} {
			if strings.Contains(r.Path, name) {
				return func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", "600")
					w.WriteHeader(status)
				}
			}
		}
		var f http.HandlerFunc
		if r.Where == hubtest.CDN && r.Path == "/acme/slow/model.safetensors" && strings.HasPrefix(r.Range, "bytes=0-") && r.Range != "bytes=0-16383" {
			once.Do(func() {
				f = func(_ http.ResponseWriter, r *http.Request) {
					close(stalled)
					<-r.Context().Done()
				}
			})
		}
		return f
	})
	return s
}
