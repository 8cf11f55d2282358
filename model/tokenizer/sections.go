package tokenizer

import (
	"errors"
	"fmt"

	"github.com/tidwall/gjson"
)

// maxStages bounds the parts of a Sequence, and the stages of a pre-tokenizer in all. Published files have two.
const maxStages = 8

// section returns the members and the type of a part of the pipeline.
func section(what string, v gjson.Result) (map[string]gjson.Result, string, error) {
	m, err := members(what, v.Raw)
	if err != nil {
		return nil, "", err
	}
	if m["type"].Type != gjson.String {
		return nil, "", fmt.Errorf(`%s: "type" is %s, want a string`, what, show(m["type"]))
	}
	return m, m["type"].String(), nil
}

// parts returns the members of a Sequence.
func parts(what, name string, v gjson.Result) ([]gjson.Result, error) {
	if !v.IsArray() {
		return nil, fmt.Errorf("%s: %q is %s, want an array", what, name, show(v))
	}
	var list []gjson.Result
	v.ForEach(func(_, p gjson.Result) bool {
		list = append(list, p)
		return len(list) <= maxStages
	})
	if len(list) > maxStages {
		return nil, fmt.Errorf("%s: %q has more than the %d parts supported", what, name, maxStages)
	}
	return list, nil
}

// readNormalizer reports whether text is brought to NFC.
func readNormalizer(what string, v gjson.Result) (bool, error) {
	if !present(v) {
		return false, nil
	}
	m, kind, err := section(what, v)
	if err != nil {
		return false, err
	}
	switch kind {
	case "NFC":
		return true, nil
	case "Sequence":
		list, err := parts(what, "normalizers", m["normalizers"])
		if err != nil {
			return false, err
		}
		composes := false
		for i, p := range list {
			c, err := readNormalizer(fmt.Sprintf("%s.normalizers[%d]", what, i), p)
			if err != nil {
				return false, err
			}
			composes = composes || c // NFC twice is NFC
		}
		return composes, nil
	}
	return false, fmt.Errorf("%s: type %q is not supported, want NFC or none", what, clip(kind))
}

// readPreTokenizer returns its stages, the last of which is ByteLevel.
func readPreTokenizer(v gjson.Result) ([]stage, error) {
	stages, closed, err := appendStages(nil, "pre_tokenizer", v)
	if err != nil {
		return nil, err
	}
	if len(stages) > maxStages {
		return nil, fmt.Errorf("pre_tokenizer: it has %d parts, at most %d are supported", len(stages), maxStages)
	}
	if !closed {
		return nil, errors.New("pre_tokenizer: it has no ByteLevel part, want one at its end")
	}
	return stages, nil
}

// appendStages appends the stages of one part. closed reports whether ByteLevel was among them, after which no
// part may follow.
func appendStages(stages []stage, what string, v gjson.Result) (_ []stage, closed bool, err error) {
	m, kind, err := section(what, v)
	if err != nil {
		return nil, false, err
	}
	switch kind {
	case "Sequence":
		list, err := parts(what, "pretokenizers", m["pretokenizers"])
		if err != nil {
			return nil, false, err
		}
		for i, p := range list {
			if closed {
				return nil, false, fmt.Errorf("%s: a part follows ByteLevel, which must be the last", what)
			}
			stages, closed, err = appendStages(stages, fmt.Sprintf("%s.pretokenizers[%d]", what, i), p)
			if err != nil {
				return nil, false, err
			}
		}
		return stages, closed, nil
	case "Split":
		st, err := readSplit(what, m)
		return append(stages, st), false, err
	case "ByteLevel":
		st, err := readByteLevel(what, m)
		return append(stages, st), true, err
	}
	return nil, false, fmt.Errorf("%s: type %q is not supported, want Sequence, Split or ByteLevel", what, clip(kind))
}

func readSplit(what string, m map[string]gjson.Result) (stage, error) {
	if b := m["behavior"]; b.String() != "Isolated" {
		return stage{}, fmt.Errorf(`%s: "behavior" is %s, only "Isolated" is supported`, what, show(b))
	}
	invert, err := parseFlag(what, "invert", m["invert"])
	if err != nil {
		return stage{}, err
	}
	if invert {
		return stage{}, fmt.Errorf(`%s: "invert" is true, which is not supported`, what)
	}
	pattern, err := members(what+".pattern", m["pattern"].Raw)
	if err != nil {
		return stage{}, err
	}
	regex := pattern["Regex"]
	if len(pattern) != 1 || regex.Type != gjson.String {
		return stage{}, fmt.Errorf("%s: pattern %s is not supported, want a Regex", what, show(m["pattern"]))
	}
	split := splitters[regex.String()]
	if split == nil {
		return stage{}, fmt.Errorf("%s: the regex %q is not supported, only those of Qwen2, Qwen3 and Qwen3.5 are",
			what, clip(regex.String()))
	}
	return stage{split: split}, nil
}

func readByteLevel(what string, m map[string]gjson.Result) (stage, error) {
	prefix, err := parseFlag(what, "add_prefix_space", m["add_prefix_space"])
	if err != nil {
		return stage{}, err
	}
	st := stage{prefixSpace: prefix}
	split := true // what a file without the option means
	if present(m["use_regex"]) {
		if split, err = parseFlag(what, "use_regex", m["use_regex"]); err != nil {
			return stage{}, err
		}
	}
	if split {
		st.split = splitGPT2
	}
	return st, nil
}

// readDecoder checks that tokens are decoded as byte-level text.
func readDecoder(what string, v gjson.Result) error {
	m, kind, err := section(what, v)
	if err != nil {
		return err
	}
	if kind == "Sequence" {
		list, err := parts(what, "decoders", m["decoders"])
		if err != nil {
			return err
		}
		if len(list) != 1 {
			return fmt.Errorf("%s: a sequence of %d decoders is not supported, want ByteLevel alone", what, len(list))
		}
		return readDecoder(what+".decoders[0]", list[0])
	}
	if kind != "ByteLevel" {
		return fmt.Errorf("%s: type %q is not supported, want ByteLevel", what, clip(kind))
	}
	return nil
}

// readPostProcessor checks that nothing is added to a text. ByteLevel only moves offsets, which Encode does not
// give.
func readPostProcessor(what string, v gjson.Result) error {
	if !present(v) {
		return nil
	}
	m, kind, err := section(what, v)
	if err != nil {
		return err
	}
	switch kind {
	case "ByteLevel":
		return nil
	case "Sequence":
		list, err := parts(what, "processors", m["processors"])
		if err != nil {
			return err
		}
		for i, p := range list {
			if err := readPostProcessor(fmt.Sprintf("%s.processors[%d]", what, i), p); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%s: type %q is not supported, want ByteLevel or none", what, clip(kind))
}
