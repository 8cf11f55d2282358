package weights

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// dir writes a checkpoint's files into a new directory.
func dir(t *testing.T, files map[string][]byte) string {
	t.Helper()
	d := t.TempDir()
	for name, data := range files {
		p := filepath.Join(d, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func one(name string) []byte { return build(entry{name, "F32", []int{1}, f32(1)}) }

func index(where map[string]string) []byte {
	var es []string
	for k, v := range where {
		es = append(es, fmt.Sprintf("%q:%q", k, v))
	}
	return []byte(`{"weight_map":{` + strings.Join(es, ",") + `}}`)
}

func TestDirectoryAndMemoryHoldTheSame(t *testing.T) {
	files := map[string][]byte{
		"config.json":       []byte(`{}`),
		"model.safetensors": build(entry{"a", "F32", []int{2}, f32(1, 2)}, entry{"b", "BF16", []int{1}, f16(0x3f80)}),
	}
	d, err := OpenDir(dir(t, files))
	if err != nil {
		t.Fatal(err)
	}
	m, err := OpenMemory("memory", files)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(d.Names(), []string{"a", "b"}) || !reflect.DeepEqual(m.Names(), d.Names()) {
		t.Fatalf("names %v and %v", d.Names(), m.Names())
	}
	for _, n := range d.Names() {
		x, _ := d.Tensor(n)
		y, _ := m.Tensor(n)
		if !reflect.DeepEqual(x, y) {
			t.Errorf("%s: %+v and %+v", n, x, y)
		}
	}
	for _, s := range []*Set{d, m} {
		if c, err := s.File("config.json"); err != nil || string(c) != "{}" {
			t.Errorf("%s: config.json is %q, %v", s.Name(), c, err)
		}
		if _, err := s.File("none.json"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v does not wrap ErrNotExist", s.Name(), err)
		}
		for _, bad := range []string{"../config.json", "/etc/passwd", "", "a/../config.json", `..\config.json`, "C:config.json", "."} {
			if _, err := s.File(bad); err == nil || s.HasFile(bad) {
				t.Errorf("%s: file %q can be read", s.Name(), bad)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
		if _, ok := s.Tensor("a"); ok {
			t.Error("a closed set still hands out tensors")
		}
	}
}

func TestShards(t *testing.T) {
	a, b := "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
	for _, c := range []struct {
		what  string
		files map[string][]byte
		names string
		errs  []string
	}{
		{"index", map[string][]byte{indexFile: index(map[string]string{"x": a, "y": b}), a: one("x"), b: one("y")}, "[x y]", nil},
		{"run without index", map[string][]byte{a: one("x"), b: one("y")}, "[x y]", nil},
		{"index before single file", map[string][]byte{indexFile: index(map[string]string{"x": a}), a: one("x"), "model.safetensors": one("z")}, "[x]", nil},
		{"folder in index", map[string][]byte{indexFile: index(map[string]string{"x": "w/x.safetensors"}), "w/x.safetensors": one("x")}, "[x]", nil},
		{"index settles a copy", map[string][]byte{
			indexFile: index(map[string]string{"x": a, "y": b}), a: one("x"),
			b: build(entry{"x", "F32", []int{1}, f32(9)}, entry{"y", "F32", []int{1}, f32(1)}),
		}, "[x y]", nil},
		{"nothing", map[string][]byte{"config.json": nil}, "", []string{"no model.safetensors"}},
		{"shard missing in the middle", map[string][]byte{"model-00001-of-00003.safetensors": one("x"), "model-00003-of-00003.safetensors": one("y")}, "", []string{"model-00002-of-00003.safetensors is missing"}},
		{"last shard missing", map[string][]byte{a: one("x")}, "", []string{"00001 of 00002"}},
		{"two runs", map[string][]byte{a: one("x"), "model-00001-of-00003.safetensors": one("y")}, "", []string{"different runs"}},
		{"duplicate across shards", map[string][]byte{a: one("x"), b: one("x")}, "", []string{b, `"x"`, "also in " + a}},
		{"index names a missing file", map[string][]byte{indexFile: index(map[string]string{"x": a}), "model.safetensors": one("x")}, "", []string{indexFile, a, "not there"}},
		{"index names a missing tensor", map[string][]byte{indexFile: index(map[string]string{"x": a, "q": a}), a: one("x")}, "", []string{indexFile, `"q"`, a}},
		{"index escapes", map[string][]byte{indexFile: index(map[string]string{"x": "../x.safetensors"})}, "", []string{indexFile, `"x"`, "leaves"}},
		{"index escapes inside", map[string][]byte{indexFile: index(map[string]string{"x": "a/../../x"})}, "", []string{indexFile, "leaves"}},
		{"index names an absolute path", map[string][]byte{indexFile: index(map[string]string{"x": "/etc/passwd"})}, "", []string{indexFile, "leaves"}},
		{"index without map", map[string][]byte{indexFile: []byte(`{"weight_map":3}`)}, "", []string{indexFile, "weight_map"}},
		{"index with empty map", map[string][]byte{indexFile: []byte(`{"weight_map":{}}`)}, "", []string{indexFile, "empty"}},
		{"index names a number", map[string][]byte{indexFile: []byte(`{"weight_map":{"x":3}}`)}, "", []string{indexFile, `"x"`, "not a string"}},
		{"index is cut", map[string][]byte{indexFile: []byte(`{"weight_map":{`)}, "", []string{indexFile, "JSON ends"}},
		{"index has a tensor twice", map[string][]byte{indexFile: []byte(`{"weight_map":{"x":"a","x":"b"}}`)}, "", []string{indexFile, "twice"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			for _, open := range []func() (*Set, error){
				func() (*Set, error) { return OpenDir(dir(t, c.files)) },
				func() (*Set, error) { return OpenMemory("memory", c.files) },
			} {
				s, err := open()
				if c.errs != nil {
					wantError(t, err, c.errs...)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := fmt.Sprint(s.Names()); got != c.names {
					t.Errorf("names %s, want %s", got, c.names)
				}
				if x, _ := s.Tensor("x"); x.Name != "" {
					if v, err := x.Floats(); err != nil || v[0] != 1 {
						t.Errorf("x is %v, %v", v, err)
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestFilesThatAreNoFiles(t *testing.T) {
	loop := dir(t, nil)
	for _, l := range [][2]string{{"b", "model.safetensors"}, {"model.safetensors", "b"}} {
		if err := os.Symlink(l[0], filepath.Join(loop, l[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(loop, indexFile), index(map[string]string{"x": "model.safetensors"}), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := OpenDir(loop)
	wantError(t, err, loop, "model.safetensors")

	folder := dir(t, map[string][]byte{"model.safetensors/x": nil, indexFile: index(map[string]string{"x": "model.safetensors"})})
	_, err = OpenDir(folder)
	wantError(t, err, "model.safetensors")

	_, err = OpenDir(dir(t, map[string][]byte{"model.safetensors": nil}))
	wantError(t, err, "model.safetensors is empty")
	_, err = OpenDir(filepath.Join(folder, indexFile))
	wantError(t, err, "is a file")
	_, err = OpenDir(filepath.Join(folder, "none"))
	wantError(t, err, "none")

	// The Hugging Face cache: links to files elsewhere.
	blobs := dir(t, map[string][]byte{"blob": one("x")})
	cache := t.TempDir()
	if err := os.Symlink(filepath.Join(blobs, "blob"), filepath.Join(cache, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	s, err := OpenDir(cache)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, ok := s.Tensor("x"); !ok {
		t.Error("a linked file's tensor is missing")
	}
}

func TestSidecarMayBearTheTrunksNames(t *testing.T) {
	files := map[string][]byte{"model.safetensors": one("x"), "mtp/weights.safetensors": build(entry{"x", "F32", []int{1}, f32(7)}), "bad.safetensors": []byte("nonsense")}
	s, err := OpenDir(dir(t, files))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	side, err := s.Sidecar("mtp/weights.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for set, want := range map[*Set]float32{s: 1, side: 7} {
		x, _ := set.Tensor("x")
		if v, err := x.Floats(); err != nil || v[0] != want {
			t.Errorf("x is %v, %v, want %v", v, err, want)
		}
	}
	if err := side.Close(); err != nil {
		t.Error(err)
	}
	if x, ok := side.Tensor("x"); !ok || x.Data[3] == 0 {
		t.Error("closing a sidecar took its tensors away")
	}
	for name, part := range map[string]string{"none.safetensors": "none", "../x.safetensors": "leaves", "bad.safetensors": "bad.safetensors"} {
		_, err := s.Sidecar(name)
		wantError(t, err, part)
	}
}
