package arrays

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// npy is a member as NumPy writes it.
func npy(version byte, kind, order, shape string, values []byte) []byte {
	h := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", kind, order, shape)
	h += strings.Repeat(" ", 63-(10+len(h))%64) + "\n"
	b := append([]byte("\x93NUMPY"), version, 0)
	if version == 1 {
		b = binary.LittleEndian.AppendUint16(b, uint16(len(h)))
	} else {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(h)))
	}
	return append(append(b, h...), values...)
}

func npz(t testing.TB, members ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: members[i].(string), Method: []uint16{zip.Store, zip.Deflate}[i/2%2]})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(members[i+1].([]byte)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func singles(x ...float32) (b []byte) {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func doubles(x ...float64) (b []byte) {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}

func safetensors(header string, data []byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func TestBothFormatsAreRead(t *testing.T) {
	file := npz(t,
		"a.npy", npy(1, "<f4", "False", "2, 2", singles(1, 2, -3, 4.5)),
		"b.npy", npy(2, "<f8", "False", "3,", doubles(1, 2, 0.1)),
		"c/d.npy", npy(3, "<f2", "False", "", []byte{0, 0x3c}),
	)
	path := filepath.Join(t.TempDir(), "x.npz")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Array{
		"a": {[]int{2, 2}, []float32{1, 2, -3, 4.5}}, "b": {[]int{3}, []float32{1, 2, 0.1}}, "c/d": {nil, []float32{1}},
	} {
		if a := got[name]; !slices.Equal(a.Shape, want.Shape) || !slices.Equal(a.Data, want.Data) {
			t.Errorf("%s is %v, want %v", name, a, want)
		}
	}
	tensors, err := Parse("x", safetensors(`{"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}`, singles(5, 6)))
	if err != nil || !slices.Equal(tensors["a"].Data, []float32{5, 6}) {
		t.Errorf("%v, error %v", tensors, err)
	}
	if n := Names(got); n != "a, b, c/d" {
		t.Errorf("names %q", n)
	}
}

func TestDamageIsRefused(t *testing.T) {
	good := npy(1, "<f4", "False", "2,", singles(1, 2))
	for want, file := range map[string][]byte{
		"neither .npz nor .safetensors":              []byte("nothing of the kind"),
		"the file is damaged":                        []byte("PK\x03\x04 and then nothing"),
		`member "a.txt" is no .npy array`:            npz(t, "a.txt", good),
		`array "a" comes twice`:                      npz(t, "a.npy", good, "a.npy", good),
		"does not begin as an .npy does":             npz(t, "a.npy", []byte("12345678901234")),
		"version 9":                                  npz(t, "a.npy", npy(9, "<f4", "False", "", nil)),
		"exceeds the":                                npz(t, "a.npy", good[:40]),
		"column order":                               npz(t, "a.npy", npy(1, "<f4", "True", "2,", singles(1, 2))),
		"its numbers are <i8":                        npz(t, "a.npy", npy(1, "<i8", "False", "1,", doubles(1))),
		"its numbers are >f4":                        npz(t, "a.npy", npy(1, ">f4", "False", "1,", singles(1))),
		"is not what NumPy writes":                   npz(t, "a.npy", npy(1, "O", "False", "1,", singles(1))),
		"8 bytes of values where its shape needs 12": npz(t, "a.npy", npy(1, "<f4", "False", "3,", singles(1, 2))),
		"is too large":                               npz(t, "a.npy", npy(1, "<f4", "False", "99999999, 99999999", nil)),
		"more than 4 dimensions":                     npz(t, "a.npy", npy(1, "<f4", "False", "1, 1, 1, 1, 1", singles(1))),
		"element 1 is NaN":                           npz(t, "a.npy", npy(1, "<f4", "False", "2,", singles(1, float32(math.NaN())))),
		"element 0 is +Inf as a float32":             npz(t, "a.npy", npy(1, "<f8", "False", "1,", doubles(1e300))),
		"U8":                                         safetensors(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, []byte{1}),
	} {
		if _, err := Parse("file", file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := ReadFile(filepath.Join(t.TempDir(), "absent")); err == nil {
		t.Error("a file that is not there was read")
	}
}

// Whatever is in a file, it is refused or its arrays have the numbers that their shapes say.
func FuzzParse(f *testing.F) {
	f.Add(npz(f, "a.npy", npy(1, "<f4", "False", "2, 2", singles(1, 2, 3, 4)), "b.npy", npy(1, "<f2", "False", "1,", []byte{0, 0x3c})))
	f.Add(npz(f, "a.npy", npy(3, "<f8", "False", "0, 5", nil)))
	f.Add(safetensors(`{"A":{"dtype":"BF16","shape":[1,2],"data_offsets":[0,4]}}`, []byte{0, 0x3f, 0, 0x40}))
	f.Fuzz(func(t *testing.T, data []byte) {
		arrays, err := Parse("fuzz", data)
		if err != nil {
			return
		}
		for name, a := range arrays {
			n := 1
			for _, d := range a.Shape {
				n *= d
			}
			if n != len(a.Data) {
				t.Fatalf("%q of shape %v has %d numbers", name, a.Shape, len(a.Data))
			}
			for _, v := range a.Data {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("%q has %v", name, v)
				}
			}
		}
	})
}

// FuzzNpy is FuzzParse without the archive around it.
func FuzzNpy(f *testing.F) {
	f.Add(npy(1, "<f4", "False", "2, 2", singles(1, 2, 3, 4)))
	f.Add(npy(2, "<f2", "False", "", []byte{1, 2}))
	f.Add(npy(1, "<f8", "False", "0,", nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := parseNpy(data)
		if err != nil {
			return
		}
		n := 1
		for _, d := range a.Shape {
			n *= d
		}
		if n != len(a.Data) {
			t.Fatalf("shape %v has %d numbers", a.Shape, len(a.Data))
		}
	})
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	want := map[string]Array{"b": {[]int{2, 1}, []float32{1, -2}}, "a": {[]int{3}, []float32{0.5, 3, 4}}}
	file, err := AppendSafetensors(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("x", file)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range want {
		if g := got[name]; !slices.Equal(g.Shape, w.Shape) || !slices.Equal(g.Data, w.Data) {
			t.Errorf("%s is %v, want %v", name, g, w)
		}
	}
}
