// Package golden holds a checkpoint against what a trusted implementation computed from it: trunk
// logits and hidden rows, the MTP head's rows over its committed history, a chain of greedy drafts, the
// recurrent state, and a greedy continuation. `mtplx qa golden` is its command.
//
// A golden folder is a checkpoint with golden.safetensors and golden.json beside it. A golden.json that
// says `same_as` borrows the tensors of the sibling folder it names; a folder without config.json speaks
// of another checkpoint, which the caller opens.
//
// Differences are max |got - want| over max |want| of a tensor. 2e-4 is what float32 arithmetic in any
// sound order keeps; ids are compared exactly.
package golden
