package tokenizer

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/tidwall/gjson"
)

const (
	maxFile  = 256 << 20
	maxDepth = 32 // nesting; published files have 7

	maxMembers = 64 // of an object other than the vocabulary; published files have 14 at most
)

// Load reads a tokenizer.json. It refuses what it does not implement exactly: models but byte-level BPE,
// normalisers but NFC, split patterns but those of Qwen, decoders but ByteLevel, and files that contradict
// themselves. The tokenizer keeps no reference to data.
func Load(data []byte) (*Tokenizer, error) {
	t, err := load(data)
	if err != nil {
		return nil, fmt.Errorf("load tokenizer.json: %w", err)
	}
	return t, nil
}

func load(data []byte) (*Tokenizer, error) {
	if len(data) == 0 {
		return nil, errors.New("the file is empty")
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("the file has %d bytes, more than the %d allowed", len(data), maxFile)
	}
	if !utf8.Valid(data) {
		return nil, errors.New("the file is not valid UTF-8")
	}
	// A view, which saves copying a large file: nothing that is kept is cut from it.
	file := unsafe.String(unsafe.SliceData(data), len(data))
	root, err := members("the file", file, "model")
	if err != nil {
		return nil, err
	}
	t := &Tokenizer{}
	t.words.seed = maphash.MakeSeed()
	if t.normalize, err = readNormalizer("normalizer", root["normalizer"]); err != nil {
		return nil, err
	}
	if t.stages, err = readPreTokenizer(root["pre_tokenizer"]); err != nil {
		return nil, err
	}
	if err := readDecoder("decoder", root["decoder"]); err != nil {
		return nil, err
	}
	if err := readPostProcessor("post_processor", root["post_processor"]); err != nil {
		return nil, err
	}
	if err := t.readModel(root["model"], root["added_tokens"]); err != nil {
		return nil, err
	}
	return t, nil
}

// present reports whether a member is there and not null.
func present(v gjson.Result) bool { return v.Type != gjson.Null }

// show is a value as an error quotes it.
func show(v gjson.Result) string {
	if !present(v) {
		return "missing"
	}
	return clip(v.Raw)
}

// clip is a text as an error quotes it.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "..."
	}
	return s
}

// parseID reads a token id.
func parseID(raw string) (int32, error) {
	n := int32(0)
	for i := range len(raw) {
		c := raw[i]
		if c < '0' || c > '9' || n == 0 && i > 0 {
			return 0, fmt.Errorf("id %s is no whole number from 0 on", clip(raw))
		}
		if n = n*10 + int32(c-'0'); n >= maxSize {
			return 0, fmt.Errorf("id %s is too large: at most %d tokens are supported", clip(raw), maxSize)
		}
	}
	if raw == "" {
		return 0, errors.New("it has no id")
	}
	return n, nil
}

// parseFlag reads a member that is true or false; one that is missing is false.
func parseFlag(what, name string, v gjson.Result) (bool, error) {
	switch v.Type {
	case gjson.True:
		return true, nil
	case gjson.False, gjson.Null:
		return false, nil
	default:
		return false, fmt.Errorf("%s: %q is %s, want true or false", what, name, show(v))
	}
}
