// Package qwen runs the Qwen3.5 family (Qwen3.5, 3.6 and 3.8, dense and mixture of experts) and
// Qwen3-Next: hybrids of full attention and gated delta nets with a native MTP head.
//
// It has two halves. Load turns an opened weights.Set into a Checkpoint: the configuration, every
// matrix as a view, every gain ready to multiply, the MTP head found wherever a publisher put it.
// New puts a Checkpoint on a device, and a Forward records the trunk or the head over it.
//
// Guarantees of the first half:
//
//  1. A configuration that lies (negative, huge or contradictory sizes, sizes that the tensors do
//     not have) is refused before anything is allocated, with the key or tensor, the value and the
//     reason. What is valid but not implemented wraps ErrUnsupported.
//  2. The original layout and MLX's yield the same Checkpoint, bit for bit: gains are 1+w exactly
//     once, convolution taps run oldest to newest, fused projections are views in the plain order.
//  3. A head is complete or refused; a checkpoint without any MTP tensor has a nil head.
//  4. Nothing is converted but gains, convolutions and decay parameters; matrices stay views of
//     the Set, which must stay open while they are used.
//
// Guarantees of the second half are stated at Model and Forward.
//
// Callers: cmd/mtplx opens checkpoints and models; stages drive forwards. Tests of other packages
// may use testdata/goldens: tiny checkpoints, each with what transformers computes from it.
package qwen
