package cpu

import "mtplx/kernels"

// All tiers of arm64 but the portable one share these: sums of float32 need no more than NEON.

func normRow(t tier, y, x, gain []float32, eps float32) {
	if t == tierPortable {
		normPlain(y, x, gain, eps)
		return
	}
	normNEON(&y[0], &x[0], &gain[0], len(x), &eps)
}

func l2normRow(t tier, y, x []float32, scale float32) {
	if t == tierPortable {
		l2normPlain(y, x, scale)
		return
	}
	l2normNEON(&y[0], &x[0], len(x), &scale)
}

func swigluRow(t tier, y, gate, up []float32) {
	if t == tierPortable {
		swigluPlain(y, gate, up)
		return
	}
	swigluNEON(&y[0], &gate[0], &up[0], len(gate))
}

func gatedNormRow(t tier, y, o, z, gain []float32, eps float32) {
	if t == tierPortable {
		gatedNormPlain(y, o, z, gain, eps)
		return
	}
	gatednormNEON(&y[0], &o[0], &z[0], &gain[0], len(o), &eps)
}

func gateRow(t tier, y, x, g []float32) {
	if t == tierPortable {
		gatePlain(y, x, g)
		return
	}
	gateNEON(&y[0], &x[0], &g[0], len(x))
}

func (a *convArgs) run(t tier) {
	if t == tierPortable {
		convPlain(a)
		return
	}
	convNEON(a)
}

func (a *gatesArgs) run(t tier) {
	if t == tierPortable {
		gatesPlain(a)
		return
	}
	gatesNEON(a)
}

func ropeRow(t tier, x, cos, sin []float32) {
	switch {
	case len(cos) == 0:
	case t == tierPortable:
		ropePlain(x, cos, sin)
	default:
		ropeNEON(&x[0], &cos[0], &sin[0], len(cos))
	}
}

func scaleRow(t tier, y, x []float32, s float32) {
	if t == tierPortable {
		scalePlain(y, x, s)
		return
	}
	scaleNEON(&y[0], &x[0], len(x), &s)
}

func axpyRow(t tier, y, x []float32, s float32) {
	if t == tierPortable {
		axpyPlain(y, x, s)
		return
	}
	axpyNEON(&y[0], &x[0], len(x), &s)
}

func addRow(t tier, y, x []float32) {
	if t == tierPortable {
		addPlain(y, x)
		return
	}
	addNEON(&y[0], &x[0], len(x))
}

func (a *chunkArgs) run(t tier) {
	if t == tierPortable {
		chunkPlain(a)
		return
	}
	chunkNEON(a)
}

func (a *deltaArgs) run(t tier) {
	if t == tierPortable {
		deltaPlain(a)
		return
	}
	deltaNEON(a)
}

func (a *attendArgs) run(t tier, d *kernels.AttnDims) {
	switch {
	case t == tierPortable:
		attendPlain(a, d)
	case d.KV == kernels.KVQ8:
		attendq8NEON(a)
	case d.KV == kernels.KVQ8V4:
		attendq8v4NEON(a)
	case d.KV == kernels.KVQ8V3:
		attendq8v3NEON(a)
	case d.Float32:
		attendfloatNEON(a)
	default:
		attendhalfNEON(a)
	}
}

func (a *mergeArgs) run(t tier) {
	if t == tierPortable {
		mergePlain(a)
		return
	}
	mergeNEON(a)
}

func (a *keepArgs) key(t tier) {
	if t == tierPortable {
		codeKey(a)
		return
	}
	keepkeyNEON(a)
}

func (a *keepArgs) value(t tier) {
	if t == tierPortable {
		codeValue(a)
		return
	}
	keepvalueNEON(a)
}

func (a *turnArgs) run(t tier) {
	if t == tierPortable {
		turnPlain(a)
		return
	}
	turnbackNEON(a)
}
