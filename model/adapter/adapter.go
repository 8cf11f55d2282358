package adapter

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mtplx/model/arrays"
)

// MaxRank is the most that a pair may have.
const MaxRank = 1024

// Adapter is the pairs of one file, by module. It is never changed.
type Adapter struct {
	File    string // where it was read
	Trainer string // whose names its arrays have: PEFT, mlx-lm, or both
	Pairs   []Pair
}

// Pair is what is added to one matrix of a head.
type Pair struct {
	Module        string // such as layers.0.self_attn.q_proj
	In, Out, Rank int
	Scale         float64
	A             []float32 // [Rank][In]
	B             []float32 // [Out][Rank], times Scale
}

// weightFiles and configFile are what trainers put into an adapter's folder.
var weightFiles = []string{"adapter_model.safetensors", "adapters.safetensors", "adapters.npz", "adapter.npz"}

const (
	configFile = "adapter_config.json"
	maxConfig  = 1 << 20
)

// Read reads a file, or the adapter in a folder.
func Read(path string) (*Adapter, error) {
	file, err := find(path)
	if err != nil {
		return nil, fmt.Errorf("read adapter: %w", err)
	}
	a, err := arrays.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read adapter: %w", err)
	}
	config, err := readConfig(filepath.Join(filepath.Dir(file), configFile))
	if err != nil {
		return nil, fmt.Errorf("read adapter %s: %w", file, err)
	}
	out, err := New(a, config)
	if err != nil {
		return nil, fmt.Errorf("read adapter %s: %w", file, err)
	}
	out.File = file
	return out, nil
}

// find is the file that a path stands for.
func find(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return path, nil
	}
	for _, name := range weightFiles {
		if f := filepath.Join(path, name); exists(f) {
			return f, nil
		}
	}
	return "", fmt.Errorf("the folder %s has none of %s", path, strings.Join(weightFiles, ", "))
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// half is one array of a pair that is being put together.
type half struct {
	name      string
	shape     []int // of the matrix as PEFT stores it
	data      []float32
	backwards bool // as mlx-lm stores it, the other way round
}

// parts are the arrays of one module.
type parts struct {
	a, b         *half
	alpha, scale *arrays.Array
}

// New makes an adapter of a file's arrays and of the JSON beside it, nil where there is none.
func New(a map[string]arrays.Array, config []byte) (*Adapter, error) {
	c, err := parseConfig(config)
	if err != nil {
		return nil, err
	}
	modules := map[string]*parts{}
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if err := place(modules, name, a[name]); err != nil {
			return nil, err
		}
	}
	top := modules[""]
	delete(modules, "")
	if len(modules) == 0 {
		return nil, fmt.Errorf("it has the arrays %q; pairs such as mtp.fc.lora_A.weight and mtp.fc.lora_B.weight are needed", arrays.Names(a))
	}
	out := &Adapter{Trainer: trainer(modules)}
	for _, module := range slices.Sorted(maps.Keys(modules)) {
		p, err := modules[module].pair(module)
		if err != nil {
			return nil, err
		}
		if p.Scale, err = c.scaleOf(p.Rank, modules[module], top); err != nil {
			return nil, fmt.Errorf("module %s: %w", module, err)
		}
		for i, x := range p.B {
			v := float32(p.Scale * float64(x))
			if math.IsInf(float64(v), 0) || math.IsNaN(float64(v)) {
				return nil, fmt.Errorf("module %s: element %d of B, %v, becomes %v by the scale %v", module, i, x, v, p.Scale)
			}
			p.B[i] = v
		}
		out.Pairs = append(out.Pairs, *p)
	}
	return out, nil
}

// trainer says whose names halves have.
func trainer(modules map[string]*parts) string {
	var peft, mlx bool
	for _, p := range modules {
		for _, h := range []*half{p.a, p.b} {
			peft, mlx = peft || h != nil && !h.backwards, mlx || h != nil && h.backwards
		}
	}
	switch {
	case peft && mlx:
		return "PEFT and mlx-lm"
	case mlx:
		return "mlx-lm"
	}
	return "PEFT"
}

// suffixes are what names end with, and whether the array is stored the other way round.
var suffixes = []struct {
	text  string
	b     bool
	other bool
}{{".lora_A.weight", false, false}, {".lora_B.weight", true, false}, {".lora_a", false, true}, {".lora_b", true, true}}

// place puts an array where it belongs.
func place(modules map[string]*parts, name string, a arrays.Array) error {
	at := func(path string) *parts {
		m := module(path)
		if modules[m] == nil {
			modules[m] = &parts{}
		}
		return modules[m]
	}
	for _, s := range suffixes {
		path, ok := strings.CutSuffix(name, s.text)
		if !ok {
			continue
		}
		if module(path) == "" {
			return fmt.Errorf("array %s names no module", name)
		}
		p := at(path)
		to := &p.a
		if s.b {
			to = &p.b
		}
		if *to != nil {
			return fmt.Errorf("arrays %s and %s are for the same place", (*to).name, name)
		}
		if len(a.Shape) != 2 || a.Shape[0] < 1 || a.Shape[1] < 1 {
			return fmt.Errorf("array %s has shape %v; two dimensions with numbers are needed", name, a.Shape)
		}
		*to = &half{name: name, shape: slices.Clone(a.Shape), data: a.Data, backwards: s.other}
		if s.other {
			slices.Reverse((*to).shape)
		}
		return nil
	}
	path, last := "", name
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		path, last = name[:i], name[i+1:]
	}
	if last != "alpha" && last != "scale" {
		return fmt.Errorf("array %s is neither half of a pair (.lora_A.weight and .lora_B.weight, or .lora_a and .lora_b) nor alpha or scale: only plain LoRA is run", name)
	}
	if len(a.Data) != 1 {
		return fmt.Errorf("array %s has shape %v; one number is needed", name, a.Shape)
	}
	p := at(path)
	to := &p.alpha
	if last == "scale" {
		to = &p.scale
	}
	if *to != nil {
		return fmt.Errorf("array %s comes twice under different prefixes", name)
	}
	*to = &a
	return nil
}

// headPrefixes are what the head's own tensors may begin with.
var headPrefixes = []string{"model.language_model.mtp.", "language_model.mtp.", "model.mtp.", "mtp."}

// module is a matrix's place within the head.
func module(path string) string {
	path = strings.TrimPrefix(path, "base_model.model.")
	for _, p := range headPrefixes {
		if rest, ok := strings.CutPrefix(path, p); ok {
			return rest
		}
	}
	return path
}

// pair joins the two halves. B is a copy.
func (p *parts) pair(module string) (*Pair, error) {
	switch {
	case p.a == nil && p.b == nil:
		return nil, fmt.Errorf("module %s has a scale but no pair", module)
	case p.a == nil:
		return nil, fmt.Errorf("array %s has no A beside it", p.b.name)
	case p.b == nil:
		return nil, fmt.Errorf("array %s has no B beside it", p.a.name)
	}
	out := &Pair{Module: module, Rank: p.a.shape[0], In: p.a.shape[1], Out: p.b.shape[0]}
	if out.Rank > MaxRank {
		return nil, fmt.Errorf("array %s has rank %d; at most %d is run", p.a.name, out.Rank, MaxRank)
	}
	if p.b.shape[1] != out.Rank {
		return nil, fmt.Errorf("arrays %s and %s have the ranks %d and %d; a pair has one", p.a.name, p.b.name, out.Rank, p.b.shape[1])
	}
	out.A, out.B = p.a.matrix(), p.b.matrix()
	return out, nil
}

// matrix is the numbers in PEFT's order.
func (h *half) matrix() []float32 {
	if !h.backwards {
		return slices.Clone(h.data)
	}
	rows, cols := h.shape[0], h.shape[1]
	out := make([]float32, rows*cols)
	for r := range rows {
		for c := range cols {
			out[r*cols+c] = h.data[c*rows+r]
		}
	}
	return out
}

// Fingerprint names the adapter's numbers and where they act, whatever its file is called or looks like.
func (a *Adapter) Fingerprint() string {
	h := sha256.New()
	var b []byte
	for i := range a.Pairs {
		p := &a.Pairs[i]
		b = fmt.Appendf(b[:0], "%q %d %d %d\n", p.Module, p.In, p.Out, p.Rank)
		for _, x := range [][]float32{p.A, p.B} {
			for _, v := range x {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
		}
		_, _ = h.Write(b) // never fails
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Parameters is how many numbers it has.
func (a *Adapter) Parameters() (n int) {
	for i := range a.Pairs {
		n += len(a.Pairs[i].A) + len(a.Pairs[i].B)
	}
	return n
}

// Modules lists where it acts, for a message.
func (a *Adapter) Modules() []string {
	out := make([]string, len(a.Pairs))
	for i := range a.Pairs {
		out[i] = a.Pairs[i].Module
	}
	return out
}

// ErrOtherHead is wrapped by the errors of adapters that do not fit a head.
var ErrOtherHead = errors.New("the adapter was made for another head")

// Fits says what is wrong with the adapter for a head whose matrices have the given shapes [out][in] by module.
func (a *Adapter) Fits(head map[string][2]int) error {
	for i := range a.Pairs {
		p := &a.Pairs[i]
		shape, ok := head[p.Module]
		switch {
		case !ok:
			return fmt.Errorf("adapter %s is for %s, and adapters act on %s of this head: %w", a.File, p.Module, strings.Join(slices.Sorted(maps.Keys(head)), ", "), ErrOtherHead)
		case shape != [2]int{p.Out, p.In}:
			return fmt.Errorf("adapter %s has a pair for %s [%d][%d], and this head's is [%d][%d]: %w", a.File, p.Module, p.Out, p.In, shape[0], shape[1], ErrOtherHead)
		}
	}
	return nil
}
