package sample

import "math/bits"

// Purpose separates the random numbers of one position.
type Purpose uint32

// The purposes of randomness at a position. Coupled noise is keyed by token as well.
const (
	ForDraft    Purpose = iota + 1 // drawing a draft from q
	ForAccept                      // whether a draft stands
	ForResidual                    // the token after a rejected draft
	ForTarget                      // a token drawn from p: plain sampling and the bonus
	ForNoise                       // the noise that draft and target share under Coupled
)

// Uniform is the random number in (0,1) of a seed, a position and a purpose: 53 bits of Philox 4x32-10
// (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011), keyed by the seed, with position
// and purpose as the counter.
func Uniform(seed uint64, position int64, purpose Purpose) float64 {
	return uniform(seed, position, purpose, 0)
}

// uniform is Uniform with a token id as the counter's last word.
func uniform(seed uint64, position int64, purpose Purpose, token int32) float64 {
	r := philox([4]uint32{uint32(position), uint32(position >> 32), uint32(purpose), uint32(token)}, [2]uint32{uint32(seed), uint32(seed >> 32)})
	return (float64((uint64(r[1])<<32|uint64(r[0]))>>11) + 0.5) / (1 << 53)
}

// philox is ten rounds over a counter under a key. The words are variables of their own: the compiler keeps those in
// registers, and an array in memory.
func philox(c [4]uint32, k [2]uint32) [4]uint32 {
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	k0, k1 := k[0], k[1]
	for range 10 {
		hi0, lo0 := bits.Mul32(0xD2511F53, c0)
		hi1, lo1 := bits.Mul32(0xCD9E8D57, c2)
		c0, c1, c2, c3 = hi1^c1^k0, lo1, hi0^c3^k1, lo0
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	return [4]uint32{c0, c1, c2, c3}
}
