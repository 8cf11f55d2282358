package synthetic

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strings"
)

// source yields a tensor's bytes piece by piece.
type source struct {
	t   *tensor
	rng *rand.PCG
}

// newSource keys the stream by seed and name. Scales and biases of a matrix share a stream, so that each
// bias belongs to its scale.
func newSource(t *tensor, seed uint64) *source {
	name := t.name
	if t.kind == biases {
		name = strings.TrimSuffix(name, "biases") + "scales"
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return &source{t, rand.NewPCG(seed, h.Sum64())}
}

// fill writes the next len(dst) bytes; but for a tensor's last, pieces are multiples of 8 bytes.
func (s *source) fill(dst []byte) {
	switch s.t.kind {
	case codes:
		for ; len(dst) >= 8; dst = dst[8:] {
			binary.LittleEndian.PutUint64(dst, s.rng.Uint64())
		}
		if len(dst) > 0 {
			binary.LittleEndian.PutUint32(dst, uint32(s.rng.Uint64()))
		}
	case decayLog:
		for i := 0; i < len(dst); i += 4 {
			binary.LittleEndian.PutUint32(dst[i:], math.Float32bits(float32(math.Ln2*4*s.uniform())))
		}
	default:
		for i := 0; i < len(dst); i += 2 {
			binary.LittleEndian.PutUint16(dst[i:], bfloat16(float32(s.value())))
		}
	}
}

// uniform is in [0, 1).
func (s *source) uniform() float64 { return float64(s.rng.Uint64()>>11) * 0x1p-53 }

// around is uniform with mean 0 and the tensor's deviation.
func (s *source) around() float64 { return s.t.sd * math.Sqrt(3) * (2*s.uniform() - 1) }

func (s *source) value() float64 {
	switch s.t.kind {
	case gain:
		return 1 + float64(s.around()) // not fused, on any machine
	case timeStep:
		return -6 + 4*s.uniform()
	case scales, biases:
		// Uniform codes 0..n have a deviation of sqrt(n(n+2)/12) steps. Steps differ by group, and
		// like those of a converter they may be negative.
		n := float64(int(1)<<s.t.bits - 1)
		u := s.uniform()
		step := s.t.sd / math.Sqrt(n*(n+2)/12) * (0.75 + math.Abs(u-0.5))
		if u < 0.5 {
			step = -step
		}
		if s.t.kind == scales {
			return step
		}
		return -n / 2 * float64(widen(bfloat16(float32(step)))) // of the step as stored
	default:
		return s.around()
	}
}

// bfloat16 rounds a finite value to nearest, ties to even.
func bfloat16(f float32) uint16 {
	u := math.Float32bits(f)
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

func widen(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
