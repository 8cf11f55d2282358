package arrays

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"

	"mtplx/model/weights"
)

// parseZip reads an .npz: each member NAME.npy is an array.
func parseZip(file string, data []byte) (map[string]Array, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w: the file is damaged or no .npz", file, err)
	}
	if len(z.File) > maxArrays {
		return nil, fmt.Errorf("%s: %d members; at most %d are read", file, len(z.File), maxArrays)
	}
	out := make(map[string]Array, len(z.File))
	left := int64(maxBytes)
	for _, m := range z.File {
		name, ok := strings.CutSuffix(m.Name, ".npy")
		if !ok {
			return nil, fmt.Errorf("%s: member %q is no .npy array", file, m.Name)
		}
		if _, twice := out[name]; twice {
			return nil, fmt.Errorf("%s: array %q comes twice", file, name)
		}
		a, err := readMember(m, &left)
		if err != nil {
			return nil, fmt.Errorf("%s: array %q: %w", file, name, err)
		}
		out[name] = a
	}
	return out, nil
}

// readMember reads a member, of whose unpacked bytes at most *left may come.
func readMember(m *zip.File, left *int64) (a Array, err error) {
	if m.UncompressedSize64 > uint64(*left) {
		return a, fmt.Errorf("%d bytes are more than the %d that are read of a file", m.UncompressedSize64, *left)
	}
	*left -= int64(m.UncompressedSize64)
	r, err := m.Open()
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	// The buffer grows with what really comes: a size that is a lie takes no memory.
	data, err := io.ReadAll(io.LimitReader(r, int64(m.UncompressedSize64)+1))
	if err != nil {
		return a, err
	}
	if uint64(len(data)) != m.UncompressedSize64 {
		return a, fmt.Errorf("%d bytes where the archive says %d", len(data), m.UncompressedSize64)
	}
	return parseNpy(data)
}

// header is what the dictionary of an .npy says; NumPy writes it in this form alone.
var header = regexp.MustCompile(`^\{'descr': '([<>|=]?[a-z][0-9]+)', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), ?\} *\n?$`)

// parseNpy reads an .npy: magic, version, the header's length and the header, then the values (NumPy, "NEP 1").
func parseNpy(data []byte) (a Array, err error) {
	if len(data) < 10 || string(data[:6]) != "\x93NUMPY" {
		return a, errors.New("it does not begin as an .npy does")
	}
	at, n := 10, int(binary.LittleEndian.Uint16(data[8:]))
	switch data[6] {
	case 1:
	case 2, 3:
		if len(data) < 12 {
			return a, errors.New("it ends within its header")
		}
		at, n = 12, int(binary.LittleEndian.Uint32(data[8:]))
	default:
		return a, fmt.Errorf("it is of .npy version %d; versions 1 to 3 are read", data[6])
	}
	if n < 0 || n > len(data)-at {
		return a, fmt.Errorf("its header of %d bytes exceeds the %d there are", n, len(data)-at)
	}
	h := header.FindSubmatch(data[at : at+n])
	if h == nil {
		return a, fmt.Errorf("its header %.80q is not what NumPy writes", data[at:at+n])
	}
	if string(h[2]) == "True" {
		return a, errors.New("it is in column order; save it with numpy.ascontiguousarray")
	}
	a.Shape, n, err = parseShape(string(h[3]))
	if err != nil {
		return a, err
	}
	a.Data, err = numbers(string(h[1]), data[at+len(h[0]):], n)
	return a, err
}

func parseShape(text string) (shape []int, n int, err error) {
	n = 1
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		d, err := strconv.Atoi(part)
		if err != nil || d > maxBytes || d > 0 && n > maxBytes/d {
			return nil, 0, fmt.Errorf("its shape (%s) is too large", text)
		}
		shape, n = append(shape, d), n*d
	}
	if len(shape) > maxRank {
		return nil, 0, fmt.Errorf("its shape (%s) has more than %d dimensions", text, maxRank)
	}
	return shape, n, nil
}

// numbers reads n finite numbers of a type that take all of data.
func numbers(kind string, data []byte, n int) ([]float32, error) {
	size, ok := map[string]int{"<f2": 2, "<f4": 4, "<f8": 8}[kind]
	if !ok {
		return nil, fmt.Errorf("its numbers are %s; save it as float16, float32 or float64", kind)
	}
	if len(data) != n*size {
		return nil, fmt.Errorf("%d bytes of values where its shape needs %d", len(data), n*size)
	}
	if size < 8 {
		t := weights.Tensor{File: "npz", Name: "values", DType: weights.F32, Shape: []int{n}, Data: data}
		if size == 2 {
			t.DType = weights.F16
		}
		return t.Floats()
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(data[8*i:])))
		if math.IsNaN(float64(x[i])) || math.IsInf(float64(x[i]), 0) {
			return nil, fmt.Errorf("element %d is %v as a float32", i, x[i])
		}
	}
	return x, nil
}
