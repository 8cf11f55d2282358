package conform

import (
	"mtplx/kernels"
)

// prompts carries a lane through forwards of up to hundreds of rows, as prompts do: from the start, or
// after a fold, with none, one or a whole tape of the last rows uncertain. The lengths lie around the
// powers of two at which a device may cut a long run of rows into pieces.
func prompts(t T, d kernels.Device, dims kernels.DeltaDims, part deltaPart, seed uint64) {
	lengths := []int{63, 64, 65, 72, 127, 128, 130, 255, 256, 257, 264, 265, 511, 512, 520, 521}
	if t.Short() {
		lengths = []int{65, 130, 256, 265}
	}
	if dims.DK > 100 { // around whole turns of kernels that take several rows of such heads together
		lengths = []int{9, 12, 13, 22, 32, 41}
	}
	tokens := lengths[len(lengths)-1] + 7
	c := canonical(t, dims, part, seed, 1, tokens)
	r := NewRig(t, d)
	w := newDeltaWorld(r, dims, part, seed, 1, tokens)
	run := func(p span) {
		t.Helper()
		c.check(t, p, w.forward([]span{p})[0])
	}
	for i, n := range lengths {
		for _, taped := range []int{0, 1, dims.Tape} {
			p := span{count: n, certain: n - taped, rubbish: n}
			if (i+taped)%2 == 1 {
				// Three certain tokens and two right drafts come before.
				run(span{count: 6, certain: 3, rubbish: 5})
				p.base, p.fold, p.tape = 5, 2, 1
			}
			run(p)
			state := func(applied int) {
				t.Helper()
				if at, a, b, differ := firstDifference(w.state(0), c.states[0][applied]); differ {
					t.Fatalf("%+v: state after %d tokens, word %d is %s, one at a time it is %s", p, applied, at, a, b)
				}
			}
			state(p.base + p.certain)
			// Half of the tape proves right; the next token follows on it.
			right := taped / 2
			run(span{base: p.base + p.certain + right, count: 1, certain: 1, fold: right, rubbish: 1, tape: 1 - p.tape})
			state(p.base + p.certain + right + 1)
		}
	}
}
