package weights

import (
	"encoding/json"
	"testing"

	"github.com/tidwall/gjson"
)

func FuzzSafetensors(f *testing.F) {
	f.Add(build(entry{"a", "F32", []int{2, 2}, f32(1, 2, 3, 4)}, entry{"b", "BF16", []int{3}, f16(1, 2, 3)}))
	f.Add(build(entry{"w.weight", "U32", []int{1, 4}, make([]byte, 16)}, entry{"w.scales", "F16", []int{1, 1}, f16(1)}, entry{"w.biases", "F16", []int{1, 1}, f16(0)}))
	f.Add(container(`{"a":{"dtype":"U8","shape":[0,18446744073709551615],"data_offsets":[0,0]},"__metadata__":{"x":"y"}}`, nil))
	f.Add(container(`{"a":{"dtype":"F4","shape":[3,2],"data_offsets":[0,3]}}`, make([]byte, 3)))
	f.Add(container(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, make([]byte, 3)))
	f.Fuzz(func(t *testing.T, file []byte) {
		s, err := OpenMemory("fuzz", map[string][]byte{"model.safetensors": file})
		if err != nil {
			return
		}
		covered := 0
		for _, n := range s.Names() {
			x, ok := s.Tensor(n)
			if !ok || x.Len()*x.DType.Bits() != len(x.Data)*8 {
				t.Fatalf("tensor %q: %v of %v has %d bytes", n, x.Shape, x.DType, len(x.Data))
			}
			covered += len(x.Data)
			_, _ = x.Floats()
		}
		head := 8 + int(uint64(file[0])|uint64(file[1])<<8|uint64(file[2])<<16|uint64(file[3])<<24)
		if covered != len(file)-head {
			t.Fatalf("tensors cover %d of %d bytes", covered, len(file)-head)
		}
		for _, in := range []int{32, 64} {
			if m, err := s.Linear("w", nil, 1, in); err == nil {
				m.Row(make([]float32, in), 0)
			}
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":1},"weight_map":{"a":"model.safetensors","b":"mtp/weights.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../x"}}`))
	f.Add([]byte(`{"weight_map":{"a":"/etc/passwd","a":"x"}}`))
	f.Add([]byte(`{"weight_map":{"a":"C:\\x"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		where, err := parseIndex(data)
		if err != nil {
			return
		}
		for tensor, file := range where {
			if err := checkLocal(file); err != nil {
				t.Fatalf("tensor %q: accepted %v", tensor, err)
			}
		}
	})
}

func FuzzQuantization(f *testing.F) {
	f.Add([]byte(`{"quantization":{"group_size":64,"bits":4,"mode":"affine","a.b":{"bits":8},"c":false}}`))
	f.Add([]byte(`{"text_config":{"quantization":{"bits":7}}}`))
	f.Add([]byte(`{"quantization_config":{"quant_method":"fp8"}}`))
	f.Add([]byte(`{"quantization":{"bits":1e99,"group_size":-1,"x":{"mode":[]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := ParseQuantization(data)
		if err != nil {
			return
		}
		for path, o := range q.Overrides {
			if o != nil && o.Mode == "affine" && q.Default.Mode == "affine" && (o.Bits != 0 && !validBits(o.Bits) || o.Group != 0 && !validGroup(o.Group)) {
				t.Fatalf("%q: accepted %+v", path, *o)
			}
		}
	})
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e+3,"\ud83d\ude00",null]}`, `{"a":1,"\u0061":2}`, "\"\xff\"", `[[[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if CheckJSON(data) == nil {
			if !json.Valid(data) {
				t.Fatalf("accepted what encoding/json refuses: %q", data)
			}
			gjson.ParseBytes(data).ForEach(func(_, v gjson.Result) bool { return v.Exists() })
		}
	})
}
