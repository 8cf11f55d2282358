package weights

import (
	"errors"
	"fmt"

	"github.com/tidwall/gjson"
)

// ErrUnsupported is wrapped by errors about files that are sound but of a kind that is not
// implemented, such as 8-bit floats.
var ErrUnsupported = errors.New("not supported")

// Format is how a module is quantised; the zero Format means "not declared".
type Format struct {
	Bits, Group int
	Mode        string // "affine" unless declared otherwise
}

// Quantization is a checkpoint's quantisation block: mlx's own in "quantization" (mirrored in
// "quantization_config"). The zero value declares nothing: formats then follow from shapes.
type Quantization struct {
	Default Format
	// Overrides hold a format by module path; a nil one says that the module is dense.
	Overrides map[string]*Format
}

// ParseQuantization reads the block of a config.json, from its top level or from text_config. A
// block of another library (quant_method fp8, awq, gptq, ...) is an error.
func ParseQuantization(config []byte) (Quantization, error) {
	if err := CheckJSON(config); err != nil {
		return Quantization{}, err
	}
	root := gjson.ParseBytes(config)
	for _, at := range []string{"quantization", "text_config.quantization", "quantization_config", "text_config.quantization_config"} {
		block := root.Get(at)
		if !block.Exists() || block.Type == gjson.Null {
			continue
		}
		q, err := parseBlock(block)
		if err != nil {
			return Quantization{}, fmt.Errorf("%s: %w", at, err)
		}
		return q, nil
	}
	return Quantization{}, nil
}

func parseBlock(block gjson.Result) (Quantization, error) {
	var q Quantization
	if !block.IsObject() {
		return q, fmt.Errorf("is %s, not an object", clip(block.Raw))
	}
	if m := block.Get("quant_method"); m.Exists() && m.Str != "mlx" && m.Str != "affine" {
		return q, fmt.Errorf("quant_method %s: %w: use the bf16 checkpoint or an MLX affine one", clip(m.Raw), ErrUnsupported)
	}
	var err error
	if q.Default, err = ParseFormat(block); err != nil {
		return q, err
	}
	block.ForEach(func(k, v gjson.Result) bool {
		switch {
		case v.Type == gjson.False:
			q.override(k.Str, nil)
		case v.IsObject():
			var f Format
			if f, err = ParseFormat(v); err != nil {
				err = fmt.Errorf("%q: %w", clip(k.Str), err)
			}
			if f.Bits == 0 {
				f.Bits = q.Default.Bits
			}
			if f.Group == 0 {
				f.Group = q.Default.Group
			}
			q.override(k.Str, &f)
		}
		return err == nil
	})
	return q, err
}

func (q *Quantization) override(path string, f *Format) {
	if q.Overrides == nil {
		q.Overrides = map[string]*Format{}
	}
	q.Overrides[path] = f
}

// ParseFormat reads {bits, group_size, mode}, each optional.
func ParseFormat(v gjson.Result) (Format, error) {
	f := Format{Mode: "affine"}
	for _, x := range []struct {
		key string
		dst *int
		ok  func(int) bool
	}{{"bits", &f.Bits, validBits}, {"group_size", &f.Group, validGroup}} {
		n := v.Get(x.key)
		if !n.Exists() || n.Type == gjson.Null {
			continue
		}
		if n.Type != gjson.Number || n.Num != float64(int(n.Num)) {
			return f, fmt.Errorf("%s is %s, not an integer", x.key, clip(n.Raw))
		}
		*x.dst = int(n.Num)
	}
	if m := v.Get("mode"); m.Exists() && m.Type != gjson.Null {
		if m.Type != gjson.String {
			return f, fmt.Errorf("mode is %s, not a string", clip(m.Raw))
		}
		f.Mode = m.Str
	}
	if f.Mode != "affine" {
		return f, nil // its bits and groups follow other rules; refused when a module uses it
	}
	if f.Bits != 0 && !validBits(f.Bits) {
		return f, fmt.Errorf("bits is %d: affine codes have 2, 3, 4, 5, 6 or 8", f.Bits)
	}
	if f.Group != 0 && !validGroup(f.Group) {
		return f, fmt.Errorf("group_size is %d: affine groups have 32, 64 or 128", f.Group)
	}
	return f, nil
}

func validBits(b int) bool  { return b >= 2 && b <= 8 && b != 7 }
func validGroup(g int) bool { return g == 32 || g == 64 || g == 128 }

// check compares what the block says of a module with what its shapes are.
func (q *Quantization) check(path string, bits, group int) error {
	f := q.Default
	if o, ok := q.Overrides[path]; ok {
		if o == nil {
			return errors.New("the configuration says false (dense), but the tensor has scales")
		}
		f = *o
	}
	switch {
	case f.Mode != "" && f.Mode != "affine":
		return fmt.Errorf("quantisation mode %q: %w: use an affine or a bf16 checkpoint", clip(f.Mode), ErrUnsupported)
	case f.Bits != 0 && f.Bits != bits:
		return fmt.Errorf("the configuration says %d bits, but the shapes hold %d", f.Bits, bits)
	case f.Group != 0 && f.Group != group:
		return fmt.Errorf("the configuration says groups of %d, but the shapes hold %d", f.Group, group)
	}
	return nil
}
