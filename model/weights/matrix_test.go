package weights

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

const goldens = "../qwen/testdata/goldens"

func open(t *testing.T, folder string) *Set {
	t.Helper()
	s, err := OpenDir(filepath.Join(goldens, folder))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// reference is testdata/reference.json; reference.py made it.
var reference = func() (r struct {
	Dequantised map[string]map[string]struct {
		Bits, Group int
		SHA256      string
	}
	Quantised struct {
		Rows, Cols int
		BF16       string
		Cases      []struct {
			Bits, Group           int
			Codes, Scales, Biases string
		}
	}
},
) {
	data, err := os.ReadFile("testdata/reference.json")
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err != nil {
		panic(err)
	}
	return r
}()

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

func rowBytes(m *Matrix) []byte {
	x := make([]float32, m.In)
	var b []byte
	for r := range m.Out {
		m.Row(x, r)
		b = append(b, f32(x...)...)
	}
	return b
}

func TestRowsEqualNumpyToTheBit(t *testing.T) {
	seen := map[int]bool{}
	for folder, modules := range reference.Dequantised {
		s := open(t, folder)
		config, err := s.File("config.json")
		if err != nil {
			t.Fatal(err)
		}
		q, err := ParseQuantization(config)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range modules {
			w, _ := s.Tensor(path + ".scales")
			m, err := s.Linear(path, &q, w.Shape[0], w.Shape[1]*want.Group)
			if err != nil {
				t.Error(err)
				continue
			}
			seen[m.Bits] = true
			if m.Bits != want.Bits || m.Group != want.Group {
				t.Errorf("%s %s: %d bits in groups of %d, want %d and %d", folder, path, m.Bits, m.Group, want.Bits, want.Group)
			}
			if sum(rowBytes(m)) != want.SHA256 {
				t.Errorf("%s %s: rows differ from numpy's", folder, path)
			}
		}
	}
	for _, b := range []int{2, 3, 4, 5, 6, 8} {
		if !seen[b] {
			t.Errorf("no golden module has %d bits", b)
		}
	}
}

func TestCodesAreTheBitStream(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, bits := range []int{2, 3, 4, 5, 6, 8} {
		const n = 96
		src, codes := make([]byte, n*bits/8), make([]uint8, n)
		for i := range src {
			src[i] = byte(r.Uint32())
		}
		unpack(codes, src, bits)
		be := slices.Clone(src)
		slices.Reverse(be)
		stream, mask := new(big.Int).SetBytes(be), big.NewInt(1<<bits-1)
		for j, c := range codes {
			want := new(big.Int).Rsh(stream, uint(j*bits))
			if want.And(want, mask).Int64() != int64(c) {
				t.Fatalf("%d bits: code %d is %d, want %v", bits, j, c, want)
			}
		}
		back := make([]byte, len(src))
		pack(back, codes, bits)
		if !slices.Equal(back, src) {
			t.Errorf("%d bits: packing does not undo unpacking", bits)
		}
	}
}

// quantised is a matrix of random codes: rows x 64 inputs, 4 bits, groups of 32.
func quantised(rows int, seed uint64) []entry {
	r := rand.New(rand.NewPCG(seed, 0))
	codes, scales, biases := make([]byte, rows*32), []uint16{}, []uint16{}
	for i := range codes {
		codes[i] = byte(r.Uint32())
	}
	for range rows * 2 {
		scales, biases = append(scales, uint16(0x3c00+r.IntN(100))), append(biases, uint16(0xbc00+r.IntN(100)))
	}
	return []entry{
		{"w.weight", "U32", []int{rows, 8}, codes},
		{"w.scales", "BF16", []int{rows, 2}, f16(scales...)},
		{"w.biases", "BF16", []int{rows, 2}, f16(biases...)},
	}
}

func TestViewsYieldTheStoredRows(t *testing.T) {
	dense := make([]float32, 24*64)
	for i := range dense {
		dense[i] = float32(i)
	}
	qs, ds := openOne(t, build(quantised(24, 1)...)), openOne(t, build(entry{"w.weight", "F32", []int{24, 64}, f32(dense...)}))
	for _, s := range []*Set{qs, ds} {
		m, err := s.Linear("w", nil, 24, 64)
		if err != nil {
			t.Fatal(err)
		}
		must := func(v *Matrix, err error) *Matrix {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		gathered := must(m.Gather([]int{5, 5, 23, 0, 7}))
		views := map[string]struct {
			m    *Matrix
			rows []int
		}{
			"slice":             {must(m.Slice(3, 6)), []int{3, 4, 5}},
			"gather":            {gathered, []int{5, 5, 23, 0, 7}},
			"slice of gather":   {must(gathered.Slice(2, 4)), []int{23, 0}},
			"gather of gather":  {must(gathered.Gather([]int{4, 2})), []int{7, 23}},
			"gather of slice":   {must(must(m.Slice(10, 20)).Gather([]int{9, 0})), []int{19, 10}},
			"concat":            {must(Concat("c", must(m.Slice(20, 22)), gathered)), []int{20, 21, 5, 5, 23, 0, 7}},
			"slice of concat":   {must(must(Concat("c", must(m.Slice(20, 22)), gathered)).Slice(1, 3)), []int{21, 5}},
			"concat of concats": {must(Concat("c", must(Concat("d", must(m.Slice(1, 2)), must(m.Slice(8, 9)))), must(m.Slice(2, 3)))), []int{1, 8, 2}},
		}
		got, want := make([]float32, 64), make([]float32, 64)
		for name, v := range views {
			if v.m.Out != len(v.rows) {
				t.Errorf("%s has %d rows, want %d", name, v.m.Out, len(v.rows))
				continue
			}
			for i, r := range v.rows {
				v.m.Row(got, i)
				m.Row(want, r)
				if !slices.Equal(got, want) {
					t.Errorf("%s: row %d is not row %d", name, i, r)
				}
				if m.Bits == 0 {
					continue
				}
				a, b := make([]uint8, 64), make([]uint8, 64)
				v.m.Codes(a, i)
				m.Codes(b, r)
				s1, b1 := v.m.ScaleBias(i, 1)
				s2, b2 := m.ScaleBias(r, 1)
				if !slices.Equal(a, b) || s1 != s2 || b1 != b2 {
					t.Errorf("%s: codes or scale of row %d are not those of row %d", name, i, r)
				}
			}
		}
		for _, bad := range [][2]int{{-1, 2}, {0, 25}, {3, 3}, {4, 3}} {
			if _, err := m.Slice(bad[0], bad[1]); err == nil {
				t.Errorf("slice %v is accepted", bad)
			}
		}
		for _, bad := range [][]int{{-1}, {24}, {}} {
			if _, err := m.Gather(bad); err == nil {
				t.Errorf("gather %v is accepted", bad)
			}
		}
	}
	a, _ := qs.Linear("w", nil, 24, 64)
	b, _ := ds.Linear("w", nil, 24, 64)
	_, err := Concat("c", a, b)
	wantError(t, err, "w", "4 bits", "F32")
}

func TestStackedTensorsAreViewsOfEachLayer(t *testing.T) {
	es := quantised(12, 3)
	flat := openOne(t, build(es...))
	for i := range es {
		es[i].shape = append([]int{3, 4}, es[i].shape[1:]...)
	}
	stack, err := openOne(t, build(es...)).Stacked("w", "w.weight", nil, 3, 4, 64)
	if err != nil {
		t.Fatal(err)
	}
	m, err := flat.Linear("w", nil, 12, 64)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range stack {
		want, _ := m.Slice(4*i, 4*i+4)
		if !slices.Equal(rowBytes(x), rowBytes(want)) {
			t.Errorf("layer %d of the stack differs", i)
		}
	}
	if _, err := flat.Stacked("w", "w.weight", nil, 3, 4, 64); err == nil {
		t.Error("a flat tensor passes as a stack")
	}
}

func TestScalesOfEveryTypeAreExact(t *testing.T) {
	for _, c := range []struct {
		dtype string
		data  func() []byte
		want  float32
	}{
		{"BF16", func() []byte { return f16(0x3f81, 0xbe80) }, 1.0078125},
		{"F16", func() []byte { return f16(0x3c01, 0xb400) }, 1.0009765625},
		{"F32", func() []byte { return f32(1.0000001, -0.25) }, 1.0000001},
	} {
		d := c.data()
		s := openOne(t, build(
			entry{"w.weight", "U32", []int{1, 8}, make([]byte, 32)},
			entry{"w.scales", c.dtype, []int{1, 1}, d[:len(d)/2]}, entry{"w.biases", c.dtype, []int{1, 1}, d[len(d)/2:]}))
		m, err := s.Linear("w", nil, 1, 64)
		if err != nil {
			t.Fatal(err)
		}
		if sc, b := m.ScaleBias(0, 0); sc != c.want || b != -0.25 || m.ScaleDtype().String() != c.dtype {
			t.Errorf("%s: scale %v, bias %v, type %v", c.dtype, sc, b, m.ScaleDtype())
		}
	}
}

func TestHostileLinearIsRefused(t *testing.T) {
	nan, inf := f16(0x7fc0, 0x3f80), f16(0x3f80, 0xff80)
	good := func() map[string]entry {
		return map[string]entry{
			"w.weight": {"w.weight", "U32", []int{1, 8}, make([]byte, 32)},
			"w.scales": {"w.scales", "BF16", []int{1, 2}, f16(0x3f80, 0x3f80)},
			"w.biases": {"w.biases", "BF16", []int{1, 2}, f16(0, 0)},
		}
	}
	for _, c := range []struct {
		what   string
		change func(m map[string]entry)
		config string
		out    int
		in     int
		errs   []string
	}{
		{"NaN scale", func(m map[string]entry) { m["w.scales"] = entry{"w.scales", "BF16", []int{1, 2}, nan} }, "", 1, 64, []string{"w.scales", "element 0 is NaN"}},
		{"infinite bias", func(m map[string]entry) { m["w.biases"] = entry{"w.biases", "BF16", []int{1, 2}, inf} }, "", 1, 64, []string{"w.biases", "element 1 is -Inf"}},
		{"no weight", func(m map[string]entry) { delete(m, "w.weight") }, "", 1, 64, []string{`"w.weight" is missing`}},
		{"no biases", func(m map[string]entry) { delete(m, "w.biases") }, "", 1, 64, []string{`no "w.biases"`, "affine"}},
		{"codes without scales", func(m map[string]entry) { delete(m, "w.scales") }, "", 1, 64, []string{"U32 without scales"}},
		{"codes as I32", func(m map[string]entry) { m["w.weight"] = entry{"w.weight", "I32", []int{1, 8}, make([]byte, 32)} }, "", 1, 64, []string{"dtype is I32"}},
		{"scales as U8", func(m map[string]entry) { m["w.scales"] = entry{"w.scales", "U8", []int{1, 2}, make([]byte, 2)} }, "", 1, 64, []string{"U8"}},
		{"types differ", func(m map[string]entry) { m["w.biases"] = entry{"w.biases", "F16", []int{1, 2}, f16(0, 0)} }, "", 1, 64, []string{"BF16", "F16"}},
		{"shapes differ", func(m map[string]entry) { m["w.biases"] = entry{"w.biases", "BF16", []int{2, 1}, f16(0, 0)} }, "", 1, 64, []string{"contradict"}},
		{"rows differ", func(m map[string]entry) {}, "", 2, 64, []string{"shape is [1 8]"}},
		{"width that no bits fit", func(m map[string]entry) {}, "", 1, 96, []string{"8 words", "96"}},
		{"7 bits", func(m map[string]entry) { m["w.weight"] = entry{"w.weight", "U32", []int{1, 14}, make([]byte, 56)} }, "", 1, 64, []string{"14 words"}},
		{"odd group", func(m map[string]entry) {
			for _, n := range []string{"w.scales", "w.biases"} {
				m[n] = entry{n, "BF16", []int{1, 4}, f16(0, 0, 0, 0)}
			}
		}, "", 1, 64, []string{"4 scales"}},
		{"config has other bits", func(m map[string]entry) {}, `{"quantization":{"bits":8,"group_size":32}}`, 1, 64, []string{"w.weight", "8 bits", "hold 4"}},
		{"config has another group", func(m map[string]entry) {}, `{"quantization":{"bits":4,"group_size":64}}`, 1, 64, []string{"groups of 64", "hold 32"}},
		{"override has other bits", func(m map[string]entry) {}, `{"quantization":{"bits":4,"group_size":32,"w":{"bits":6}}}`, 1, 64, []string{"6 bits"}},
		{"override says dense", func(m map[string]entry) {}, `{"quantization":{"bits":4,"group_size":32,"w":false}}`, 1, 64, []string{"false"}},
		{"another mode", func(m map[string]entry) {}, `{"quantization":{"bits":4,"group_size":32,"mode":"mxfp4"}}`, 1, 64, []string{"mxfp4"}},
		{"a bias vector", func(m map[string]entry) { m["w.bias"] = entry{"w.bias", "F32", []int{1}, f32(1)} }, "", 1, 64, []string{"bias vector"}},
		{"dense 8-bit floats", func(m map[string]entry) {
			delete(m, "w.scales")
			m["w.weight"] = entry{"w.weight", "F8_E4M3", []int{1, 64}, make([]byte, 64)}
		}, "", 1, 64, []string{"w.weight", "F8_E4M3"}},
		{"dense of another width", func(m map[string]entry) {
			delete(m, "w.scales")
			m["w.weight"] = entry{"w.weight", "F32", []int{1, 4}, make([]byte, 16)}
		}, "", 1, 64, []string{"[1 4]", "[1 64]"}},
		{"no inputs", func(m map[string]entry) {}, "", 1, 0, []string{"w.weight"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			m := good()
			c.change(m)
			var es []entry
			for _, e := range m {
				es = append(es, e)
			}
			var q *Quantization
			if c.config != "" {
				x, err := ParseQuantization([]byte(c.config))
				if err != nil {
					t.Fatal(err)
				}
				q = &x
			}
			_, err := openOne(t, build(es...)).Linear("w", q, c.out, c.in)
			wantError(t, err, c.errs...)
		})
	}
}

func TestQuantizationBlocks(t *testing.T) {
	dense := &Quantization{}
	for _, c := range []struct {
		json string
		want Format
		err  string
	}{
		{`{}`, Format{}, ""},
		{`{"quantization":null}`, Format{}, ""},
		{`{"quantization":{"bits":4,"group_size":64}}`, Format{4, 64, "affine"}, ""},
		{`{"text_config":{"quantization":{"bits":3,"group_size":32}}}`, Format{3, 32, "affine"}, ""},
		{`{"quantization_config":{"bits":8,"group_size":128,"mode":"affine"}}`, Format{8, 128, "affine"}, ""},
		{`{"quantization":{"bits":4,"group_size":64},"quantization_config":{"quant_method":"fp8"}}`, Format{4, 64, "affine"}, ""},
		{`{"quantization":7}`, Format{}, "not an object"},
		{`{"quantization":{"bits":7}}`, Format{}, "bits is 7"},
		{`{"quantization":{"bits":"4"}}`, Format{}, `bits is "4"`},
		{`{"quantization":{"bits":4.5}}`, Format{}, "4.5"},
		{`{"quantization":{"bits":1e300}}`, Format{}, "1e300"},
		{`{"quantization":{"group_size":48}}`, Format{}, "group_size is 48"},
		{`{"quantization":{"mode":4}}`, Format{}, "mode is 4"},
		{`{"quantization":{"bits":4,"x":{"bits":-1}}}`, Format{}, `"x"`},
		{`{"quantization_config":{"quant_method":"fp8"}}`, Format{}, "fp8"},
		{`{`, Format{}, "JSON"},
	} {
		q, err := ParseQuantization([]byte(c.json))
		if c.err != "" {
			wantError(t, err, c.err)
			continue
		}
		if err != nil || q.Default != c.want {
			t.Errorf("%s: %+v, %v, want %+v", c.json, q.Default, err, c.want)
		}
	}
	if _, err := ParseQuantization([]byte(`{"quantization_config":{"quant_method":"awq"}}`)); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v does not wrap ErrUnsupported", err)
	}
	if err := dense.check("w", 3, 32); err != nil {
		t.Errorf("an absent block refuses what shapes say: %v", err)
	}
}

func TestRequantizeEqualsMLXToTheBit(t *testing.T) {
	ref := reference.Quantised
	raw, err := hex.DecodeString(ref.BF16)
	if err != nil {
		t.Fatal(err)
	}
	m, err := openOne(t, build(entry{"w.weight", "BF16", []int{ref.Rows, ref.Cols}, raw})).Linear("w", nil, ref.Rows, ref.Cols)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range ref.Cases {
		q, err := Requantize(m, c.Bits, c.Group)
		if err != nil {
			t.Fatal(err)
		}
		p := q.parts[0]
		if sum(p.weight) != c.Codes || sum(p.scales) != c.Scales || sum(p.biases) != c.Biases {
			t.Errorf("%d bits in groups of %d: codes equal %v, scales equal %v, biases equal %v", c.Bits, c.Group,
				sum(p.weight) == c.Codes, sum(p.scales) == c.Scales, sum(p.biases) == c.Biases)
		}
		if q.Out != m.Out || q.In != m.In || q.Bits != c.Bits || q.Group != c.Group || q.ScaleDtype() != BF16 {
			t.Errorf("%d bits in groups of %d: %s", c.Bits, c.Group, q.format())
		}
	}
}

// mlx-lm made the quantised golden from the dense one.
func TestRequantizeEqualsAConvertedCheckpoint(t *testing.T) {
	dense, packed := open(t, "qwen3_5-tied-mlx"), open(t, "qwen3_5-tied-mlx4")
	const path = "language_model.model.embed_tokens"
	want, err := packed.Linear(path, nil, 288, 64)
	if err != nil {
		t.Fatal(err)
	}
	m, err := dense.Linear(path, nil, 288, 64)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Requantize(m, 4, 64)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rowBytes(got), rowBytes(want)) {
		t.Error("rows differ from mlx-lm's")
	}
	if _, err := Requantize(want, 3, 32); err != nil {
		t.Errorf("a quantised matrix cannot be requantised: %v", err)
	}
}

func TestRequantizeRefuses(t *testing.T) {
	mk := func(x ...float32) *Matrix {
		x = append(x, make([]float32, 128*64-len(x))...)
		m, err := openOne(t, build(entry{"w.weight", "F32", []int{128, 64}, f32(x...)})).Linear("w", nil, 128, 64)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	inf := float32(math.Inf(1))
	for _, c := range []struct {
		m           *Matrix
		bits, group int
		errs        []string
	}{
		{mk(), 4, 64, []string{"w", "zero everywhere"}},
		{mk(inf), 4, 64, []string{"w", "row 0", "infinity or NaN"}},
		{mk(1, inf-inf), 4, 64, []string{"row 0", "infinity or NaN"}},
		{mk(1), 7, 64, []string{"7 bits"}},
		{mk(1), 4, 48, []string{"groups of 48"}},
		{mk(1), 4, 128, []string{"64 inputs"}},
	} {
		_, err := Requantize(c.m, c.bits, c.group)
		wantError(t, err, c.errs...)
	}
	if q, err := Requantize(mk(1), 4, 64); err != nil || binary.LittleEndian.Uint16(q.parts[0].biases) != 0x3f80 {
		t.Errorf("one value other than zero is refused: %v", err)
	}
}
