package cpu

import "mtplx/kernels"

func normRow(t tier, y, x, gain []float32, eps float32) {
	switch t {
	case tierVNNI:
		normVNNI(&y[0], &x[0], &gain[0], len(x), &eps)
	case tierAVX2:
		normAVX2(&y[0], &x[0], &gain[0], len(x), &eps)
	default:
		normPlain(y, x, gain, eps)
	}
}

func l2normRow(t tier, y, x []float32, scale float32) {
	switch t {
	case tierVNNI:
		l2normVNNI(&y[0], &x[0], len(x), &scale)
	case tierAVX2:
		l2normAVX2(&y[0], &x[0], len(x), &scale)
	default:
		l2normPlain(y, x, scale)
	}
}

func swigluRow(t tier, y, gate, up []float32) {
	switch t {
	case tierVNNI:
		swigluVNNI(&y[0], &gate[0], &up[0], len(gate))
	case tierAVX2:
		swigluAVX2(&y[0], &gate[0], &up[0], len(gate))
	default:
		swigluPlain(y, gate, up)
	}
}

func gatedNormRow(t tier, y, o, z, gain []float32, eps float32) {
	switch t {
	case tierVNNI:
		gatednormVNNI(&y[0], &o[0], &z[0], &gain[0], len(o), &eps)
	case tierAVX2:
		gatednormAVX2(&y[0], &o[0], &z[0], &gain[0], len(o), &eps)
	default:
		gatedNormPlain(y, o, z, gain, eps)
	}
}

func gateRow(t tier, y, x, g []float32) {
	switch t {
	case tierVNNI:
		gateVNNI(&y[0], &x[0], &g[0], len(x))
	case tierAVX2:
		gateAVX2(&y[0], &x[0], &g[0], len(x))
	default:
		gatePlain(y, x, g)
	}
}

func (a *convArgs) run(t tier) {
	switch t {
	case tierVNNI:
		convVNNI(a)
	case tierAVX2:
		convAVX2(a)
	default:
		convPlain(a)
	}
}

func (a *gatesArgs) run(t tier) {
	switch t {
	case tierVNNI:
		gatesVNNI(a)
	case tierAVX2:
		gatesAVX2(a)
	default:
		gatesPlain(a)
	}
}

func ropeRow(t tier, x, cos, sin []float32) {
	switch {
	case len(cos) == 0:
	case t == tierVNNI:
		ropeVNNI(&x[0], &cos[0], &sin[0], len(cos))
	case t == tierAVX2:
		ropeAVX2(&x[0], &cos[0], &sin[0], len(cos))
	default:
		ropePlain(x, cos, sin)
	}
}

func scaleRow(t tier, y, x []float32, s float32) {
	switch t {
	case tierVNNI:
		scaleVNNI(&y[0], &x[0], len(x), &s)
	case tierAVX2:
		scaleAVX2(&y[0], &x[0], len(x), &s)
	default:
		scalePlain(y, x, s)
	}
}

func axpyRow(t tier, y, x []float32, s float32) {
	switch t {
	case tierVNNI:
		axpyVNNI(&y[0], &x[0], len(x), &s)
	case tierAVX2:
		axpyAVX2(&y[0], &x[0], len(x), &s)
	default:
		axpyPlain(y, x, s)
	}
}

func addRow(t tier, y, x []float32) {
	switch t {
	case tierVNNI:
		addVNNI(&y[0], &x[0], len(x))
	case tierAVX2:
		addAVX2(&y[0], &x[0], len(x))
	default:
		addPlain(y, x)
	}
}

func (a *chunkArgs) run(t tier) {
	switch t {
	case tierVNNI:
		chunkVNNI(a)
	case tierAVX2:
		chunkAVX2(a)
	default:
		chunkPlain(a)
	}
}

func (a *deltaArgs) run(t tier) {
	switch t {
	case tierVNNI:
		deltaVNNI(a)
	case tierAVX2:
		deltaAVX2(a)
	default:
		deltaPlain(a)
	}
}

func (a *attendArgs) run(t tier, d *kernels.AttnDims) {
	switch {
	case t != tierVNNI && t != tierAVX2:
		attendPlain(a, d)
	case d.KV != kernels.KVPlain:
		a.runCoded(t, d.KV)
	case t == tierVNNI && d.Float32:
		attendfloatVNNI(a)
	case t == tierVNNI:
		attendhalfVNNI(a)
	case t == tierAVX2 && d.Float32:
		attendfloatAVX2(a)
	default:
		attendhalfAVX2(a)
	}
}

func (a *mergeArgs) run(t tier) {
	switch t {
	case tierVNNI:
		mergeVNNI(a)
	case tierAVX2:
		mergeAVX2(a)
	default:
		mergePlain(a)
	}
}

func (a *attendArgs) runCoded(t tier, kv kernels.KV) {
	switch {
	case t == tierVNNI && kv == kernels.KVQ8:
		attendq8VNNI(a)
	case t == tierVNNI && kv == kernels.KVQ8V4:
		attendq8v4VNNI(a)
	case t == tierVNNI:
		attendq8v3VNNI(a)
	case kv == kernels.KVQ8:
		attendq8AVX2(a)
	case kv == kernels.KVQ8V4:
		attendq8v4AVX2(a)
	default:
		attendq8v3AVX2(a)
	}
}

func (a *keepArgs) key(t tier) {
	switch t {
	case tierVNNI:
		keepkeyVNNI(a)
	case tierAVX2:
		keepkeyAVX2(a)
	default:
		codeKey(a)
	}
}

func (a *keepArgs) value(t tier) {
	switch t {
	case tierVNNI:
		keepvalueVNNI(a)
	case tierAVX2:
		keepvalueAVX2(a)
	default:
		codeValue(a)
	}
}

func (a *turnArgs) run(t tier) {
	switch t {
	case tierVNNI:
		turnbackVNNI(a)
	case tierAVX2:
		turnbackAVX2(a)
	default:
		turnPlain(a)
	}
}
