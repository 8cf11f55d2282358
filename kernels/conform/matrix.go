package conform

import (
	"math"
	"math/rand/v2"

	"mtplx/kernels"
)

// Matrix is a kernels.Matrix in memory. Its fields may be changed until it is loaded.
type Matrix struct {
	N, K, B, G  int       // outputs, inputs, bits (0: floats), group
	Code        []uint8   // [N][K]
	Scale, Bias []float32 // [N][groups]
	Plain       []float32 // [N][K] when B is 0
}

var _ kernels.Matrix = (*Matrix)(nil)

// Rows is the number of outputs.
func (m *Matrix) Rows() int { return m.N }

// Cols is the number of inputs.
func (m *Matrix) Cols() int { return m.K }

// Bits is the width of a code, 0 for floats.
func (m *Matrix) Bits() int { return m.B }

// Group is the number of inputs that share a scale.
func (m *Matrix) Group() int { return m.G }

// Groups is the number of scales of a row.
func (m *Matrix) Groups() int { return (m.K + m.G - 1) / m.G }

// Codes writes a row's codes.
func (m *Matrix) Codes(dst []uint8, row int) { copy(dst, m.Code[row*m.K:(row+1)*m.K]) }

// ScaleBias is the scale and bias of a group.
func (m *Matrix) ScaleBias(row, g int) (scale, bias float32) {
	return m.Scale[row*m.Groups()+g], m.Bias[row*m.Groups()+g]
}

// Floats writes a row in float32.
func (m *Matrix) Floats(dst []float32, row int) {
	if m.B == 0 {
		copy(dst, m.Plain[row*m.K:(row+1)*m.K])
		return
	}
	for k := range m.K {
		s, b := m.ScaleBias(row, k/m.G)
		dst[k] = kernels.FMA(float32(m.Code[row*m.K+k]), s, b)
	}
}

// Grain is the type that a matrix's floats, or its scales and biases, are representable in.
type Grain uint8

// The grains.
const (
	BFloat16 Grain = iota
	Float16        // its normal range: 11 significant bits, exponents -14..15
	Float32
)

// round makes v representable in the grain.
func (g Grain) round(v float32) float32 {
	switch g {
	case BFloat16:
		return kernels.FromBF16(kernels.BF16(v))
	case Float16:
		u := math.Float32bits(v)
		return math.Float32frombits((u + 0x0fff + u>>13&1) &^ 0x1fff)
	case Float32:
	}
	return v
}

// Quantised makes a random matrix of codes. Scales have both signs; an eighth of the groups have
// all codes 0, another eighth all codes maximal.
func Quantised(rng *rand.Rand, bits, group, n, k int, grain Grain) *Matrix {
	m := &Matrix{N: n, K: k, B: bits, G: group, Code: make([]uint8, n*k)}
	for i := range m.Code {
		m.Code[i] = uint8(rng.Uint32N(1 << bits))
	}
	for i := range n * m.Groups() {
		m.Scale = append(m.Scale, grain.round(signed(rng, 0.002, 0.03)))
		m.Bias = append(m.Bias, grain.round(signed(rng, 0.01, 0.3)))
		code := uint8(0)
		switch rng.IntN(8) {
		case 0:
		case 1:
			code = uint8(1<<bits - 1)
		default:
			continue
		}
		row, g := i/m.Groups(), i%m.Groups()
		for j := g * group; j < min((g+1)*group, k); j++ {
			m.Code[row*k+j] = code
		}
	}
	return m
}

// Dense makes a random matrix of floats.
func Dense(rng *rand.Rand, n, k int, grain Grain) *Matrix {
	m := &Matrix{N: n, K: k, Plain: make([]float32, n*k)}
	for i := range m.Plain {
		m.Plain[i] = grain.round(signed(rng, 0.001, 0.2))
	}
	return m
}

// Random is Quantised, or Dense when bits is 0.
func Random(rng *rand.Rand, bits, group, n, k int, grain Grain) *Matrix {
	if bits == 0 {
		return Dense(rng, n, k, grain)
	}
	return Quantised(rng, bits, group, n, k, grain)
}

// signed is a number of either sign whose magnitude lies between lo and hi.
func signed(rng *rand.Rand, lo, hi float32) float32 {
	v := lo + float32((hi-lo)*rng.Float32())
	if rng.IntN(2) == 0 {
		return -v
	}
	return v
}

// Normals makes n normally distributed values times scale.
func Normals(rng *rand.Rand, n int, scale float32) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64()) * scale
	}
	return x
}

// Rows makes rows of k values of every kind that the quantiser treats apart: normal ones, all
// zero, below the threshold of 2^-100, huge, at ties of rounding, one element far above the rest,
// all of the greatest magnitude, and denormal.
func Rows(rng *rand.Rand, rows, k int) []float32 {
	x := Normals(rng, rows*k, 1)
	for r := range rows {
		row := x[r*k : (r+1)*k]
		switch rng.IntN(14) {
		case 0:
			clear(row)
		case 1:
			scaleAll(row, 0x1p-104)
		case 2:
			scaleAll(row, 0x1p60)
		case 3: // s is 1/R*R and codes end in .5
			for i := range row {
				row[i] = float32(rng.IntN(253)-126) + 0.5
			}
			for i := 0; i < k; i += 32 {
				row[i] = 127
			}
		case 4:
			row[rng.IntN(k)] = 0x1p20
		case 5:
			for i := range row {
				row[i] = signed(rng, 3, 3)
			}
		case 6:
			scaleAll(row, 0x1p-140)
		case 7: // around the threshold, a group apart
			for i := range row {
				row[i] *= [...]float32{0x1p-98, 0x1p-101, 1}[i/32%3]
			}
		}
	}
	return x
}

func scaleAll(x []float32, f float32) {
	for i := range x {
		x[i] *= f
	}
}
