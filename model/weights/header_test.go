package weights

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
)

func TestHostileHeaderIsRefused(t *testing.T) {
	deep := strings.Repeat("[", 1_000_000)
	for _, c := range []struct {
		what   string
		file   []byte
		reason string
	}{
		{"empty", nil, "too short"},
		{"seven bytes", make([]byte, 7), "too short"},
		{"header length above the cap", append(binary.LittleEndian.AppendUint64(nil, 100_000_001), 0), "exceeds the limit"},
		{"header length near 2^64", append(binary.LittleEndian.AppendUint64(nil, math.MaxUint64), 0), "exceeds the limit"},
		{"header beyond the file", append(binary.LittleEndian.AppendUint64(nil, 50), "{}"...), "truncated"},
		{"no header", container("", nil), "JSON ends"},
		{"array", container("[]", nil), "not a JSON object"},
		{"text after it", container("{}x", nil), "unexpected"},
		{"not UTF-8", container("{\"a\xff\":1}", nil), "invalid UTF-8 at byte 3"},
		{"nested deeply", container(`{"a":`+deep, nil), "nested deeper"},
		{"duplicate name", container(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{}}`, nil), `"a" appears twice`},
		{"duplicate name by escape", container(`{"a":1,"\u0061":1}`, nil), `"a" appears twice`},
		{"duplicate key", container(`{"a":{"dtype":"U8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}`, nil), `"dtype" appears twice`},
		{"entry is a number", container(`{"a":1}`, nil), `tensor "a": entry is not an object`},
		{"unknown key", container(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}`, nil), `unknown key "x"`},
		{"unknown dtype", container(`{"a":{"dtype":"F128","shape":[0],"data_offsets":[0,0]}}`, nil), `dtype "F128" is unknown`},
		{"dtype is a number", container(`{"a":{"dtype":1,"shape":[0],"data_offsets":[0,0]}}`, nil), "dtype is missing"},
		{"no shape", container(`{"a":{"dtype":"U8","data_offsets":[0,0]}}`, nil), "shape is missing"},
		{"negative shape", container(`{"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,0]}}`, nil), "-1, which is not an unsigned"},
		{"fractional shape", container(`{"a":{"dtype":"U8","shape":[1.5],"data_offsets":[0,0]}}`, nil), "1.5, which is not an unsigned"},
		{"shape as text", container(`{"a":{"dtype":"U8","shape":["1"],"data_offsets":[0,0]}}`, nil), "not an unsigned"},
		{"shape beyond 64 bits", container(`{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,0]}}`, nil), "not an unsigned"},
		{"shape beyond int", container(`{"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,0]}}`, nil), "larger than memory"},
		{"product overflows", container(`{"a":{"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, nil), "overflows"},
		{"product overflows to zero", container(`{"a":{"dtype":"U8","shape":[4611686018427387904,8],"data_offsets":[0,0]}}`, nil), "overflows"},
		{"too many dimensions", container(`{"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, []byte{0}), "more than 16"},
		{"one offset", container(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}}`, nil), "not two numbers"},
		{"three offsets", container(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0,0]}}`, nil), "more than 2"},
		{"negative offset", container(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}}`, nil), "not an unsigned"},
		{"offsets backwards", container(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}}`, []byte{0}), "end before they begin"},
		{"truncated data", container(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}`, make([]byte, 15)), "exceed the 15 bytes"},
		{"size does not fit", container(`{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,15]}}`, make([]byte, 15)), "do not fit F32 of shape [4]"},
		{"half a byte", container(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}}`, make([]byte, 1)), "do not fit F4"},
		{"overlap", container(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}}`, make([]byte, 4)), `"b": data at [2, 4) overlaps`},
		{"same data twice", container(`{"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}`, make([]byte, 3)), "overlaps"},
		{"hole", container(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, make([]byte, 3)), `"b": data at [2, 3) leaves a hole from 1`},
		{"hole at the front", container(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}`, make([]byte, 2)), "hole from 0"},
		{"rest", container(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, make([]byte, 2)), "cover 1 of 2"},
		{"metadata of numbers", container(`{"__metadata__":{"a":1}}`, nil), `metadata "a" is not a string`},
		{"metadata is text", container(`{"__metadata__":"x"}`, nil), "metadata is not an object"},
	} {
		t.Run(c.what, func(t *testing.T) {
			_, err := OpenMemory("test", map[string][]byte{"model.safetensors": c.file})
			wantError(t, err, "model.safetensors", c.reason)
			if err != nil && len(err.Error()) > 600 {
				t.Errorf("error of %d bytes quotes too much of the file", len(err.Error()))
			}
		})
	}
}

func TestTensorsOfEveryType(t *testing.T) {
	var es []entry
	for d := F64; int(d) < len(dtypes); d++ {
		es = append(es, entry{d.String(), d.String(), []int{2, 4}, make([]byte, d.Bits())})
	}
	es = append(es, entry{"empty", "F32", []int{0, 7}, nil}, entry{"scalar", "F32", []int{}, f32(2.5)})
	s := openOne(t, build(es...))
	for _, e := range es {
		x, ok := s.Tensor(e.name)
		if !ok || x.DType.String() != e.dtype || !reflect.DeepEqual(x.Shape, e.shape) || len(x.Data) != len(e.data) || x.File != "model.safetensors" {
			t.Errorf("tensor %s: %+v, %v", e.name, x, ok)
		}
	}
	if x, _ := s.Tensor("scalar"); x.Len() != 1 {
		t.Errorf("a scalar has %d elements", x.Len())
	}
	if x, _ := s.Tensor("empty"); x.Len() != 0 {
		t.Errorf("an empty tensor has %d elements", x.Len())
	}
	f8, _ := s.Tensor("F8_E4M3")
	_, err := f8.Floats()
	wantError(t, err, "model.safetensors", `"F8_E4M3"`, "dtype F8_E4M3")
	if !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v does not wrap ErrUnsupported", err)
	}
}

// mlx's writer does not pad its header, so data may begin at any byte.
func TestMisalignedDataIsRead(t *testing.T) {
	for pad := range 8 {
		header := `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}` + strings.Repeat(" ", pad)
		x, _ := openOne(t, container(header, f32(1.5, -2))).Tensor("a")
		got, err := x.Floats()
		if err != nil || got[0] != 1.5 || got[1] != -2 {
			t.Errorf("padding %d: %v, %v", pad, got, err)
		}
	}
}

func TestHalfAndBfloatConversionsAreExact(t *testing.T) {
	for u := range 1 << 16 {
		h := uint16(u)
		// the value by IEEE 754's definition
		sign, exp, frac := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
		want := sign * math.Ldexp(1+frac/1024, exp-15)
		if exp == 0 {
			want = sign * math.Ldexp(frac/1024, -14)
		}
		got := float64(halfToFloat(h))
		if exp == 31 {
			if frac != 0 != math.IsNaN(got) || frac == 0 && !math.IsInf(got, int(sign)) {
				t.Fatalf("half %#x is %v", h, got)
			}
		} else if got != want || math.Signbit(got) != (h>>15 == 1) {
			t.Fatalf("half %#x is %v, want %v", h, got, want)
		}
		if b := floatAt(BF16, f16(h), 0); b == b && bfloat16(b) != h {
			t.Fatalf("bfloat %#x -> %v -> %#x", h, b, bfloat16(b))
		}
	}
	// ties go to even, and what is beyond the largest finite value to infinity
	for _, c := range []struct{ in, want uint32 }{
		{0x3f808000, 0x3f80}, {0x3f818000, 0x3f82}, {0x3f808001, 0x3f81}, {0x3f807fff, 0x3f80}, {0x7f7fffff, 0x7f80}, {0x7fc00001, 0x7fc0}, {0x7f800001, 0x7fc0},
	} {
		if got := bfloat16(math.Float32frombits(c.in)); uint32(got) != c.want {
			t.Errorf("bfloat16(%#x) is %#x, want %#x", c.in, got, c.want)
		}
	}
}

func TestNonFiniteIsFoundAnywhere(t *testing.T) {
	bad := map[DType][]uint32{
		BF16: {0x7f80, 0xff80, 0x7fc1}, F16: {0x7c00, 0xfc00, 0x7e00}, F32: {0x7f800000, 0xff800000, 0x7f800001, 0xffc00000},
	}
	big := map[DType]uint32{BF16: 0xff7f, F16: 0xfbff, F32: 0xff7fffff}
	for d, patterns := range bad {
		size := d.Bits() / 8
		put := func(b []byte, i int, v uint32) {
			for k := range size {
				b[i*size+k] = byte(v >> (8 * k))
			}
		}
		for n := 1; n < 12; n++ {
			b := make([]byte, n*size)
			for i := range n {
				put(b, i, big[d])
			}
			if got := firstNonFinite(d, b); got != -1 {
				t.Fatalf("%s: the largest finite value counts as non-finite at %d", d, got)
			}
			for i := range n {
				for _, p := range patterns {
					put(b, i, p)
					if got := firstNonFinite(d, b); got != i {
						t.Fatalf("%s: %#x at %d of %d found at %d", d, p, i, n, got)
					}
					put(b, i, big[d])
				}
			}
		}
	}
}

func TestCheckJSONAgreesWithTheStandardLibrary(t *testing.T) {
	for _, s := range []string{
		`{}`, `[]`, `""`, `0`, `-0`, `-`, `01`, `1.`, `1.5e`, `1e+5`, `.5`, `true`, `tru`, `nul`, `null x`, ` {"a" : [1, {"b":null}] } `,
		`{"a":1,}`, `[1,]`, `{,}`, `{"a"}`, `{"a":}`, `"\q"`, `"\u12"`, `"\u12g4"`, `"\ud800"`, "\"\x01\"", `"a`, `"\`, `[`, `{`, ``, ` `, `NaN`, `{"a":Infinity}`, `'a'`, `{a:1}`,
	} {
		if got, want := CheckJSON([]byte(s)) == nil, json.Valid([]byte(s)); got != want {
			t.Errorf("CheckJSON(%q) accepts: %v, want %v", s, got, want)
		}
	}
	for depth, ok := range map[int]bool{maxJSONDepth: true, maxJSONDepth + 1: false} {
		s := strings.Repeat("[", depth) + "1" + strings.Repeat("]", depth)
		if err := CheckJSON([]byte(s)); (err == nil) != ok {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
}
