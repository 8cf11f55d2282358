package kernels

import "math"

// FMA is a*b+c in float32 with one rounding. float64 holds the product exactly. Rounding the sum to float64 and then to
// float32 errs only where the former lands halfway between two float32, denormal or not, and then its last 28 bits are 0:
// such a sum is rounded to odd in float64 instead, so that the second rounding cannot err (Boldo and Melquiond,
// "Emulation of FMA and correctly rounded sums", 2008).
func FMA(a, b, c float32) float32 {
	p := float64(a) * float64(b)
	s := p + float64(c)
	u := math.Float64bits(s)
	if u&(1<<28-1) == 0 {
		bb := s - p
		if e := (p - (s - bb)) + (float64(c) - bb); e != 0 {
			if (e > 0) == (s > 0) {
				u++
			} else {
				u--
			}
		}
	}
	return float32(math.Float64frombits(u))
}

// Coefficients of e^r on |r| <= ln(2)/2 and of ln(1+f) on [sqrt(1/2)-1, sqrt(2)-1], after the
// Cephes library's expf and logf (Moshier).
const (
	log2e = float32(1.44269504)
	ln2Hi = float32(0.693359375)
	ln2Lo = float32(-2.12194440e-4)

	// ExpMin and ExpMax bound the argument of Exp.
	ExpMin = float32(-87)
	ExpMax = float32(88)
)

var (
	expPoly = [6]float32{1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1}
	logPoly = [9]float32{7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1}
)

// Exp is e^x for x clamped to [ExpMin, ExpMax]:
//
//	n = RNE(x*log2e); r = fma(-n, ln2Hi, x); r = fma(-n, ln2Lo, r)
//	p = Horner(expPoly, r) by fma;  result = fma(p*r, r, r+1) * 2^n
//
// with p*r and r+1 rounded. Error below 2 ulp. NaN gives NaN.
func Exp(x float32) float32 {
	if x != x {
		return x
	}
	x = min(max(x, ExpMin), ExpMax)
	n := float32(math.RoundToEven(float64(x * log2e)))
	r := FMA(-n, ln2Hi, x)
	r = FMA(-n, ln2Lo, r)
	p := expPoly[0]
	for _, c := range expPoly[1:] {
		p = FMA(p, r, c)
	}
	pr := p * r
	r1 := r + 1
	y := FMA(pr, r, r1)
	return y * math.Float32frombits(uint32(int32(n)+127)<<23)
}

// Log is ln(x) for normal positive x: x = m*2^e with m in [sqrt(1/2), sqrt(2)), f = m-1,
// z = f*f, y = Horner(logPoly, f)*f*z by fma for the Horner steps, each product rounded;
// y = fma(e, ln2Lo, y); y = fma(-0.5, z, y); result = fma(e, ln2Hi, f+y).
func Log(x float32) float32 {
	u := math.Float32bits(x)
	e := int32(u>>23) - 126
	m := math.Float32frombits(u&0x007fffff | 0x3f000000)
	if m < 0.70710678 {
		e--
		m += m
	}
	f := m - 1
	z := f * f
	y := logPoly[0]
	for _, c := range logPoly[1:] {
		y = FMA(y, f, c)
	}
	y *= f
	y *= z
	fe := float32(e)
	y = FMA(fe, ln2Lo, y)
	y = FMA(-0.5, z, y)
	fy := f + y
	return FMA(fe, ln2Hi, fy)
}

// Sigmoid is 1/(1+Exp(-x)).
func Sigmoid(x float32) float32 {
	e := 1 + Exp(-x)
	return 1 / e
}

// SiLU is x/(1+Exp(-x)): one division, so not x*Sigmoid(x) in its bits.
func SiLU(x float32) float32 {
	e := 1 + Exp(-x)
	return x / e
}

// Softplus is ln(1+e^x): x itself above 20, Exp(x) below -15, else Log(1+Exp(x)) with the sum
// rounded.
func Softplus(x float32) float32 {
	switch {
	case x > 20:
		return x
	case x < -15:
		return Exp(x)
	}
	e := 1 + Exp(x)
	return Log(e)
}

// InvSqrt is 1/sqrt(x), both correctly rounded.
func InvSqrt(x float32) float32 {
	s := float32(math.Sqrt(float64(x)))
	return 1 / s
}

// SumSquares is the sum over x in the catalogue's order: 16 chains acc[j] = fma(v, v, acc[j])
// over the elements i = j mod 16, i ascending, then acc[j] += acc[j+w] for w = 8, 4, 2, 1.
func SumSquares(x []float32) float32 {
	var acc [16]float32
	for i, v := range x {
		acc[i&15] = FMA(v, v, acc[i&15])
	}
	return Tree16(&acc)
}

// Tree16 sums 16 values pairwise: acc[j] += acc[j+w] for w = 8, 4, 2, 1. It overwrites acc.
func Tree16(acc *[16]float32) float32 {
	for w := 8; w > 0; w >>= 1 {
		for j := range w {
			acc[j] += acc[j+w]
		}
	}
	return acc[0]
}

// BF16 rounds to the nearest bfloat16, ties to even; NaN stays NaN.
func BF16(x float32) uint16 {
	u := math.Float32bits(x)
	if x != x {
		return uint16(u>>16) | 0x40
	}
	return uint16((u + 0x7fff + u>>16&1) >> 16)
}

// FromBF16 widens a bfloat16 exactly.
func FromBF16(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }
