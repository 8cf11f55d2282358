// Package gguftest writes small GGUF files for tests.
package gguftest

import (
	"encoding/binary"
	"fmt"
)

// File is a GGUF file of an architecture with a block of multi-token prediction, a vocabulary of so many words, tensors of 8 values
// and so many bytes of data.
func File(arch string, words, data int, tensors ...string) []byte {
	le := binary.LittleEndian
	text := func(b []byte, s string) []byte { return append(le.AppendUint64(b, uint64(len(s))), s...) }
	b := le.AppendUint32([]byte("GGUF"), 3)
	b = le.AppendUint64(le.AppendUint64(b, uint64(len(tensors))), 4)
	b = text(le.AppendUint32(text(b, "general.architecture"), 8), arch)
	b = le.AppendUint32(le.AppendUint32(text(b, arch+".block_count"), 4), 5)
	b = le.AppendUint32(le.AppendUint32(text(b, arch+".nextn_predict_layers"), 4), 1)
	b = le.AppendUint64(le.AppendUint32(le.AppendUint32(text(b, "tokenizer.ggml.tokens"), 9), 8), uint64(words))
	for i := range words {
		b = text(b, fmt.Sprint("word", i))
	}
	for i, name := range tensors {
		b = le.AppendUint32(text(b, name), 2)
		b = le.AppendUint64(le.AppendUint64(b, 2), 4)
		b = le.AppendUint64(le.AppendUint32(b, 0), uint64(i*32))
	}
	return append(b, make([]byte, data)...)
}
