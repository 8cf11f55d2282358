package sched

import (
	"fmt"

	"mtplx/stages/depth"
)

// Chain is whether the head goes on by itself from one draft to the next.
type Chain uint8

// The kinds of chain.
const (
	// ChainAuto lets it where the device saves a round trip by it, once that outweighs what recording takes.
	ChainAuto Chain = iota
	// ChainOn lets it from the first draft on, where the device can.
	ChainOn
	// ChainOff asks it for one draft at a time.
	ChainOff
)

var chainNames = [...]string{"auto", "on", "off"}

func (c Chain) String() string { return chainNames[c] }

// ParseChain finds a kind of chain by name.
func ParseChain(name string) (Chain, error) {
	for i, n := range chainNames {
		if n == name {
			return Chain(i), nil
		}
	}
	return ChainAuto, fmt.Errorf("unknown chain %q; known are auto, on and off", name)
}

// oftenEnough is how often a shape must be wanted before its chain is run. It was set when a graph of the default head took an
// H100 a millisecond or several, which is over, and each row that follows saved some 20 us; see kernels/cuda/MEASURED.md.
const oftenEnough = 32

// crowd is the most lanes of a cycle whose drafts follow one another in one run. On an H100 the default model gained 13 % by it
// at 16 sessions and 4 % at 64, and lost 26 % at 256 (one run each).
const crowd = 64

// divide tells what the first draft of some lanes and each of the further steps for so many lanes took of what all took
// together, by what they are known to cost. Where depths differ from cycle to cycle, and those of one draft tell of the
// first alone, what is known comes to be right.
func divide(costs *depth.Costs, drafting, lanes, further int, seconds float64) (first, each float64) {
	first, each = costs.First.At(drafting), costs.Chain.At(lanes)
	whole := first + float64(further)*each
	if whole <= 0 || first <= 0 || each <= 0 {
		return seconds / float64(1+further), seconds / float64(1+further)
	}
	return first * seconds / whole, each * seconds / whole
}
