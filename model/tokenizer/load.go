package tokenizer

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

const (
	maxFile  = 256 << 20
	maxDepth = 32 // nesting; published files have 7
	maxParts = 64 // members of an object other than the vocabulary; published files have 14 at most
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
	if len(data) > maxFile {
		return nil, fmt.Errorf("the file has %d bytes, more than the %d allowed", len(data), maxFile)
	}
	if err := checkJSON(data); err != nil {
		return nil, err
	}
	root, err := fields("the file", gjson.ParseBytes(data))
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

const (
	opens = iota + 1
	closes
	quotes
)

var bracket = [256]uint8{'{': opens, '[': opens, '}': closes, ']': closes, '"': quotes}

// checkJSON refuses what the parser must not be given: it trusts its input and recurses into it.
func checkJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("the file is not valid UTF-8")
	}
	depth := 0
	for i := 0; i < len(data); i++ {
		switch bracket[data[i]] {
		case opens:
			if depth++; depth > maxDepth {
				return fmt.Errorf("the file nests objects and arrays more than %d deep", maxDepth)
			}
		case closes:
			depth--
		case quotes:
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		}
	}
	if !gjson.ValidBytes(data) {
		return errors.New("the file is not valid JSON; was it downloaded whole?")
	}
	return nil
}

// fields returns the members of an object.
func fields(what string, v gjson.Result) (map[string]gjson.Result, error) {
	if !v.IsObject() {
		return nil, fmt.Errorf("%s is %s, want an object", what, show(v))
	}
	var err error
	m := map[string]gjson.Result{}
	v.ForEach(func(key, value gjson.Result) bool {
		if len(m) == maxParts {
			err = fmt.Errorf("%s has more than %d members", what, maxParts)
			return false
		}
		if _, twice := m[key.String()]; twice {
			err = fmt.Errorf("%s has %q twice", what, clip(key.String()))
			return false
		}
		m[key.String()] = value
		return true
	})
	return m, err
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
func parseID(v gjson.Result) (int32, error) {
	n := int32(0)
	if v.Type != gjson.Number {
		return 0, fmt.Errorf("id %s is no number", show(v))
	}
	for _, c := range []byte(v.Raw) {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("id %s is no whole number from 0 on", show(v))
		}
		if n = n*10 + int32(c-'0'); n >= maxSize {
			return 0, fmt.Errorf("id %s is too large: at most %d tokens are supported", show(v), maxSize)
		}
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
