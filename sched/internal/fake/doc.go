// Package fake is a model without tensors for tests of the scheduler and the stages: its logits are a
// hash of the last tokens, its memory is a table of tokens by position, and it checks, as a real model
// cannot, that every forward is fed what the contracts demand. Its queue runs on the caller's clock, so
// that tests can use testing/synctest.
package fake
