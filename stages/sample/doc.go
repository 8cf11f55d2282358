// Package sample is how tokens are chosen: the sampler that turns a row of logits into a distribution,
// the rules under which drafts stand or fall, and the keyed randomness behind both.
//
// The order of the sampler is: divide by the temperature, softmax in float64, then keep the candidates
// that pass top-k, top-p (on the mass of the whole vocabulary) and min-p, and renormalise. At temperature
// 0 the best candidate alone remains; of equal logits the lowest id is the best.
//
// Guarantees:
//
//  1. A distribution is a function of its row of logits and the sampler alone.
//  2. Every random number is a function of (seed, position, purpose), see Uniform. Nothing is drawn from
//     a stream, so depth, batch and load change no number.
//  3. Under Ratio the tokens that Verify emits, with drafts drawn by Draft from the q that is recorded for
//     them, have the joint distribution of plain sampling (Leviathan et al. 2023; Chen et al. 2023).
//  4. Under Coupled they are the tokens that plain sampling draws for the seed, one for one.
//  5. Nothing is allocated once the slices of a Dist have grown.
//
// Everything here is a pure function of its arguments; a Dist belongs to one goroutine at a time.
package sample
