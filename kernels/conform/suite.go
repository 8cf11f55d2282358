package conform

import (
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
)

// suites is every part of Run, by the name of its subtest.
var suites = []struct {
	name string
	run  func(t T, d kernels.Device)
}{
	{"vectors", checkVectors},
	{"embed", checkEmbed},
	{"norm", checkNorm},
	{"quantize", checkQuantize},
	{"head-input", checkHeadInput},
	{"product", checkProduct},
	{"swiglu", checkSwiGLU},
	{"route", checkRoute},
	{"expert-product", checkExpertProduct},
	{"combine", checkCombine},
	{"support", checkSupport},
	{"part-product", checkPartProduct},
	{"guess", checkGuess},
	{"delta-prep", checkDeltaPrep},
	{"delta", checkDelta},
	{"delta-long", checkDeltaLong},
	{"delta-norm", checkDeltaNorm},
	{"delta-chain", checkDeltaChain},
	{"attn-prep", checkAttnPrep},
	{"attention", checkAttention},
	{"memory", checkMemory},
	{"load", checkLoad},
	{"queue", checkQueue},
}

// Run checks a device. Under -short, for the race detector and emulators, it leaves out the large shapes
// and samples long lists of cases. open starts one and arranges for its Close with t.Cleanup; it is called
// once for every part. A device that can run with several thread counts or instruction sets
// calls Run for each: equality with the oracle makes them equal to each other.
func Run(t *testing.T, open func(t *testing.T) kernels.Device) { run(t, testing.Short(), open) }

// RunBriefly is Run as under -short: for the second of two configurations that share their kernels, or what cuts
// their work.
func RunBriefly(t *testing.T, open func(t *testing.T) kernels.Device) { run(t, true, open) }

func run(t *testing.T, short bool, open func(t *testing.T) kernels.Device) {
	for _, s := range suites {
		t.Run(s.name, func(t *testing.T) { s.run(tested{t, short}, open(t)) })
	}
}

// play runs an operation over the prepared rows named by order, in that order, and gives what
// each left behind as 32-bit words. Indices in order are distinct.
type play func(order []int) [][]uint32

// rowCase is an operation without state between rows. prepare makes `rows` inputs, the same ones
// on every device for equal rng.
type rowCase struct {
	name    string
	rows    int
	prepare func(r *Rig, rng *rand.Rand) play
	counts  []int // numbers of rows to run; nil: 1, 2, 3, 5 and all
}

// everyCount is 1 to 33: whole passes of kernels for 4, 8 and 16 rows, and every remainder.
var everyCount = func() (n []int) {
	for i := 1; i <= 33; i++ {
		n = append(n, i)
	}
	return n
}()

// Under -short a list of more than shortCases cases is sampled, one in shortStep: a prime, so that every
// value of every nested loop over widths, groups and modes still comes up.
const (
	shortCases = 24
	shortStep  = 7
)

// rowwise checks operations without state: whatever the number of rows and whatever the order,
// row i gives the bits that the oracle gives for row i in one run of all rows.
func rowwise(t T, d kernels.Device, cases []rowCase) {
	t.Helper()
	for i, c := range cases {
		if t.Short() && len(cases) > shortCases && i%shortStep != 0 {
			continue
		}
		ok := t.Run(c.name, func(t T) {
			seed := uint64(i + 1)
			want := c.prepare(oracle(t), rand.New(rand.NewPCG(seed, 1)))(ascending(c.rows))
			run := c.prepare(NewRig(t, d), rand.New(rand.NewPCG(seed, 1)))
			counts := c.counts
			if counts == nil {
				counts = []int{1, 2, 3, 5, c.rows}
			}
			check := func(order []int) {
				got := run(order)
				if len(got) != len(order) {
					t.Fatalf("%d rows gave %d results", len(order), len(got))
				}
				for j, row := range order {
					if at, a, b, differ := firstDifference(got[j], want[row]); differ {
						t.Fatalf("rows %v: row %d, at place %d, word %d is %s, the oracle's alone is %s", order, row, j, at, a, b)
					}
				}
			}
			check(ascending(c.rows))
			rng := rand.New(rand.NewPCG(seed, 2))
			for _, n := range counts {
				check(rng.Perm(c.rows)[:min(n, c.rows)])
			}
		})
		if !ok && t.Failed() {
			return // the cases that follow tell the same story
		}
	}
}

func ascending(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}
