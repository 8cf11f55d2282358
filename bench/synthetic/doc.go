// Package synthetic writes checkpoints with the shapes of published Qwen3.5 models and random weights, so
// that speed and memory can be measured for a model that is not at hand. What such a model writes means
// nothing; what it costs to run is what the real one costs, since neither kernels nor scheduler ask what a
// weight is. Acceptance of its drafts says nothing either.
//
// The files are as mlx-lm's converter would publish them (affine codes in groups of 64, bfloat16 scales,
// names under language_model., gains as 1+w) with the MTP head among them. Tokenizer, chat template and end
// tokens are those of the embedded default checkpoint; ids beyond them are padding that is computed and
// never sampled, as the padding of published checkpoints is.
//
// Guarantees:
//
//  1. A shape, a width and a seed give the same bytes on every machine: a tensor's values follow from the
//     seed and its name.
//  2. A checkpoint appears whole or not at all: it is written aside and renamed.
//  3. Memory is some buffers, whatever the size of the model.
//
// Callers: cmd/mtplx (`mtplx bench make-model`) and tests.
package synthetic
