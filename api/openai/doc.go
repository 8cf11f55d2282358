// Package openai is OpenAI's dialect: chat completions, completions, responses and models. It reads their
// bodies into a request.Request, and writes answers, streams and errors as bytes. It starts nothing and
// reads no connection; package api does.
//
// Every parameter is either read, or listed as ignored or refused (see ignored and refused): a field
// that would change the answer and has no meaning here is refused, never dropped silently. Fields that no
// list knows are skipped, since clients send many of their own.
//
// Encoders append whole frames to a buffer that the caller reuses. An encoder belongs to one stream.
package openai
