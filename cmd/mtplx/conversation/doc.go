// Package conversation is a talk with a model: what a chat keeps between questions, whatever it looks like.
//
// A Conversation renders its messages through the model's chat template, asks the engine, splits thoughts from the answer and
// remembers both. Text of messages never becomes a special token. The tokens that an answer was written in are kept as they
// are, so the next turn's prompt begins with exactly what the engine has computed, and its session bank restores it: only the
// new message is read. An answer that is stopped stays in the conversation as far as it came; a question that got no answer
// does not.
//
// A Conversation belongs to one goroutine at a time. A Model is safe for concurrent use. Commands of cmd/mtplx are the only
// callers.
package conversation
