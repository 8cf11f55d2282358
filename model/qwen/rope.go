package qwen

import (
	"math"
	"sync"
)

// angles is the table of rotary cosines and sines, grown as positions are asked for. Angles are
// position * theta^(-2j/dims) in float64 (Su et al. 2021); only their cosine and sine are rounded.
// Text-only inputs have equal temporal and spatial positions, which makes the interleaved
// multimodal sections plain rotary embedding. Safe for concurrent use.
type angles struct {
	freq []float64

	mu  sync.Mutex
	cos []float32 // [positions][len(freq)]
	sin []float32
}

func newAngles(dims int, theta float64) *angles {
	a := &angles{freq: make([]float64, dims/2)}
	for j := range a.freq {
		a.freq[j] = math.Pow(theta, -2*float64(j)/float64(dims))
	}
	return a
}

// fill writes the angles of one position.
func (a *angles) fill(pos int, cos, sin []float32) {
	n := len(a.freq)
	a.mu.Lock()
	defer a.mu.Unlock()
	for p := len(a.cos) / max(n, 1); p <= pos && n > 0; p++ {
		for _, f := range a.freq {
			s, c := math.Sincos(float64(p) * f)
			a.cos = append(a.cos, float32(c))
			a.sin = append(a.sin, float32(s))
		}
	}
	copy(cos, a.cos[pos*n:(pos+1)*n])
	copy(sin, a.sin[pos*n:(pos+1)*n])
}
