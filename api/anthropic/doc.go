// Package anthropic is Anthropic's dialect: messages and count_tokens. It reads their bodies into a
// request.Request, and writes answers, event streams and errors as bytes. It starts nothing and reads no
// connection; package api does.
//
// Agents of this dialect send fields that change nothing here (cache_control, betas, container,
// context_management, tools that the vendor's servers run): they are skipped. Thoughts that a client
// replays are kept for the template; redacted ones hold nothing readable and are dropped.
//
// An encoder belongs to one stream; it appends whole frames to a buffer that the caller reuses.
package anthropic
