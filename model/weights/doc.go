// Package weights reads checkpoints: safetensors files, one or sharded, mapped from a directory or
// given as bytes, and the linear layers in them as MLX affine codes or plain floats.
//
// Guarantees:
//
//  1. Nothing in a file is believed before it is checked. A header is at most 100 MB of valid JSON
//     without duplicate keys, its tensors cover the data exactly (no overlap, no hole, no rest),
//     and sizes are computed without overflow. An index may name only files inside its directory.
//     Every refusal names the file, the tensor and the reason.
//  2. Tensor data is not copied. A Set and what it hands out are views of one mapping; memory is
//     allocated only for what a caller asks to have converted.
//  3. Values are exact. Scales and biases are the stored bf16, f16 or f32 numbers; a matrix view
//     (rows sliced, gathered, concatenated) yields the bits of the stored rows.
//  4. Scales and biases that are infinite or not a number are refused when the matrix is opened.
//
// Offsets need no alignment: mlx's own writer starts tensors anywhere, so all reads go by byte.
//
// A Set, its tensors and matrices are safe for concurrent reads. They are views of the mapping,
// so none may be used after Close. A file that another process truncates while it is mapped
// faults the program, as with any mapping; published checkpoints are not written in place.
//
// Callers: the packages of model families under model/, and tools that list a checkpoint.
package weights
