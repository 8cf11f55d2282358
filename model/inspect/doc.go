// Package inspect says of a checkpoint whether this engine runs it, before it is loaded or even downloaded: its tier, why, what
// would change that, what memory and disk it takes, and which MTP tensors it has.
//
// It reads a configuration, an index and the headers of weight files, never the weights. A Source is where they come from: a
// folder, a map in memory, or a hub that answers range requests.
//
// Guarantees: a header is checked before it is believed (see package weights; GGUF headers here), what is read is bounded, and a
// file that is damaged or hostile gives an error or a worse tier, never a panic. A verdict is about names, shapes and declarations.
// It promises no loading: package qwen still reads every value.
//
// The catalogue of architectures is data, in catalogue.go. Callers: commands, and whatever lists models. Everything here is safe
// for concurrent use with different sources.
package inspect
