// Package tokenizer turns text into token ids and back: byte-level byte-pair encoding as a Hugging Face
// tokenizer.json describes it, for the checkpoints of the Qwen2, Qwen3 and Qwen3.5 families.
//
// [Load] reads the file strictly: whatever it does not implement exactly is an error that names the section and
// the value, because a tokenizer that is almost right gives a model text it has never seen. The steps of
// [Tokenizer.Encode] are those of the reference (the Rust library huggingface/tokenizers):
//
//  1. added tokens that are matched in the text as it stands are cut out,
//  2. what is left is normalised to NFC,
//  3. added tokens that are matched in normalised text are cut out,
//  4. what is left is split into words by the pre-tokenizer's pattern,
//  5. the bytes of each word are merged pairwise, lowest rank first (Sennrich et al., "Neural machine
//     translation of rare words with subword units", 2016).
//
// Post-processors and truncation are left to the caller: Encode adds no token that the text does not contain.
//
// Guarantees. Ids equal those of the reference on the committed corpora (testdata/gen makes them). Text that is
// valid UTF-8 in NFC comes back unchanged from [Tokenizer.Decode]. A [Stream] gives out whole characters only,
// and all it gives out equals what Decode gives. Encode takes near linear time in the text, whatever the text.
// A hostile file costs an error, at most a few times its own size in memory, and never a panic.
//
// Unicode. Character classes come from Go's unicode package and NFC from golang.org/x/text/unicode/norm; class.go
// says where they and the reference know different versions of Unicode.
//
// A [Tokenizer] is safe for use by many goroutines at once. A [Stream] belongs to one. The package is called by
// whoever opens a checkpoint (cmd), renders prompts (api) or delivers text (stages/commit, through its own
// interface); it depends on no other package of this module.
package tokenizer
