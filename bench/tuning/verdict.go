package tuning

import (
	"math"
	"slices"
)

// Verdict is what the rounds of a candidate say. Its numbers are relative to the default: 0.1 is a tenth faster.
type Verdict struct {
	Gain   float64 // the median of the rounds
	Band   float64 // what a gain must exceed
	Rounds int
	Enough bool // there were enough rounds to say anything
	Wins   bool
}

// LeastRounds is how many rounds a verdict needs: from fewer no spread can be told.
const LeastRounds = 5

// The band is at least leastBand, since a smaller gain is not worth a setting that somebody may wonder about, and at
// least bandErrors standard errors of the median: a candidate that is no faster wins less than once in a hundred times.
const (
	leastBand  = 0.02
	bandErrors = 3.5
)

// Decide judges a candidate by its rounds, each the logarithm of its rate over the default's, and by what the default
// differed from itself meanwhile. Both tell how far rounds scatter; the larger counts. The standard error of the median of n
// values that scatter normally by s is sqrt(pi/2)*s/sqrt(n).
func Decide(rounds, quiet []float64) Verdict {
	v := Verdict{Rounds: len(rounds), Band: leastBand}
	if len(rounds) == 0 {
		return v
	}
	gain := Median(rounds)
	band := bandErrors * math.Sqrt(math.Pi/2) * max(scatter(rounds), scatter(quiet)) / math.Sqrt(float64(len(rounds)))
	v.Gain, v.Band = math.Expm1(gain), max(math.Expm1(band), leastBand)
	v.Enough = len(rounds) >= LeastRounds
	v.Wins = v.Enough && v.Gain > v.Band
	return v
}

// scatter estimates a standard deviation by the median distance from the median, which a few wild values do not move;
// 1.4826 makes it right for normal values.
func scatter(x []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	m := Median(x)
	away := make([]float64, len(x))
	for i, v := range x {
		away[i] = math.Abs(v - m)
	}
	return 1.4826 * Median(away)
}

// Median is the middle of some values; of none it is 0.
func Median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(x))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
