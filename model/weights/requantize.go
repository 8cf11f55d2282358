package weights

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
)

// requantizeRows is how many rows a worker takes at a time.
const requantizeRows = 64

// Requantize returns a copy of m in codes of 2, 3, 4, 5, 6 or 8 bits in groups of 32, 64 or 128,
// with bf16 scales and biases, in memory of its own. It runs on all processors; beyond the result
// it takes a row a worker. A result that is zero everywhere is refused: a head made of one drafts
// nothing that is ever accepted, which looks like a slow model.
//
// Per group, as mlx's affine quantiser on CPU (mx.quantize; the Metal one differs for groups
// without a sign change): s = max((max-min)/(2^bits-1), 1e-7), negated unless |min| > |max|; the
// edge of larger magnitude becomes a multiple q0 of s, and the bias; code = clamp(round((w-b)/s)),
// to even at ties, from s and b before they are rounded to bf16.
func Requantize(m *Matrix, bits, group int) (*Matrix, error) {
	switch {
	case !validBits(bits):
		return nil, fmt.Errorf("requantize %s: %d bits: affine codes have 2, 3, 4, 5, 6 or 8", m.name, bits)
	case !validGroup(group):
		return nil, fmt.Errorf("requantize %s: groups of %d: affine groups have 32, 64 or 128", m.name, group)
	case m.In%group != 0:
		return nil, fmt.Errorf("requantize %s: %d inputs are no multiple of the group %d", m.name, m.In, group)
	}
	groups := m.In / group
	out := &Matrix{Out: m.Out, In: m.In, Bits: bits, Group: group, name: m.name}
	src := source{
		stride: m.In * bits / 8, weightType: U32, scaleType: BF16,
		weight: make([]byte, m.Out*m.In*bits/8),
		scales: make([]byte, 2*m.Out*groups),
		biases: make([]byte, 2*m.Out*groups),
	}
	out.parts = []source{src}

	var (
		next    atomic.Int64
		nonzero atomic.Bool
		failed  atomic.Pointer[error]
		wg      sync.WaitGroup
	)
	for range min(runtime.GOMAXPROCS(0), (m.Out+requantizeRows-1)/requantizeRows) {
		wg.Go(func() {
			values, codes := make([]float32, m.In), make([]uint8, m.In)
			for failed.Load() == nil {
				lo := int(next.Add(requantizeRows)) - requantizeRows
				if lo >= m.Out {
					return
				}
				for row := lo; row < min(lo+requantizeRows, m.Out); row++ {
					m.Row(values, row)
					biased, err := quantizeRow(&src, row, values, codes, bits, group)
					if err != nil {
						err = fmt.Errorf("requantize %s: row %d: %w", m.name, row, err)
						failed.Store(&err)
						return
					}
					if biased {
						nonzero.Store(true)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	if !nonzero.Load() {
		return nil, fmt.Errorf("requantize %s: the result is zero everywhere: the weights are missing or damaged", m.name)
	}
	return out, nil
}

// quantizeRow fills one row of dst and tells whether it has a value other than zero.
func quantizeRow(dst *source, row int, values []float32, codes []uint8, bits, group int) (nonzero bool, err error) {
	groups := len(values) / group
	for g := range groups {
		v, c := values[g*group:(g+1)*group], codes[g*group:(g+1)*group]
		s, b := quantizeGroup(c, v, bits)
		if x := s + b; x != x || x-x != 0 {
			return false, errors.New("has an infinity or NaN")
		}
		sb, bb := bfloat16(s), bfloat16(b)
		i := 2 * (row*groups + g)
		binary.LittleEndian.PutUint16(dst.scales[i:], sb)
		binary.LittleEndian.PutUint16(dst.biases[i:], bb)
		if nonzero {
			continue
		}
		scale, bias := math.Float32frombits(uint32(sb)<<16), math.Float32frombits(uint32(bb)<<16)
		for _, q := range c {
			if float32(float32(q)*scale)+bias != 0 {
				nonzero = true
				break
			}
		}
	}
	pack(dst.weight[row*dst.stride:(row+1)*dst.stride], codes, bits)
	return nonzero, nil
}

// quantizeGroup writes the codes of one group and returns its scale and bias before rounding. An
// infinity or NaN in the group makes one of them so.
func quantizeGroup(codes []uint8, v []float32, bits int) (s, b float32) {
	lo, hi := v[0], v[0]
	for _, x := range v {
		if x-x != 0 { // infinite or NaN, which comparisons would pass over
			return x - x, 0
		}
		lo, hi = min(lo, x), max(hi, x)
	}
	n := float32(int(1)<<bits - 1)
	s = max((hi-lo)/n, 1e-7)
	edge := lo
	if !(abs(lo) > abs(hi)) {
		s, edge = -s, hi
	}
	if q0 := rint(edge / s); q0 != 0 {
		s, b = edge/q0, edge
	}
	for i, x := range v {
		codes[i] = uint8(min(max(rint((x-b)/s), 0), n))
	}
	return s, b
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func rint(x float32) float32 { return float32(math.RoundToEven(float64(x))) }
