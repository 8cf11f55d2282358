// Package adapter reads LoRA adapters of an MTP head (Hu et al. 2021, arXiv:2106.09685): for some of its matrices, a pair
// A [rank][in] and B [out][rank], so that the head computes W x + scale B (A x) in place of W x. Drafts are all that it
// changes: the trunk, which decides what is written, has no adapter.
//
// A file is .safetensors or .npz, and names its arrays as either of two trainers does:
//
//	mtp.layers.0.self_attn.q_proj.lora_A.weight [rank][in]   ...lora_B.weight [out][rank]   (PEFT)
//	mtp.layers.0.self_attn.q_proj.lora_a        [in][rank]   ...lora_b        [rank][out]   (mlx-lm)
//
// perhaps behind base_model.model. and one of the prefixes that heads themselves have. The scale is, in this order: an
// array alpha (over the rank) or scale of one number beside the pair or at the top of the file, what an
// adapter_config.json in the file's folder says, or 1. A folder stands for the adapter in it.
//
// Every array has to have its place, shapes have to agree and numbers to be finite; errors name the file and the array.
package adapter
