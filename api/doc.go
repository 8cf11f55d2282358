// Package api is the HTTP server: OpenAI's and Anthropic's dialects, the routes around them, and what
// stands before them: limits, keys, checks of host and origin, a bounded queue, drain. It owns no model
// and no engine; Config brings them as small interfaces, so that the server is tested without either.
//
// Guarantees:
//
//  1. A request is refused with a status and an error in its dialect's shape, or answered. An error after
//     the first byte of a stream is an event of the stream, which never ends silently.
//  2. A client that vanishes cancels its sessions within milliseconds; one that reads slowly holds up
//     itself, and is dropped when one write has been stuck for Config.Stall.
//  3. A prompt is never shortened: one that does not fit is refused with both numbers.
//  4. Text of special tokens inside messages never becomes those tokens.
//  5. Prompts, answers and keys are not logged, unless Config.LogPrompts asks for the first two.
//  6. Drain refuses new work, lets running answers finish until its context ends, then aborts them.
//
// A request goes: guard (host, origin, key, rate) -> dialect's reader -> prompt (chat template, tokens)
// -> admission -> sessions -> splitter -> dialect's encoder. job.go has the middle of it.
//
// Commands of cmd/mtplx make a Server; its methods are safe for concurrent use.
package api
