package weights

import (
	"maps"
	"testing"
)

func TestFingerprintNamesWhatIsComputed(t *testing.T) {
	big := make([]byte, 8<<20)
	base := map[string][]byte{
		"config.json": []byte(`{}`), "tokenizer.json": []byte(`{"a":1}`), "README.md": []byte("hello"),
		"model.safetensors": big, "mtp/weights.safetensors": []byte("head"),
	}
	of := func(files map[string][]byte) string {
		t.Helper()
		f, err := (&Set{name: "test", store: memoryStore(files)}).Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	want := of(base)
	for name, change := range map[string]func(map[string][]byte){
		"configuration":  func(f map[string][]byte) { f["config.json"] = []byte(`{"x":1}`) },
		"tokenizer":      func(f map[string][]byte) { f["tokenizer.json"] = []byte(`{"a":2}`) },
		"head":           func(f map[string][]byte) { f["mtp/weights.safetensors"] = []byte("feet") },
		"header":         func(f map[string][]byte) { b := append([]byte{}, big...); b[100] = 1; f["model.safetensors"] = b },
		"end":            func(f map[string][]byte) { b := append([]byte{}, big...); b[len(b)-1] = 1; f["model.safetensors"] = b },
		"length":         func(f map[string][]byte) { f["model.safetensors"] = big[:len(big)-64] },
		"a sampled part": func(f map[string][]byte) { b := append([]byte{}, big...); b[4<<20] = 1; f["model.safetensors"] = b },
		"another shard":  func(f map[string][]byte) { f["more.safetensors"] = []byte("x") },
	} {
		files := maps.Clone(base)
		change(files)
		if of(files) == want {
			t.Errorf("another %s has the same fingerprint", name)
		}
	}
	files := maps.Clone(base)
	files["README.md"] = []byte("bye")
	if of(files) != want {
		t.Error("a file that computes nothing changes the fingerprint")
	}
}
