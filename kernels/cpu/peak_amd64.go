package cpu

// peakKernel is the loop of a tier. Products of int8 activations set the measure.
func peakKernel(t tier) peak {
	switch t {
	case tierAMX:
		return peak{tilePeak, 4 * 16 * 16 * 64}
	case tierVNNI:
		return peak{peakVNNI, 12 * 64}
	case tierAVXVNNI:
		return peak{peakAVXVNNI, 12 * 32}
	case tierAVX2, tierAVX512:
		return peak{peakAVX2, 12 * 32}
	default:
		return peak{portablePeak, 16}
	}
}

func tilePeak(a *peakArgs) {
	a.config = fullTiles
	peakAMX(a)
}

// readLines reads whole cache lines from p on, and past them up to a multiple of four, which stays
// inside the slack behind every buffer.
func readLines(a *sweepArgs) { sweepLines(a) }
