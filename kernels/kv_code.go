package kernels

import "math"

// The arithmetic of quantised keys and values. Each head's row is quantised once, when it is written, from that row
// alone; attention reads what was written, of the rows of its own forward too. So the borders of chunks, and whether
// a prefix was computed or restored, never show in the bits.
//
// Values are rotated before: a random change of signs, then a Walsh-Hadamard transform, after which the values of a
// head are near a normal distribution whatever they were, and the quantiser of least squared error for that
// distribution fits (Zandieh, Daliri, Hadian and Mirrokni 2025, "TurboQuant"; Max 1960; Lloyd 1982). The sum that attention
// makes of them is turned back once, since the rotation is linear.

// least is the magnitude below which a group counts as zero: the inverse of a smaller scale could overflow.
const least = 0x1p-100

// QuantizeKey gives the codes of a key and its scales in bfloat16. Per group of 32 dims, the last maybe shorter:
//
//	mx = max|x|, NaN when one is;  s = BF16(mx/127);  inv = 1/s;  code = RNE(x*inv), 0 for NaN
//
// every step rounded; with mx < 2^-100 s and the codes are 0. No code exceeds 127 in magnitude.
func QuantizeKey(codes []int8, scales []uint16, x []float32) {
	for g := range scales {
		from, to := g*KeyGroup, min((g+1)*KeyGroup, len(x))
		mx := greatest(x[from:to])
		if mx < least {
			mx = 0
		}
		scales[g] = BF16(mx / 127)
		encode(codes[from:to], x[from:to], FromBF16(scales[g]))
	}
}

// greatest is max|x|, NaN when one of them is.
func greatest(x []float32) (mx float32) {
	for _, v := range x {
		if a := float32(math.Abs(float64(v))); a > mx || a != a {
			mx = a
		}
	}
	return mx
}

// encode gives RNE(x*(1/s)), and 0 for NaN or where s is 0.
func encode(codes []int8, x []float32, s float32) {
	if s == 0 {
		clear(codes)
		return
	}
	inv := 1 / s
	for i, v := range x {
		codes[i] = 0
		if y := float32(v * inv); y == y {
			codes[i] = int8(math.RoundToEven(float64(y)))
		}
	}
}

// The magnitudes of a normal value's codes of 4 and 3 bits, their greatest made 127, and half-way between them. The
// code's top bit is the sign.
var (
	levels4 = [8]float32{6, 18, 31, 44, 58, 75, 96, 127}
	levels3 = [4]float32{14, 45, 79, 127}
)

// levelUnit is what a root mean square is multiplied by to give the scale: the greatest level of the quantiser of
// least squared error for the normal distribution, over 127.
var levelUnit = [...]float32{KVQ8V4: 2.7325897 / 127, KVQ8V3: 2.1519457 / 127}

func (k KV) levels() []float32 {
	if k == KVQ8V4 {
		return levels4[:]
	}
	return levels3[:]
}

// Value is what a code stands for, times its scale: an int8 in KVQ8, and in KVQ8V4 and KVQ8V3 the level of that
// magnitude, negative when the top bit is set.
func (k KV) Value(code uint8) float32 {
	if k == KVQ8 {
		return float32(int8(code))
	}
	l := k.levels()
	v := l[int(code)&(len(l)-1)]
	if int(code) >= len(l) {
		return -v
	}
	return v
}

// QuantizeValue rotates a head's values in place and gives their codes and scale:
//
//	KVQ8:   as a key's group, over the whole head, s = mx/127 in float32
//	others: s = sqrt(SumSquares(x)/HeadDim)*unit;  inv = 1/s;  y = x*inv;  the code's magnitude is how many of the
//	        midpoints of neighbouring levels are below |y|, its top bit whether y < 0
//
// every step rounded; with s < 2^-100 s is 0, and codes are 0.
func (k KV) QuantizeValue(codes []uint8, x, signs []float32) (s float32) {
	Rotate(x, signs)
	if k == KVQ8 {
		mx := greatest(x)
		if mx < least {
			mx = 0
		}
		s = mx / 127
		if s == 0 {
			clear(codes)
			return 0
		}
	} else {
		s = float32(math.Sqrt(float64(SumSquares(x)/float32(len(x))))) * levelUnit[k]
		if s < least {
			clear(codes)
			return 0
		}
	}
	inv := 1 / s
	for i, v := range x {
		codes[i] = k.code(float32(v * inv))
	}
	return s
}

func (k KV) code(y float32) uint8 {
	if k == KVQ8 {
		if y != y {
			return 0
		}
		return uint8(int8(math.RoundToEven(float64(y))))
	}
	l := k.levels()
	a, c := float32(math.Abs(float64(y))), 0
	for i := range len(l) - 1 {
		if (l[i]+l[i+1])/2 < a {
			c++
		}
	}
	if y < 0 {
		c += len(l)
	}
	return uint8(c)
}

// RotationSigns are the signs that heads of a size are rotated with: of dim i it is -1 when the last bit of x is set,
//
//	x = i*0x9E3779B1 + 0x7F4A7C15;  x ^= x>>16;  x *= 0x85EBCA6B;  x ^= x>>13    in 32 bits
func RotationSigns(headDim int) []float32 {
	s := make([]float32, headDim)
	for i := range s {
		x := uint32(i)*0x9E3779B1 + 0x7F4A7C15
		x ^= x >> 16
		x *= 0x85EBCA6B
		x ^= x >> 13
		s[i] = 1 - 2*float32(x&1)
	}
	return s
}

// RotationBlock is the size of the transform: the greatest power of two that divides the head's size.
func RotationBlock(headDim int) int { return headDim & -headDim }

// Rotate multiplies x by its signs, then transforms each block of RotationBlock(len(x)) dims without a factor:
// for h = 1, 2, 4, .. below the block, (x[j], x[j+h]) becomes (x[j]+x[j+h], x[j]-x[j+h]), rounded.
func Rotate(x, signs []float32) {
	for i, s := range signs {
		x[i] *= s
	}
	hadamard(x)
}

// Unrotate is its inverse: the same transform, then each dim times its sign and 1/RotationBlock, which is exact.
func Unrotate(x, signs []float32) {
	hadamard(x)
	f := 1 / float32(RotationBlock(len(x)))
	for i, s := range signs {
		x[i] *= s * f
	}
}

func hadamard(x []float32) {
	block := RotationBlock(len(x))
	for h := 1; h < block; h *= 2 {
		for i := 0; i < len(x); i += 2 * h {
			for j := i; j < i+h; j++ {
				a, b := x[j], x[j+h]
				x[j], x[j+h] = a+b, a-b
			}
		}
	}
}
