// Package fake is a model without tensors for tests of the scheduler, the stages and the bank. Its logits are
// a hash of the whole text, which it keeps where a real model keeps its memory: tokens in pages, a hash as
// recurrent state, tokens on tapes, a stamp of the text as hidden row. It checks, as a real model cannot,
// that every forward is fed what the contracts demand. Its queue runs on the caller's clock, so that tests
// can use testing/synctest.
package fake
