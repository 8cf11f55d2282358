package depth

import (
	"math/rand/v2"
	"testing"
)

// play measures a contest for a while and returns the part of the measurements that went to way 1.
func play(c *Contest, n int, rates [2]float64, rng *rand.Rand) float64 {
	ones := 0
	for range n {
		i := c.Choice()
		ones += i
		c.Observe(10, 10/(rates[i]*(0.8+0.4*rng.Float64())))
	}
	return float64(ones) / float64(n)
}

func TestContestTakesTheBetterWayAndKeepsAnEyeOnTheOther(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	c := &Contest{}
	if part := play(c, 3000, [2]float64{100, 80}, rng); part > 0.08 || part == 0 {
		t.Fatalf("the worse way was taken %.3f of the time", part)
	}
	play(c, 3000, [2]float64{100, 150}, rng)
	if part := play(c, 1000, [2]float64{100, 150}, rng); part < 0.9 {
		t.Fatalf("after the other way became better it is taken %.3f of the time", part)
	}
	if part := play(c, 6000, [2]float64{100, 60}, rng); part > 0.3 {
		t.Fatalf("after it became worse again it is taken %.3f of the time", part)
	}
}

func TestContestLeavesAWayOnlyForAClearlyBetterOne(t *testing.T) {
	c := &Contest{}
	for range 2000 {
		i := c.Choice()
		c.Observe(10, []float64{0.1, 0.099}[i]) // one in a hundred is no reason
	}
	if c.force != 0 {
		t.Fatal("a way that yields 1 % more was put in force")
	}
}

func TestClonedCostsGoTheirOwnWay(t *testing.T) {
	var a Costs
	a.Verify.Observe(1, 1, 1)
	b := a.Clone()
	b.Verify.Observe(1, 1, 3)
	if a.Verify.At(1, 1) != 1 || b.Verify.At(1, 1) == 1 {
		t.Fatalf("the original costs %v, the copy %v", a.Verify.At(1, 1), b.Verify.At(1, 1))
	}
}
