// Package demo holds the default checkpoint: a 53-million-parameter Qwen3.5 model with one MTP
// layer, small enough to travel inside the program, so that mtplx can be tried, tested and
// benchmarked offline with real acceptance.
//
// default/ is the checkpoint as it would be published, MODEL.md its card, train/ the recipe.
//
// Guarantees:
//
//  1. The bytes are views of the program's read-only data: nothing is copied, and nothing is read
//     from disk until a page is touched. Writing to them crashes the program.
//  2. They live as long as the program and are safe for concurrent reads.
//
// Callers: anything that opens a model by its built-in name, through weights.OpenMemory.
package demo
