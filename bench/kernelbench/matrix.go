package kernelbench

import (
	"encoding/binary"
	"math"
	"math/rand/v2"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// matrix is random weights, made row by row from a pool of random bytes: a device reads it as
// fast as it reads a checkpoint.
type matrix struct {
	rows, cols, bits int
	pool             []byte
}

const poolBytes = 1 << 16

func newMatrix(rows, cols, bits int) *matrix {
	m := &matrix{rows: rows, cols: cols, bits: bits, pool: make([]byte, poolBytes+cols)}
	rng := rand.New(rand.NewPCG(1, uint64(bits)))
	mask := uint64(1)<<bits - 1
	for i := 0; i+8 <= len(m.pool); i += 8 {
		v := rng.Uint64()
		for j := range 8 {
			v = v&^(0xff<<(8*j)) | (v>>(8*j)&mask&0xff)<<(8*j)
		}
		binary.LittleEndian.PutUint64(m.pool[i:], v)
	}
	return m
}

func (m *matrix) Rows() int { return m.rows }
func (m *matrix) Cols() int { return m.cols }
func (m *matrix) Bits() int { return m.bits }

func (m *matrix) Group() int {
	if m.bits == 0 {
		return 0
	}
	return 64
}

// at is where a row begins in the pool.
func (m *matrix) at(row int) int { return row * 1237 % poolBytes }

func (m *matrix) Codes(dst []uint8, row int) { copy(dst, m.pool[m.at(row):]) }

func (m *matrix) ScaleBias(row, g int) (scale, bias float32) {
	h := uint32(row*31+g) * 2654435761
	return math.Float32frombits(0x3c00<<16 | h>>9&0x7f<<16), math.Float32frombits(0xbd00<<16 | h>>17&0x7f<<16)
}

func (m *matrix) Floats(dst []float32, row int) {
	h := uint32(row)
	for i := range dst {
		h = h*1664525 + 1013904223
		dst[i] = kernels.FromBF16(uint16(0x3c00 | h>>20&0x80ff))
		if h&1 != 0 {
			dst[i] = -dst[i]
		}
	}
}

// random is n float32 values around zero.
func (b *bench) random(n int, scale float64) (queue.Buffer, error) {
	buf, err := b.alloc(4 * n)
	if err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(2, uint64(n)))
	f := kernels.Floats(buf)
	// A normal deviate costs too much for millions of them; three uniform ones are near enough.
	for i := range f {
		f[i] = float32((rng.Float64() + rng.Float64() + rng.Float64() - 1.5) * 2 * scale)
	}
	return buf, nil
}
