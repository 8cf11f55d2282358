// Package arrays reads small files of named arrays: NumPy's .npz (a zip of .npy members, format 1.0 to 3.0, float16,
// float32 and float64 in row order) and .safetensors with floats. They hold what was fitted for a model besides its
// weights: correctors and adapters of its head.
//
// What a file says of itself is checked before memory is taken for it, values must be finite, and the error names the
// file, the array and what is wrong with it. Nothing refers to the file afterwards.
package arrays
