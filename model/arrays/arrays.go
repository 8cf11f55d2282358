package arrays

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtplx/model/weights"
)

// Limits of a file.
const (
	maxBytes  = 1 << 30
	maxArrays = 4096
	maxRank   = 4
)

// Array is numbers in row order.
type Array struct {
	Shape []int
	Data  []float32
}

// ReadFile reads a file of either format, told apart by how it begins.
func ReadFile(path string) (map[string]Array, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read arrays: %w", err)
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("read arrays: %s has %d bytes; at most %d are read", path, info.Size(), maxBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read arrays: %w", err)
	}
	a, err := Parse(filepath.Base(path), data)
	if err != nil {
		return nil, fmt.Errorf("read arrays: %w", err)
	}
	return a, nil
}

// Parse reads a file's content. The name is for errors.
func Parse(name string, data []byte) (map[string]Array, error) {
	if bytes.HasPrefix(data, []byte("PK")) {
		return parseZip(name, data)
	}
	tensors, err := weights.ParseSafetensors(name, data)
	if err != nil {
		return nil, fmt.Errorf("%w (neither .npz nor .safetensors)", err)
	}
	if len(tensors) > maxArrays {
		return nil, fmt.Errorf("%s: %d arrays; at most %d are read", name, len(tensors), maxArrays)
	}
	out := make(map[string]Array, len(tensors))
	for _, t := range tensors {
		x, err := t.Floats()
		if err != nil {
			return nil, err
		}
		out[t.Name] = Array{t.Shape, x}
	}
	return out, nil
}

// Names lists the arrays of a file for a message.
func Names(a map[string]Array) string {
	const most = 8
	names := slices.Sorted(maps.Keys(a))
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// Vector is the values of an array of n numbers: of shape [n] or [1][n].
func (a Array) Vector(name string, n int) ([]float32, error) {
	if len(a.Shape) == 1 && a.Shape[0] == n || len(a.Shape) == 2 && a.Shape[0] == 1 && a.Shape[1] == n {
		return a.Data, nil
	}
	return nil, fmt.Errorf("%s has shape %v; the others ask for [%d]", name, a.Shape, n)
}
