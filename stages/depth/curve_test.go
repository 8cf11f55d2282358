package depth

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestCurveRunsThroughWhatWasMeasured(t *testing.T) {
	var c Curve
	if c.Known() || c.At(3) != 0 {
		t.Fatalf("an empty curve knows %v at 3", c.At(3))
	}
	for _, n := range []int{1, 4, 8} { // each measurement moves the others along, so take turns
		c.Observe(n, 1)
	}
	for range 300 {
		c.Observe(1, 1)
		c.Observe(4, 1.3)
		c.Observe(8, 2.1)
	}
	for n, want := range map[int]float64{1: 1, 2: 1.1, 4: 1.3, 6: 1.7, 8: 2.1, 12: 2.9} {
		if got := c.At(n); math.Abs(got-want) > 0.05*want {
			t.Errorf("cost of %d is %.3f, want about %.3f", n, got, want)
		}
	}
}

func TestCurveFollowsAMachineThatSlowsDown(t *testing.T) {
	var c Curve
	for range 50 {
		c.Observe(1, 1)
		c.Observe(4, 1.3)
	}
	for range 60 {
		c.Observe(4, 2.6)
	}
	if got := c.At(4); math.Abs(got-2.6) > 0.1 {
		t.Errorf("the measured size costs %.2f, want 2.6", got)
	}
	if got := c.At(1); got < 1.3 || got > 2.6 {
		t.Errorf("a size that was not measured since costs %.2f; want it moved from 1 towards 2", got)
	}
}

func TestCurveShrugsOffOutliersAndNonsense(t *testing.T) {
	var c Curve
	for range 20 {
		c.Observe(2, 1)
	}
	c.Observe(2, 1000)
	if got := c.At(2); got > 1.3 {
		t.Errorf("one outlier of 1000 moved the cost from 1 to %.2f", got)
	}
	for _, x := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		before := c.At(2)
		c.Observe(2, x)
		if c.At(2) != before {
			t.Errorf("a measurement of %v moved the cost", x)
		}
	}
}

func TestEverySizeHasOneCell(t *testing.T) {
	last := 0
	for n := 1; n < 5000; n++ {
		k := key(n)
		if k < last || k > last+1 {
			t.Fatalf("size %d has cell %d after %d", n, k, last)
		}
		if n <= 16 && k != n {
			t.Fatalf("size %d has cell %d", n, k)
		}
		last = k
	}
}

func TestCurveIsFiniteAndPositive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Curve
		for range rapid.IntRange(1, 60).Draw(t, "measurements") {
			c.Observe(rapid.IntRange(1, 300).Draw(t, "size"), rapid.Float64Range(1e-6, 10).Draw(t, "cost"))
		}
		for n := 1; n < 320; n++ {
			if v := c.At(n); !(v > 0) || math.IsInf(v, 0) {
				t.Fatalf("cost of %d is %v", n, v)
			}
		}
	})
}
