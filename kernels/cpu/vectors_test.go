package cpu

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/internal/serial"
)

// lcg is the generator of the test vectors that all tiers share.
type lcg uint64

func (s *lcg) next() uint32 {
	*s = *s*6364136223846793005 + 1442695040888963407
	return uint32(*s >> 32)
}

// testMatrix is a quantised or plain matrix in memory.
type testMatrix struct {
	rows, cols, bits, group int
	codes                   []uint8
	scale, bias             []float32
	plain                   []float32
}

func (m *testMatrix) Rows() int  { return m.rows }
func (m *testMatrix) Cols() int  { return m.cols }
func (m *testMatrix) Bits() int  { return m.bits }
func (m *testMatrix) Group() int { return m.group }

func (m *testMatrix) Codes(dst []uint8, row int) { copy(dst, m.codes[row*m.cols:(row+1)*m.cols]) }

func (m *testMatrix) perRow() int { return (m.cols + m.group - 1) / m.group }

func (m *testMatrix) ScaleBias(row, g int) (scale, bias float32) {
	return m.scale[row*m.perRow()+g], m.bias[row*m.perRow()+g]
}

func (m *testMatrix) Floats(dst []float32, row int) {
	if m.bits == 0 {
		copy(dst, m.plain[row*m.cols:(row+1)*m.cols])
		return
	}
	for k := range m.cols {
		s, b := m.ScaleBias(row, k/m.group)
		dst[k] = kernels.FMA(float32(m.codes[row*m.cols+k]), s, b)
	}
}

// vectorMatrix is the matrix of the shared vectors, and the inputs of its 16 rows.
func vectorMatrix(bits, n, k int) (*testMatrix, []float32) {
	s := lcg(n*1000003 + k*101 + bits)
	m := &testMatrix{rows: n, cols: k, bits: bits, group: 64, codes: make([]uint8, n*k)}
	for o := range n {
		for g := range k / 64 {
			u := s.next()
			m.scale = append(m.scale, kernels.FromBF16(uint16(0x3C00|u&0x7F|(u>>7&1)<<15)))
			m.bias = append(m.bias, kernels.FromBF16(uint16(0x3D00|u>>8&0x7F|(u>>15&1)<<15)))
			for i := range 64 {
				c := uint8(s.next() >> (32 - bits))
				if g == 0 && o == 0 {
					c = uint8(1<<bits - 1)
				} else if g == 0 && o == 1 {
					c = 0
				}
				m.codes[o*k+g*64+i] = c
			}
		}
	}
	x := make([]float32, 16*k)
	for i := range x {
		u := s.next()
		x[i] = float32(int32(u>>8)-1<<23) * 0x1p-22
		if u&63 == 0 {
			x[i] *= 32
		}
	}
	for i := range 64 {
		x[1*k+i], x[2*k+i], x[3*k+i] = 1, -1, 0
		x[4*k+i] *= 0x1p-110
		x[5*k+i] = float32(i) - 31.5
	}
	x[5*k+63] = 127
	x[6*k] = 0x1p20
	return m, x
}

func hashWords[T float32 | int16](v []T) uint64 {
	h := fnv.New64a()
	var b [4]byte
	for _, x := range v {
		switch y := any(x).(type) {
		case float32:
			binary.LittleEndian.PutUint32(b[:], math.Float32bits(y))
			h.Write(b[:4])
		case int16:
			binary.LittleEndian.PutUint16(b[:], uint16(y))
			h.Write(b[:2])
		}
	}
	return h.Sum64()
}

func hashBytes(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

var productVectors = []struct {
	bits, n, k   int
	int8s, int16 uint64
}{
	{2, 16, 64, 0x80454898e8079e6b, 0xd4637dc1d3cb4b03},
	{2, 48, 320, 0x6cad430a1567988d, 0xb87789145a230d50},
	{2, 64, 1024, 0x04f574909cddd59f, 0x1dcdf13769534cb4},
	{2, 256, 512, 0xc0138502d687a1b0, 0x03b9241531f4e8ae},
	{3, 16, 64, 0x665c7672b0f25647, 0x65fd5545f26f811c},
	{3, 48, 320, 0x820e2099315765f7, 0xe5b91611c7d7b96c},
	{3, 64, 1024, 0x657751e5d0a89a96, 0x4552ecfb9686a897},
	{3, 256, 512, 0x52592aeb6543e866, 0x62bdcf3086d93a88},
	{4, 16, 64, 0x8758f06bb8747134, 0xe4a1e39a97972c42},
	{4, 48, 320, 0x147910d05cf02fdf, 0x1fbf22664f30d531},
	{4, 64, 1024, 0xca016691cad74c00, 0x9d1460e568ddec88},
	{4, 256, 512, 0xb706ed07eb223f4b, 0xcb1f903a0ff8c01d},
	{5, 16, 64, 0, 0x471fa3afe8eb99af},
	{5, 48, 320, 0, 0xc8e9e1c513883d2d},
	{5, 64, 1024, 0, 0xcfe53b24d6844c4c},
	{5, 256, 512, 0, 0x0143c5c13d8883ae},
	{6, 16, 64, 0, 0x98dba3c905d4b715},
	{6, 48, 320, 0, 0xffd4f14a5142db6d},
	{6, 64, 1024, 0, 0xbceca2c5c0e9b7f7},
	{6, 256, 512, 0, 0x4f25ba487781579c},
	{8, 16, 64, 0, 0x589a0240f3458ffe},
	{8, 48, 320, 0, 0x520d2ba6e1f3c779},
	{8, 64, 1024, 0, 0x6789d901007c790f},
	{8, 256, 512, 0, 0x91cc477a6280b891},
}

func newDevice(t testing.TB, tier string, threads int) *Device {
	t.Helper()
	d, err := New(Options{Threads: threads, Tier: tier})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// rig is a device with one queue, and slots of one lane.
type rig struct {
	t testing.TB
	d *Device
	q *cpuQueue
	s *kernels.Slots
	e *serial.Event
	n uint64
}

func newRig(t testing.TB, tier string, threads, rows int) *rig {
	t.Helper()
	r := &rig{t: t, d: newDevice(t, tier, threads), e: newEvent()}
	q, err := r.d.NewQueue("test")
	if err != nil {
		t.Fatal(err)
	}
	r.q = q.(*cpuQueue)
	t.Cleanup(r.q.Close)
	r.s, err = kernels.NewSlots(r.d, kernels.SlotDims{Rows: rows, Lanes: 1, Logits: rows, Pages: 1})
	if err != nil {
		t.Fatal(err)
	}
	r.s.Head[kernels.HeadRows] = int32(rows)
	return r
}

func (r *rig) load(m kernels.Matrix, mode kernels.Mode) *weight {
	r.t.Helper()
	w, err := r.d.Load(m, mode, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	return w.(*weight)
}

func (r *rig) buffer(n int) *buffer {
	r.t.Helper()
	b, err := r.d.alloc(4*n, "test")
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// acts puts rows of x into fresh activations.
func (r *rig) acts(x []float32, maxRows int, w ...kernels.Weight) *kernels.Acts {
	r.t.Helper()
	a, err := kernels.NewActs(r.d, maxRows, w...)
	if err != nil {
		r.t.Fatal(err)
	}
	b := bindActs(a)
	rows := len(x) / a.K
	for i := range rows {
		b.put(rows, i, x[i*a.K:(i+1)*a.K])
	}
	return a
}

func TestProductVectors(t *testing.T) {
	for _, tier := range Tiers() {
		t.Run(tier, func(t *testing.T) {
			r := newRig(t, tier, 2, 16)
			for _, v := range productVectors {
				m, x := vectorMatrix(v.bits, v.n, v.k)
				for mode, want := range map[kernels.Mode]uint64{kernels.Fast: v.int8s, kernels.Exact: v.int16} {
					if want == 0 {
						want = v.int16 // 5 to 8 bits take int16 in both modes
					}
					w := r.load(m, mode)
					out := r.buffer(16 * v.n)
					r.run(&kernels.Product{S: r.s, X: r.acts(x, 16, w), Parts: []kernels.Part{{W: w}}, Out: out, Stride: v.n})
					if got := hashWords(floats(out)); got != want {
						t.Errorf("%d bits %dx%d %v: hash %016x, want %016x", v.bits, v.n, v.k, mode, got, want)
					}
				}
			}
		})
	}
}
