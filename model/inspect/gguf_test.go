package inspect

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// ggufFile writes a header with so many tensors of a head and 64 bytes of data.
func ggufFile(arch string, tensors ...string) []byte {
	le := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(tensors))), 4)
	b = text(le.AppendUint32(text(b, "general.architecture"), 8), arch)
	b = le.AppendUint32(le.AppendUint32(text(b, arch+".block_count"), 4), 5)
	b = le.AppendUint32(le.AppendUint32(text(b, arch+".nextn_predict_layers"), 4), 1)
	b = le.AppendUint64(le.AppendUint32(le.AppendUint32(text(b, "tokenizer.ggml.tokens"), 9), 8), 2)
	b = text(text(b, "a"), "b")
	for i, name := range tensors {
		b = le.AppendUint32(text(b, name), 2)
		b = le.AppendUint64(le.AppendUint64(b, 2), 4)
		b = le.AppendUint64(le.AppendUint32(b, 0), uint64(i*32))
	}
	return append(b, make([]byte, 64)...)
}

// A GGUF file is described, and nothing in it is run.
func TestGGUF(t *testing.T) {
	file := ggufFile("qwen35", "blk.0.attn_q.weight", "blk.4.nextn.eh_proj.weight")
	r, err := InspectGGUF("x.gguf", bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	c := r.Compatibility
	if c.Tier != Incompatible || c.ExitCode != 4 || c.CanRun || c.ArchID != "qwen3-next-mtp" || r.MTP.Count != 1 || r.MTP.Tensors[0].Elements != 8 || r.Layers != 4 || r.Memory.Weights != 64 || c.Fix == "" {
		t.Errorf("%+v", r)
	}
	for n := range len(file) - 32 {
		if _, err := ParseGGUF(bytes.NewReader(file[:n]), int64(n)); err == nil {
			t.Fatalf("the first %d of %d bytes pass", n, len(file))
		}
	}
	twice := ggufFile("qwen35", "a", "a")
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
	f.Add(ggufFile("qwen35", "blk.4.nextn.eh_proj.weight"))
	f.Add(ggufFile("deepseek2")[:40])
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
