package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sort"
	"strconv"

	"github.com/tidwall/gjson"
)

// Limits of a header. 100 MB is the reference implementation's own; no model uses rank above 6.
const (
	maxHeader = 100_000_000
	maxRank   = 16
)

// Tensor is a view of one tensor in a file: row-major, little-endian. Data belongs to the Set and
// must not be written to.
type Tensor struct {
	Name  string
	File  string
	DType DType
	Shape []int
	Data  []byte
}

// Len is the number of elements.
func (t Tensor) Len() int {
	n := 1
	for _, d := range t.Shape {
		n *= d
	}
	return n
}

// Floats returns the elements of an F32, F16 or BF16 tensor, exactly, in memory of the caller's
// own. Infinities and NaN are refused.
func (t Tensor) Floats() ([]float32, error) {
	if err := t.finite(); err != nil {
		return nil, err
	}
	x := make([]float32, t.Len())
	floatsAt(t.DType, x, t.Data)
	return x, nil
}

// finite checks that the tensor holds readable floats, all finite.
func (t Tensor) finite() error {
	if !t.DType.IsFloat() {
		return t.errorf("dtype %s: %w here: F32, F16 or BF16 is needed", t.DType, ErrUnsupported)
	}
	if i := firstNonFinite(t.DType, t.Data); i >= 0 {
		return t.errorf("element %d is %v: the file is damaged or its conversion overflowed", i, floatAt(t.DType, t.Data, i))
	}
	return nil
}

func (t Tensor) errorf(format string, args ...any) error {
	return fmt.Errorf("%s: tensor %q: %w", t.File, clip(t.Name), fmt.Errorf(format, args...))
}

// parseSafetensors reads the header of a whole file and returns its tensors in the order of their
// data, as views. The format: 8 bytes little-endian header length, a JSON object from tensor names
// to {dtype, shape, data_offsets [begin, end)}, then the data, which the tensors cover exactly
// (github.com/huggingface/safetensors, README "Format").
func parseSafetensors(file string, data []byte) ([]Tensor, error) {
	fail := func(format string, args ...any) ([]Tensor, error) {
		return nil, fmt.Errorf("%s: %w", file, fmt.Errorf(format, args...))
	}
	if len(data) < 8 {
		return fail("file of %d bytes is too short for a safetensors header: download it again", len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxHeader {
		return fail("header of %d bytes exceeds the limit of %d: not a safetensors file, or damaged", n, maxHeader)
	}
	if n > uint64(len(data)-8) {
		return fail("header of %d bytes does not fit a file of %d: truncated, download it again", n, len(data))
	}
	body := data[8+n:]
	out, spans, err := parseLayout(file, data[8:8+n], uint64(len(body)))
	for i, s := range spans {
		out[i].Data = body[s.begin:s.end:s.end]
	}
	return out, err
}

// ParseSafetensors reads a whole file; the tensors, in the order of their data, are views of it.
func ParseSafetensors(file string, data []byte) ([]Tensor, error) {
	return parseSafetensors(file, data)
}

// ParseHeader reads the JSON of a safetensors header, of a file whose data has so many bytes. The tensors come in the order of
// their data, which they do not hold: a header suffices to list a file that is elsewhere.
func ParseHeader(file string, head []byte, data uint64) ([]Tensor, error) {
	if len(head) > maxHeader {
		return nil, fmt.Errorf("%s: header of %d bytes exceeds the limit of %d", file, len(head), maxHeader)
	}
	out, _, err := parseLayout(file, head, data)
	return out, err
}

// parseLayout returns the tensors that a header lists, in the order of their data, and where each lies.
func parseLayout(file string, head []byte, size uint64) ([]Tensor, []span, error) {
	fail := func(format string, args ...any) ([]Tensor, []span, error) {
		return nil, nil, fmt.Errorf("%s: %w", file, fmt.Errorf(format, args...))
	}
	if err := CheckJSON(head); err != nil {
		return fail("header: %w", err)
	}
	root := gjson.ParseBytes(head)
	if !root.IsObject() {
		return fail("header is not a JSON object")
	}
	var (
		out  []Tensor
		ends []span
		err  error
	)
	root.ForEach(func(key, v gjson.Result) bool {
		if key.Str == "__metadata__" {
			err = checkMetadata(v)
		} else {
			var t Tensor
			var s span
			if t, s, err = parseTensor(v, size); err == nil {
				t.Name, t.File = key.Str, file
				s.index = len(out)
				out, ends = append(out, t), append(ends, s)
			}
		}
		if err != nil {
			err = fmt.Errorf("%s: tensor %q: %w", file, clip(key.Str), err)
		}
		return err == nil
	})
	if err != nil {
		return nil, nil, err
	}
	// In the order of their data, each tensor must begin where the last one ended.
	sort.Slice(ends, func(i, j int) bool {
		a, b := ends[i], ends[j]
		if a.begin != b.begin {
			return a.begin < b.begin
		}
		return a.end < b.end
	})
	sorted := make([]Tensor, 0, len(out))
	var at uint64
	for _, s := range ends {
		t := out[s.index]
		switch {
		case s.begin < at:
			return nil, nil, t.errorf("data at [%d, %d) overlaps the tensor before it, which ends at %d", s.begin, s.end, at)
		case s.begin > at:
			return nil, nil, t.errorf("data at [%d, %d) leaves a hole from %d", s.begin, s.end, at)
		}
		at = s.end
		sorted = append(sorted, t)
	}
	if at != size {
		return fail("tensors cover %d of %d bytes of data: the rest belongs to none", at, size)
	}
	return sorted, ends, nil
}

// span is where a tensor's data lies, and which tensor it is.
type span struct {
	begin, end uint64
	index      int
}

func checkMetadata(v gjson.Result) error {
	if !v.IsObject() {
		return errors.New("metadata is not an object of strings")
	}
	var err error
	v.ForEach(func(key, x gjson.Result) bool {
		if x.Type != gjson.String {
			err = fmt.Errorf("metadata %q is not a string", clip(key.Str))
		}
		return err == nil
	})
	return err
}

func parseTensor(v gjson.Result, body uint64) (t Tensor, s span, err error) {
	if !v.IsObject() {
		return t, s, errors.New("entry is not an object")
	}
	var dtype, shape, offsets gjson.Result
	v.ForEach(func(key, x gjson.Result) bool {
		switch key.Str {
		case "dtype":
			dtype = x
		case "shape":
			shape = x
		case "data_offsets":
			offsets = x
		default:
			err = fmt.Errorf("entry has the unknown key %q", clip(key.Str))
		}
		return err == nil
	})
	if err != nil {
		return t, s, err
	}
	if dtype.Type != gjson.String {
		return t, s, errors.New("dtype is missing or not a string")
	}
	if t.DType = ParseDType(dtype.Str); t.DType == Invalid {
		return t, s, fmt.Errorf("dtype %q is unknown", clip(dtype.Str))
	}
	dims, err := naturals("shape", shape, maxRank)
	if err != nil {
		return t, s, err
	}
	t.Shape = make([]int, len(dims))
	size := uint64(t.DType.Bits())
	empty := false
	for i, d := range dims {
		if d > math.MaxInt {
			return t, s, fmt.Errorf("shape %s is larger than memory can be", clip(shape.Raw))
		}
		t.Shape[i] = int(d)
		empty = empty || d == 0
	}
	for _, d := range dims {
		if empty {
			size = 0
			break
		}
		hi, lo := bits.Mul64(size, d)
		if hi != 0 || lo > math.MaxInt64 {
			return t, s, fmt.Errorf("shape %s of %s overflows 64 bits", clip(shape.Raw), t.DType)
		}
		size = lo
	}
	off, err := naturals("data_offsets", offsets, 2)
	if err != nil {
		return t, s, err
	}
	if len(off) != 2 {
		return t, s, fmt.Errorf("data_offsets %s are not two numbers", clip(offsets.Raw))
	}
	s.begin, s.end = off[0], off[1]
	if s.begin > s.end {
		return t, s, fmt.Errorf("data_offsets %s end before they begin", clip(offsets.Raw))
	}
	if s.end > body {
		return t, s, fmt.Errorf("data_offsets %s exceed the %d bytes of data: the file is truncated, download it again", clip(offsets.Raw), body)
	}
	if size%8 != 0 || s.end-s.begin != size/8 {
		return t, s, fmt.Errorf("%d bytes of data do not fit %s of shape %s, which takes %d bits", s.end-s.begin, t.DType, clip(shape.Raw), size)
	}
	return t, s, nil
}

// naturals reads an array of at most limit numbers without sign, fraction or exponent.
func naturals(what string, v gjson.Result, limit int) ([]uint64, error) {
	if !v.IsArray() {
		return nil, fmt.Errorf("%s is missing or not an array", what)
	}
	var out []uint64
	var err error
	v.ForEach(func(_, x gjson.Result) bool {
		var n uint64
		if n, err = strconv.ParseUint(x.Raw, 10, 64); err != nil {
			err = fmt.Errorf("%s has %s, which is not an unsigned integer of 64 bits", what, clip(x.Raw))
		} else if len(out) == limit {
			err = fmt.Errorf("%s has more than %d numbers", what, limit)
		}
		out = append(out, n)
		return err == nil
	})
	return out, err
}

// clip bounds what an error quotes of a hostile file.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}
