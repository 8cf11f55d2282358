package gpu

import "testing"

// A code that its width cannot hold is found wherever it stands, in whole words and behind them, and nothing else is.
func TestTooLarge(t *testing.T) {
	for _, bits := range []int{2, 3, 4, 5, 6, 8} {
		codes := make([]uint8, 21)
		for i := range codes {
			codes[i] = uint8(1<<bits - 1)
		}
		if k := tooLarge(codes, bits); k != -1 {
			t.Errorf("%d bits: code %d is called too large, and none is", bits, k)
		}
		if bits == 8 {
			continue
		}
		for i := range codes {
			codes[i]++
			if k := tooLarge(codes, bits); k != i {
				t.Errorf("%d bits: code %d is too large, and %d is named", bits, i, k)
			}
			codes[i]--
		}
	}
}
