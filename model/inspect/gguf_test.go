package inspect

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"mtplx/model/inspect/gguftest"
)

// A GGUF file is described, and nothing in it is run.
func TestGGUF(t *testing.T) {
	file := gguftest.File("qwen35", 2, 64, "blk.0.attn_q.weight", "blk.4.nextn.eh_proj.weight")
	r, err := InspectGGUF("x.gguf", bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	c := r.Compatibility
	if c.Tier != Incompatible || c.ExitCode != 4 || c.CanRun || c.ArchID != "qwen3-next-mtp" || r.MTP.Count != 1 || r.MTP.Tensors[0].Elements != 8 || r.Layers != 4 || r.Memory.Weights != 64 || c.Fix == "" {
		t.Errorf("%+v", r)
	}
	if of, err := InspectGGUFOf(t.Context(), Memory{Label: "m", Files: map[string][]byte{"x.gguf": file}}, "x.gguf", int64(len(file))); err != nil || !reflect.DeepEqual(of, r) {
		t.Errorf("in pieces: %+v, %v", of, err)
	}
	for n := range len(file) - 32 {
		if _, err := ParseGGUF(bytes.NewReader(file[:n]), int64(n)); err == nil {
			t.Fatalf("the first %d of %d bytes pass", n, len(file))
		}
	}
	twice := gguftest.File("qwen35", 2, 64, "a", "a")
	for _, c := range []struct{ file, says string }{
		{"GGML" + string(file[4:]), "does not begin"},
		{string(file[:4]) + "\x01" + string(file[5:]), "version 1"},
		{string(file[:8]) + strings.Repeat("\xff", 8) + string(file[16:]), "exceed the limits"},
		{string(twice), "twice"},
	} {
		if _, err := ParseGGUF(strings.NewReader(c.file), int64(len(c.file))); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("want %q: %v", c.says, err)
		}
	}
}

// No header makes the reader panic or believe more than the file holds.
func FuzzGGUF(f *testing.F) {
	f.Add(gguftest.File("qwen35", 2, 64, "blk.4.nextn.eh_proj.weight"))
	f.Add(gguftest.File("deepseek2", 2, 64)[:40])
	f.Add([]byte("GGUF\x03\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, file []byte) {
		g, err := ParseGGUF(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			return
		}
		if g.Size > int64(len(file)) {
			t.Fatalf("a header of %d bytes in a file of %d", g.Size, len(file))
		}
		if _, err := InspectGGUF("f", bytes.NewReader(file), int64(len(file))); err != nil {
			t.Fatal(err)
		}
	})
}
