package sample

import "mtplx/sched/keyed"

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

// Uniform is the random number in (0,1) of a seed, a position and a purpose: 53 bits of keyed.Philox under the
// seed, with position and purpose as the counter.
func Uniform(seed uint64, position int64, purpose Purpose) float64 {
	return uniform(seed, position, purpose, 0)
}

// uniform is Uniform with a token id as the counter's last word.
func uniform(seed uint64, position int64, purpose Purpose, token int32) float64 {
	r := keyed.Philox([4]uint32{uint32(position), uint32(position >> 32), uint32(purpose), uint32(token)}, [2]uint32{uint32(seed), uint32(seed >> 32)})
	return (float64((uint64(r[1])<<32|uint64(r[0]))>>11) + 0.5) / (1 << 53)
}
