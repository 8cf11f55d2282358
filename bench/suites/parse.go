package suites

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const maxIDBytes = 64

// Parse reads a suite from JSONL text; name only appears in errors. It refuses the whole suite at
// the first row that is malformed, has an unknown, missing, repeated or mistyped field, or an id
// that an earlier row has.
func Parse(name string, data []byte) ([]Prompt, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("parse suite %s: %d bytes, at most %d are read; split the suite", name, len(data), MaxBytes)
	}
	var prompts []Prompt
	lineOf := map[string]int{} // id -> line of its first use
	number := 0
	for line := range bytes.Lines(data) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		p, err := parseRow(line)
		if err != nil {
			return nil, fmt.Errorf("parse suite %s: line %d: %w", name, number, err)
		}
		if first, ok := lineOf[p.ID]; ok {
			return nil, fmt.Errorf("parse suite %s: line %d: id %q is already used on line %d; ids must be unique",
				name, number, p.ID, first)
		}
		if len(prompts) == MaxRows {
			return nil, fmt.Errorf("parse suite %s: line %d: more than %d prompts; split the suite", name, number, MaxRows)
		}
		lineOf[p.ID] = number
		prompts = append(prompts, p)
	}
	if len(prompts) == 0 {
		return nil, fmt.Errorf("parse suite %s: no prompts; write one JSON object a line", name)
	}
	return prompts, nil
}

// parseRow reads one object key by key. encoding/json alone would take "ID" for "id", the last of
// two equal keys, and any bytes for UTF-8, and each of these has hidden a typing error.
func parseRow(line []byte) (Prompt, error) {
	var p Prompt
	if !utf8.Valid(line) {
		return p, errors.New("not valid UTF-8; save the file as UTF-8")
	}
	if bytes.HasPrefix(line, []byte("\uFEFF")) {
		return p, errors.New("starts with a byte order mark; save the file as UTF-8 without one")
	}
	dec := json.NewDecoder(bytes.NewReader(line))
	tok, err := dec.Token()
	if err != nil {
		return p, fmt.Errorf("read JSON: %w", err)
	}
	if tok != json.Delim('{') {
		return p, fmt.Errorf("got %T, expected a JSON object", tok)
	}
	fields := map[string]any{
		"id": &p.ID, "category": &p.Category, "prompt": &p.Prompt, "max_tokens": &p.MaxTokens,
		"notes": &p.Notes, "system": &p.System, "raw": &p.Raw,
	}
	seen := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return p, fmt.Errorf("read JSON: %w", err)
		}
		key, _ := tok.(string) // inside an object the decoder returns only string keys here
		dst, ok := fields[key]
		if !ok {
			return p, fmt.Errorf("unknown field %q; known are id, category, prompt, max_tokens, notes, system, raw", key)
		}
		if seen[key] {
			return p, fmt.Errorf("field %q is given twice", key)
		}
		seen[key] = true
		if err := decodeField(dec, key, dst); err != nil {
			return p, err
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return p, fmt.Errorf("read JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return p, errors.New("text after the object; write one JSON object a line")
	}
	for _, key := range []string{"id", "category", "prompt", "max_tokens"} {
		if !seen[key] {
			return p, fmt.Errorf("field %q is missing", key)
		}
	}
	return p, p.check()
}

// decodeField decodes the value that follows key into dst, a *string, *int or *bool.
func decodeField(dec *json.Decoder, key string, dst any) error {
	var raw json.RawMessage
	if err := dec.Decode(&raw); err != nil {
		return fmt.Errorf("read field %q: %w", key, err)
	}
	want := "a string"
	switch dst.(type) {
	case *int:
		want = "an integer"
	case *bool:
		want = "true or false"
	}
	// null decodes into anything without an error and would pass for an empty value.
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, dst) != nil {
		return fmt.Errorf("field %q is %s, expected %s", key, clip(string(raw), 40), want)
	}
	return nil
}

// check enforces the rules between and within fields that the types do not.
func (p *Prompt) check() error {
	if !validID(p.ID) {
		return fmt.Errorf("id %q: use 1 to %d lower-case letters, digits and hyphens, starting with a letter or digit",
			clip(p.ID, maxIDBytes), maxIDBytes)
	}
	if strings.TrimSpace(p.Category) == "" {
		return fmt.Errorf("prompt %q: category is empty; name what the prompt is about", p.ID)
	}
	if strings.TrimSpace(p.Prompt) == "" {
		return fmt.Errorf("prompt %q: prompt is empty", p.ID)
	}
	if p.MaxTokens < 1 || p.MaxTokens > MaxTokensLimit {
		return fmt.Errorf("prompt %q: max_tokens is %d, allowed are 1 to %d", p.ID, p.MaxTokens, MaxTokensLimit)
	}
	if p.Raw && p.System != "" {
		return fmt.Errorf("prompt %q: a raw prompt has no chat template and so no system message; remove one of raw and system", p.ID)
	}
	return nil
}

func validID(id string) bool {
	if id == "" || len(id) > maxIDBytes || id[0] == '-' {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// clip shortens s for an error message to at most n bytes, without cutting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "..."
}
