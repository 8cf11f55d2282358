package golden

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"mtplx/model/weights"
)

// Tensors is a golden.safetensors.
type Tensors struct{ set *weights.Set }

// OpenTensors opens the goldens of a folder, following `same_as`.
func OpenTensors(dir string) (*Tensors, error) {
	data, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		return nil, fmt.Errorf("open goldens: %w", err)
	}
	var about struct {
		SameAs string `json:"same_as"`
	}
	if err := json.Unmarshal(data, &about); err != nil {
		return nil, fmt.Errorf("open goldens: read %s: %w", filepath.Join(dir, "golden.json"), err)
	}
	if about.SameAs != "" {
		if filepath.Base(about.SameAs) != about.SameAs {
			return nil, fmt.Errorf("open goldens: same_as %q must name a sibling folder", about.SameAs)
		}
		dir = filepath.Join(filepath.Dir(filepath.Clean(dir)), about.SameAs)
	}
	file, err := os.ReadFile(filepath.Join(dir, "golden.safetensors"))
	if err != nil {
		return nil, fmt.Errorf("open goldens: %w", err)
	}
	set, err := weights.OpenMemory(filepath.Join(dir, "golden.safetensors"), map[string][]byte{"model.safetensors": file})
	if err != nil {
		return nil, err
	}
	return &Tensors{set}, nil
}

// floats reads a float32 tensor and its shape; ok is false when there is none of that name.
func (t *Tensors) floats(name string) (x []float32, shape []int, ok bool) {
	ts, ok := t.set.Tensor(name)
	if !ok {
		return nil, nil, false
	}
	x = make([]float32, len(ts.Data)/4)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(ts.Data[4*i:]))
	}
	return x, ts.Shape, true
}

// ids reads an int32 tensor.
func (t *Tensors) ids(name string) ([]int32, bool) {
	ts, ok := t.set.Tensor(name)
	if !ok {
		return nil, false
	}
	x := make([]int32, len(ts.Data)/4)
	for i := range x {
		x[i] = int32(binary.LittleEndian.Uint32(ts.Data[4*i:]))
	}
	return x, true
}
