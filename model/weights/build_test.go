package weights

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
)

// container assembles a safetensors file from a header's text and its data.
func container(header string, data []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

// entry is one tensor to be written.
type entry struct {
	name, dtype string
	shape       []int
	data        []byte
}

// build writes tensors one after the other, as every writer of the format does.
func build(entries ...entry) []byte {
	var data []byte
	var heads []string
	for _, e := range entries {
		shape, _ := json.Marshal(e.shape)
		name, _ := json.Marshal(e.name)
		heads = append(heads, fmt.Sprintf(`%s:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, name, e.dtype, shape, len(data), len(data)+len(e.data)))
		data = append(data, e.data...)
	}
	return container("{"+strings.Join(heads, ",")+"}", data)
}

func f32(xs ...float32) []byte {
	var b []byte
	for _, x := range xs {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return b
}

func f16(xs ...uint16) []byte {
	var b []byte
	for _, x := range xs {
		b = binary.LittleEndian.AppendUint16(b, x)
	}
	return b
}

// openOne opens a checkpoint of one file.
func openOne(t *testing.T, file []byte) *Set {
	t.Helper()
	s, err := OpenMemory("test", map[string][]byte{"model.safetensors": file})
	if err != nil {
		t.Fatal(err)
	}
	return s
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
