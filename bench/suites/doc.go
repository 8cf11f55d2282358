// Package suites holds the prompts that benchmarks and quality checks run: six suites written
// for this project, embedded in the binary, and a strict reader for suites of a user's own.
//
// A suite is a JSONL file, one prompt a line, blank lines ignored:
//
//	{"id": "is-prime", "category": "number-theory", "prompt": "Write ...", "max_tokens": 192}
//
// Required are id, category, prompt and max_tokens; optional are notes (never shown to a model),
// system (a system message before the prompt) and raw (true: the prompt is text to continue and
// goes to the model without a chat template; it excludes system).
//
// The suites differ in how predictable their continuations are, which is what decides how much
// speculation gains:
//
//	chat     everyday questions, short explanations and small arithmetic
//	code     Python modules in the style of libraries, cut inside a function or class (raw)
//	coding   chat requests for common Python functions and classes
//	prose    English openings of 80 to 200 words to be continued (raw)
//	random   words drawn at random: the worst case, where drafts should fail (raw)
//
// Guarantees: Load returns the same prompts in the same order in every build of one version; an
// id is unique within its suite; prompts are valid UTF-8 and not blank; max_tokens is within
// 1..MaxTokensLimit. A file that breaks a rule is refused as a whole with an error naming the
// file, the line, the value and what is allowed.
//
// All functions are safe for concurrent use and return slices that the caller owns. The package
// imports the standard library only and may be used from anywhere above the engine.
package suites
