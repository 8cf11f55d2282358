package inspect

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
	"strings"
)

// Limits of a GGUF header. A vocabulary of a quarter of a million words takes about 10 MB.
const (
	maxGGUF      = 256 << 20 // bytes
	maxGGUFKeys  = 1 << 16
	maxGGUFList  = 1 << 16 // tensors
	maxGGUFText  = 1 << 16 // bytes of a string that is kept
	maxGGUFArray = 1 << 26
)

// GGUF is the header of a GGUF file: what it declares, and its tensors. Arrays are not kept.
type GGUF struct {
	Version int
	Values  map[string]any // string, uint64, int64, float64 or bool
	Tensors []GGUFTensor
	Size    int64 // bytes of the header
}

// GGUFTensor is one tensor; its shape is as stored, the fastest dimension first.
type GGUFTensor struct {
	Name   string
	Shape  []uint64
	Type   uint32
	Offset uint64 // from the start of the data
}

// ggufScalar is the size of each scalar value type, 0 for strings and arrays.
var ggufScalar = [...]int{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8}

const (
	ggufFloat32 = 6
	ggufBool    = 7
	ggufString  = 8
	ggufArray   = 9
	ggufFloat64 = 12
)

// ParseGGUF reads the header from the start of a file of so many bytes (versions 2 and 3, little-endian; the format is described in
// ggml's docs/gguf.md).
func ParseGGUF(r io.Reader, size int64) (*GGUF, error) {
	g := &ggufReader{total: size, in: bufio.NewReaderSize(io.LimitReader(r, min(size, maxGGUF)), 1<<16)}
	out, err := g.file()
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("the header does not end within %d bytes: truncated, download it again", min(size, maxGGUF))
		}
		return nil, fmt.Errorf("GGUF: %w", err)
	}
	return out, nil
}

type ggufReader struct {
	in    *bufio.Reader
	at    int64
	total int64 // bytes of the file
}

func (g *ggufReader) file() (*GGUF, error) {
	magic, err := g.uint(4)
	if err != nil {
		return nil, err
	}
	if magic != 0x46554747 {
		return nil, errors.New("it does not begin with GGUF")
	}
	version, err := g.uint(4)
	if err != nil {
		return nil, err
	}
	if version != 2 && version != 3 {
		return nil, fmt.Errorf("version %d (or big-endian) is not supported: versions 2 and 3 are", version)
	}
	tensors, err := g.uint(8)
	if err != nil {
		return nil, err
	}
	keys, err := g.uint(8)
	if err != nil {
		return nil, err
	}
	if tensors > maxGGUFList || keys > maxGGUFKeys {
		return nil, fmt.Errorf("%d tensors and %d keys exceed the limits of %d and %d", tensors, keys, maxGGUFList, maxGGUFKeys)
	}
	out := &GGUF{Version: int(version), Values: map[string]any{}}
	for range keys {
		if err := g.pair(out.Values); err != nil {
			return nil, err
		}
	}
	seen := map[string]bool{}
	for range tensors {
		t, err := g.tensor()
		if err != nil {
			return nil, err
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor %q is there twice", clip(t.Name))
		}
		seen[t.Name] = true
		out.Tensors = append(out.Tensors, t)
	}
	byOffset := slices.Clone(out.Tensors)
	slices.SortFunc(byOffset, func(a, b GGUFTensor) int {
		switch {
		case a.Offset < b.Offset:
			return -1
		case a.Offset > b.Offset:
			return 1
		}
		return 0
	})
	for i := 1; i < len(byOffset); i++ {
		if byOffset[i].Offset == byOffset[i-1].Offset {
			return nil, fmt.Errorf("tensors %q and %q overlap", clip(byOffset[i-1].Name), clip(byOffset[i].Name))
		}
	}
	out.Size = g.at
	if n := len(byOffset); n > 0 {
		if last := byOffset[n-1]; int64(last.Offset) >= max(1, g.total-g.at) {
			return nil, fmt.Errorf("tensor %q begins %d bytes into %d of data: truncated, download it again", clip(last.Name), last.Offset, g.total-g.at)
		}
	}
	return out, nil
}

func (g *ggufReader) pair(values map[string]any) error {
	key, err := g.text()
	if err != nil {
		return err
	}
	if _, dup := values[key]; dup {
		return fmt.Errorf("key %q is there twice", clip(key))
	}
	kind, err := g.uint(4)
	if err != nil {
		return err
	}
	v, err := g.value(kind)
	if err != nil {
		return fmt.Errorf("key %q: %w", clip(key), err)
	}
	values[key] = v
	return nil
}

func (g *ggufReader) value(kind uint64) (any, error) {
	switch {
	case kind == ggufString:
		return g.text()
	case kind == ggufArray:
		return nil, g.skipArray()
	case kind >= uint64(len(ggufScalar)):
		return nil, fmt.Errorf("value type %d is unknown", kind)
	}
	n := ggufScalar[kind]
	v, err := g.uint(n)
	if err != nil {
		return nil, err
	}
	switch kind {
	case ggufFloat32:
		return float64(math.Float32frombits(uint32(v))), nil
	case ggufFloat64:
		return math.Float64frombits(v), nil
	case ggufBool:
		return v != 0, nil
	case 1, 3, 5, 11: // signed
		shift := 64 - 8*n
		return int64(v<<shift) >> shift, nil
	}
	return v, nil
}

// skipArray passes over an array of scalars or strings; arrays of arrays have no use and no limit, and are refused.
func (g *ggufReader) skipArray() error {
	kind, err := g.uint(4)
	if err != nil {
		return err
	}
	n, err := g.uint(8)
	if err != nil {
		return err
	}
	if n > maxGGUFArray {
		return fmt.Errorf("an array of %d exceeds the limit of %d", n, maxGGUFArray)
	}
	if kind == ggufString {
		for range n {
			if err := g.skipText(); err != nil {
				return err
			}
		}
		return nil
	}
	if kind >= uint64(len(ggufScalar)) || ggufScalar[kind] == 0 {
		return fmt.Errorf("an array of type %d is not supported", kind)
	}
	return g.skip(n * uint64(ggufScalar[kind]))
}

func (g *ggufReader) tensor() (t GGUFTensor, err error) {
	if t.Name, err = g.text(); err != nil {
		return t, err
	}
	rank, err := g.uint(4)
	if err != nil {
		return t, err
	}
	if rank > 8 {
		return t, fmt.Errorf("tensor %q has %d dimensions", clip(t.Name), rank)
	}
	total := uint64(1)
	for range rank {
		d, err := g.uint(8)
		if err != nil {
			return t, err
		}
		hi, lo := bits.Mul64(total, d)
		if hi != 0 || lo > 1<<52 {
			return t, fmt.Errorf("tensor %q is larger than any model", clip(t.Name))
		}
		total = lo
		t.Shape = append(t.Shape, d)
	}
	kind, err := g.uint(4)
	if err != nil {
		return t, err
	}
	t.Type = uint32(kind)
	if t.Offset, err = g.uint(8); err == nil && t.Offset > math.MaxInt64 {
		err = fmt.Errorf("tensor %q begins at %d", clip(t.Name), t.Offset)
	}
	return t, err
}

func (g *ggufReader) uint(n int) (uint64, error) {
	var b [8]byte
	_, err := io.ReadFull(g.in, b[:n])
	g.at += int64(n)
	return binary.LittleEndian.Uint64(b[:]), err
}

func (g *ggufReader) text() (string, error) {
	n, err := g.uint(8)
	if err != nil {
		return "", err
	}
	if n > maxGGUFText {
		return "", g.skip(n) // a chat template, which is not judged
	}
	b := make([]byte, n)
	_, err = io.ReadFull(g.in, b)
	g.at += int64(n)
	return string(b), err
}

func (g *ggufReader) skipText() error {
	n, err := g.uint(8)
	if err != nil {
		return err
	}
	return g.skip(n)
}

func (g *ggufReader) skip(n uint64) error {
	if n > maxGGUF {
		return io.ErrUnexpectedEOF
	}
	k, err := g.in.Discard(int(n))
	g.at += int64(k)
	return err
}

// InspectGGUF judges a GGUF file by its header. This engine runs none; the report says what is in it and what to use instead.
func InspectGGUF(name string, r io.Reader, size int64) (*Report, error) {
	g, err := ParseGGUF(r, size)
	if err != nil {
		return nil, fmt.Errorf("inspect %s: %w", name, err)
	}
	arch, _ := g.Values["general.architecture"].(string)
	number := func(key string) int {
		switch v := g.Values[arch+"."+key].(type) {
		case uint64:
			return int(min(v, 1<<30))
		case int64:
			return int(max(0, min(v, 1<<30)))
		}
		return 0
	}
	out := &Report{ModelDir: name, Source: "gguf", ModelFiles: []string{name}, Architecture: clip(arch), ModelType: clip(arch)}
	out.MTPLayers = number("nextn_predict_layers")
	out.Layers, out.HiddenSize = number("block_count")-out.MTPLayers, number("embedding_length")
	out.Disk = Disk{Total: size, Files: 1}
	out.Memory.Weights, out.Memory.Estimate = size-g.Size, size-g.Size
	m := &out.MTP
	m.MetadataOnly, m.File = true, name
	m.Missing, m.Extra, m.Tensors = []string{}, []string{}, []Tensor{}
	out.Sidecars, out.SupportNotes, out.Compatibility.Notes = []string{}, []string{}, []string{}
	for _, t := range g.Tensors {
		if !strings.Contains(t.Name, ".nextn.") {
			continue
		}
		shape, n := make([]int, len(t.Shape)), int64(1)
		for i, d := range t.Shape {
			shape[i] = int(d)
			n *= int64(d)
		}
		m.Tensors = append(m.Tensors, Tensor{Key: t.Name, DType: fmt.Sprintf("ggml type %d", t.Type), Shape: shape, Elements: n})
	}
	m.Count, m.Exists = len(m.Tensors), len(m.Tensors) > 0
	row, known := Find(arch, "", max(1, out.MTPLayers))
	c := &out.Compatibility
	c.Tier, c.ArchID, c.Recognized, c.Level = Incompatible, row.ID, known, row.Level
	c.ExitCode, c.Runtime, c.MTPSupported, c.Unverified = c.Tier.ExitCode(), "unsupported", "no", true
	c.Message = fmt.Sprintf("GGUF files (this one holds %q, %d tensors) are not run", clip(arch), len(g.Tensors))
	c.Fix = "use the model's safetensors checkpoint: the bf16 one, or MLX affine codes"
	if m.Exists {
		c.MTPSupported = "recognized"
	}
	out.MTPSupported, out.MTPArch, out.Runtime, out.ArchRecognized = c.MTPSupported, c.ArchID, c.Runtime, known
	out.SupportLevel, out.UnverifiedModel = c.Level, true
	return out, nil
}
