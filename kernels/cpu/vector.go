package cpu

import (
	"math"
	"structs"

	"mtplx/kernels"
)

//go:generate go run ./cgen .

// The functions of this file are the plain Go forms of those in c/; vector_amd64.go chooses between
// them and the generated ones by tier. All follow the catalogue's arithmetic, so all agree to the bit. Go may
// fuse x*y+z across statements where the processor can (arm64); only an explicit conversion of the product
// forbids it, so every product here has one.

// convArgs, gatesArgs, chunkArgs, deltaArgs, attendArgs and mergeArgs are laid out as in c/. Their pointers
// lead to device memory outside the Go heap, or to a worker's own scratch.
type convArgs struct {
	_      structs.HostLayout
	out    *float32
	s      [4]*float32
	w      *float32
	stride int
	n      int
}

type gatesArgs struct {
	_              structs.HostLayout
	g, beta        *float32
	a, b, dt, expA *float32
	n              int
}

type chunkArgs struct {
	_      structs.HostLayout
	x      *float32
	strips *float32
	n      int
	invT   float32
	max, z float32
}

func normPlain(y, x, gain []float32, eps float32) {
	mean := kernels.SumSquares(x) / float32(len(x))
	r := kernels.InvSqrt(mean + eps)
	for i, v := range x {
		p := float32(v * r)
		y[i] = float32(p * gain[i])
	}
}

func l2normPlain(y, x []float32, scale float32) {
	inv := kernels.InvSqrt(kernels.SumSquares(x) + 1e-6)
	if scale != 1 {
		inv = float32(inv * scale)
	}
	for i, v := range x {
		y[i] = float32(v * inv)
	}
}

func swigluPlain(y, gate, up []float32) {
	for i, g := range gate {
		y[i] = float32(kernels.SiLU(g) * up[i])
	}
}

func gatedNormPlain(y, o, z, gain []float32, eps float32) {
	mean := kernels.SumSquares(o) / float32(len(o))
	r := kernels.InvSqrt(mean + eps)
	for i, v := range o {
		p := float32(float32(v*r) * gain[i])
		y[i] = float32(p * kernels.SiLU(z[i]))
	}
}

func gatePlain(y, x, g []float32) {
	for i, v := range x {
		y[i] = float32(v * kernels.Sigmoid(g[i]))
	}
}

func convPlain(a *convArgs) {
	out := slice(a.out, a.n)
	for ch := range out {
		c := float32(0)
		for j, s := range a.s {
			c = kernels.FMA(at(a.w, j*a.stride+ch), at(s, ch), c)
		}
		out[ch] = kernels.SiLU(c)
	}
}

func gatesPlain(p *gatesArgs) {
	for i := range p.n {
		t := at(p.a, i) + at(p.dt, i)
		t = float32(at(p.expA, i) * kernels.Softplus(t))
		set(p.g, i, kernels.Exp(-t))
		set(p.beta, i, kernels.Sigmoid(at(p.b, i)))
	}
}

func ropePlain(x, cos, sin []float32) {
	n := len(cos)
	for j, c := range cos {
		a, b, s := x[j], x[j+n], sin[j]
		bs, as := float32(b*s), float32(a*s)
		x[j] = kernels.FMA(a, c, -bs)
		x[j+n] = kernels.FMA(b, c, as)
	}
}

func scalePlain(y, x []float32, s float32) {
	for i, v := range x {
		y[i] = float32(v * s)
	}
}

func axpyPlain(y, x []float32, s float32) {
	for i, v := range x {
		y[i] = kernels.FMA(s, v, y[i])
	}
}

func addPlain(y, x []float32) {
	for i, v := range x {
		y[i] += v
	}
}

func chunkPlain(p *chunkArgs) {
	x := slice(p.x, p.n)
	top := float32(math.Inf(-1))
	for b := 0; b < len(x); b += stripBlock {
		for c := range 16 {
			m := float32(math.Inf(-1))
			for i := b + c; i < min(b+stripBlock, len(x)); i += 16 {
				if x[i] > m {
					m = x[i]
				}
			}
			set(p.strips, b/16+c, m)
			if m > top {
				top = m
			}
		}
	}
	var acc [16]float32
	for i, v := range x {
		acc[i&15] += kernels.Exp(float32((v - top) * p.invT))
	}
	p.max, p.z = top, kernels.Tree16(&acc)
}
