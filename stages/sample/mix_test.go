package sample

import (
	"math"
	"math/rand/v2"
	"testing"
)

// A mixture is the sum of its parts by token, sorted, and sums to 1.
func TestMixtures(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		of := make([]Dist, 1+rng.IntN(MostMixed))
		shares, sum := make([]float64, len(of)), 0.0
		for i := range of {
			if rng.IntN(4) > 0 {
				shares[i] = rng.Float64()
			}
			sum += shares[i]
		}
		if sum == 0 {
			shares[0], sum = 1, 1
		}
		want := map[int32]float64{}
		for i := range of {
			shares[i] /= sum
			total := 0.0
			for id := range int32(12) {
				if rng.IntN(2) == 0 || id == 11 {
					p := rng.Float64() + 0.01
					of[i].IDs, of[i].P = append(of[i].IDs, id), append(of[i].P, p)
					total += p
				}
			}
			for j := range of[i].P {
				of[i].P[j] /= total
				want[of[i].IDs[j]] += shares[i] * of[i].P[j]
			}
		}
		d := Dist{IDs: []int32{77}, P: []float64{1}}
		d.Mix(of, shares)
		mass, best := 0.0, int32(0)
		for i, id := range d.IDs {
			if i > 0 && d.IDs[i-1] >= id {
				t.Fatalf("ids %v are not sorted", d.IDs)
			}
			if math.Abs(d.P[i]-want[id]) > 1e-12 {
				t.Fatalf("token %d has %v, want %v", id, d.P[i], want[id])
			}
			mass += d.P[i]
			if d.P[i] > d.Of(best) {
				best = id
			}
		}
		if math.Abs(mass-1) > 1e-12 || d.Of(d.Best()) < d.Of(best) {
			t.Fatalf("%v sums to %v, its best is %d", d, mass, d.Best())
		}
		for id, p := range want {
			if p > 0 && d.Of(id) == 0 {
				t.Fatalf("token %d is lost", id)
			}
		}
		if n := testing.AllocsPerRun(5, func() { d.Mix(of, shares) }); n > 0 {
			t.Fatalf("mixing allocates %.1f times", n)
		}
	}
}
