package qwen

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mtplx/model/weights"
)

// folder reads a golden checkpoint into memory, to be changed by a test.
func folder(t testing.TB, name string) map[string][]byte {
	t.Helper()
	root := filepath.Join("testdata/goldens", name)
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "golden.") {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		files[filepath.ToSlash(rel)], err = os.ReadFile(p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// tensors are the tensors of files to be rewritten.
type tensors map[string]weights.Tensor

func read(t testing.TB, file []byte) tensors {
	t.Helper()
	s, err := weights.OpenMemory("rewrite", map[string][]byte{"model.safetensors": file})
	if err != nil {
		t.Fatal(err)
	}
	out := tensors{}
	for _, n := range s.Names() {
		out[n], _ = s.Tensor(n)
	}
	return out
}

// bytes writes the tensors as a file.
func (ts tensors) bytes() []byte {
	var data []byte
	head := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(ts)) {
		x := ts[name]
		head[name] = map[string]any{"dtype": x.DType.String(), "shape": x.Shape, "data_offsets": []int{len(data), len(data) + len(x.Data)}}
		data = append(data, x.Data...)
	}
	h, _ := json.Marshal(head)
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(h))), h...), data...)
}

// cut moves the tensors whose names begin with from into a set of their own, renamed to begin
// with to.
func (ts tensors) cut(from, to string) tensors {
	out := tensors{}
	for n, x := range ts {
		if rest, ok := strings.CutPrefix(n, from); ok {
			out[to+rest] = x
			delete(ts, n)
		}
	}
	return out
}

// set replaces a tensor's values, as float32.
func (ts tensors) set(name string, x []float32) {
	old, ok := ts[name]
	if !ok {
		panic("no tensor " + name)
	}
	var data []byte
	for _, v := range x {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	ts[name] = weights.Tensor{DType: weights.F32, Shape: old.Shape, Data: data}
}

// edit changes keys of a config.json: "a.b" reaches into objects, a nil value deletes.
func edit(t testing.TB, config []byte, changes map[string]any) []byte {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal(config, &root); err != nil {
		t.Fatal(err)
	}
	for key, v := range changes {
		at, path := root, strings.Split(key, ".")
		for _, p := range path[:len(path)-1] {
			next, ok := at[p].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[p] = next
			}
			at = next
		}
		if v == nil {
			delete(at, path[len(path)-1])
		} else {
			at[path[len(path)-1]] = v
		}
	}
	out, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func loadFiles(files map[string][]byte) (*Checkpoint, error) {
	set, err := weights.OpenMemory("test", files)
	if err != nil {
		return nil, err
	}
	return Load(set)
}

func mustLoad(t testing.TB, files map[string][]byte) *Checkpoint {
	t.Helper()
	ck, err := loadFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

// wantError checks that an error names what a reader needs to find the fault.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not mention %q", err, p)
		}
	}
}

// parts lists everything a checkpoint computes with, by a layout-free name.
func parts(ck *Checkpoint) (mats map[string]*weights.Matrix, vecs map[string][]float32) {
	mats, vecs = map[string]*weights.Matrix{"embed": ck.Embed, "head": ck.Head}, map[string][]float32{"norm": ck.FinalNorm}
	mlp := func(p string, m *MLP) {
		mats[p+"gate"], mats[p+"up"], mats[p+"down"] = m.Gate, m.Up, m.Down
	}
	layer := func(p string, l *Layer) {
		vecs[p+"input norm"], vecs[p+"post norm"] = l.InputNorm, l.PostNorm
		if a := l.Attn; a != nil {
			mats[p+"q"], mats[p+"k"], mats[p+"v"], mats[p+"o"] = a.Q, a.K, a.V, a.O
			vecs[p+"q norm"], vecs[p+"k norm"] = a.QNorm, a.KNorm
		}
		if d := l.Delta; d != nil {
			mats[p+"qkv"], mats[p+"z"], mats[p+"b"], mats[p+"a"], mats[p+"out"] = d.QKV, d.Z, d.B, d.A, d.Out
			vecs[p+"conv"], vecs[p+"A_log"], vecs[p+"dt"], vecs[p+"delta norm"] = d.Conv, d.ALog, d.DtBias, d.Norm
		}
		if l.MLP != nil {
			mlp(p, l.MLP)
		}
		if e := l.MoE; e != nil {
			mats[p+"router"], mats[p+"shared gate"] = e.Router, e.SharedGate
			mlp(p+"shared ", &e.Shared)
			for i := range e.Experts {
				mlp(fmt.Sprintf("%sexpert %d ", p, i), &e.Experts[i])
			}
		}
	}
	for i := range ck.Layer {
		layer(fmt.Sprintf("layer %d ", i), &ck.Layer[i])
	}
	if h := ck.MTP; h != nil {
		mats["mtp fc"] = h.FC
		vecs["mtp emb norm"], vecs["mtp hid norm"], vecs["mtp norm"] = h.EmbNorm, h.HidNorm, h.Norm
		layer("mtp ", &h.Layer)
	}
	return mats, vecs
}

// values are a matrix's rows, one after the other.
func values(m *weights.Matrix) []float32 {
	x := make([]float32, m.Out*m.In)
	for r := range m.Out {
		m.Row(x[r*m.In:(r+1)*m.In], r)
	}
	return x
}

// same compares two checkpoints to the bit.
func same(t *testing.T, a, b *Checkpoint) {
	t.Helper()
	am, av := parts(a)
	bm, bv := parts(b)
	if len(am) != len(bm) || len(av) != len(bv) {
		t.Fatalf("%d matrices and %d vectors against %d and %d", len(am), len(av), len(bm), len(bv))
	}
	for n := range am {
		if bm[n] == nil || !slices.Equal(values(am[n]), values(bm[n])) {
			t.Errorf("matrix %s differs", n)
		}
	}
	for n := range av {
		if !slices.Equal(av[n], bv[n]) {
			t.Errorf("vector %s differs", n)
		}
	}
}
