package models

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"mtplx/cmd/mtplx/command"
	"mtplx/model/hub/hubtest"
	"mtplx/model/inspect/gguftest"
)

// Of a GGUF file on the hub the header is read, in pieces, and nothing behind it but the rest of the last piece.
func TestOnlyAHeaderCrossesTheNetwork(t *testing.T) {
	s := hubtest.New(t)
	s.Add("acme/one", map[string][]byte{"model.gguf": gguftest.File("qwen35", 30_000, 8<<20, "a")})
	for name, value := range map[string]string{"HF_ENDPOINT": s.URL, "MTPLX_HOME": t.TempDir(), "HF_HOME": t.TempDir(), "HF_HUB_CACHE": "", "HUGGINGFACE_HUB_CACHE": "", "HF_TOKEN": "", "HF_HUB_OFFLINE": ""} {
		t.Setenv(name, value)
	}
	var out bytes.Buffer
	c := &InspectCmd{Model: "acme/one", NoStrictExits: true}
	if err := c.Run(t.Context(), command.Streams{Out: &out, Err: os.Stderr}); err != nil {
		t.Fatal(err)
	}
	var ranges []string
	for _, r := range s.Requests() {
		if r.Where == hubtest.CDN {
			ranges = append(ranges, r.Range)
		}
	}
	if want := []string{"bytes=0-262143", "bytes=262144-786431"}; !slices.Equal(ranges, want) {
		t.Errorf("read %q, want %q", ranges, want)
	}
}
