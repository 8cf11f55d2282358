package sample

import (
	"math"
	"slices"
)

// LogitsOf lists a whole row as a device that lists every candidate would: the plain way to sampler
// input, for models that have no device and for tests.
func LogitsOf(row []float32, temperature float64) Logits {
	if temperature == 0 {
		temperature = 1
	}
	l := Logits{IDs: make([]int32, len(row)), Top: make([]float32, len(row)), Max: slices.Max(row)}
	for i := range row {
		l.IDs[i] = int32(i)
	}
	slices.SortStableFunc(l.IDs, func(a, b int32) int {
		switch {
		case row[a] > row[b]:
			return -1
		case row[a] < row[b]:
			return 1
		}
		return 0
	})
	z := 0.0
	for i, id := range l.IDs {
		l.Top[i] = row[id]
		z += math.Exp(float64(row[id]-l.Max) / temperature)
	}
	l.Z = float32(z)
	return l
}
