// Package script is a model for tests of what talks to one: the embedded checkpoint's tokenizer and template, and an engine whose
// answers a test writes itself, piece by piece, so that each state between can be looked at.
//
// An Engine and its Sessions are safe for concurrent use.
package script
