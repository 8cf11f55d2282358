package tokenizer

import (
	"testing"
	"unicode/utf8"
)

func checkWhole(t *testing.T, text []byte, ids []int32) {
	t.Helper()
	if !utf8.Valid(text) {
		t.Errorf("a stream of %v gives out %q, which is no whole characters", ids, text)
	}
}
