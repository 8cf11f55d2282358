package weights

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// maxJSONDepth bounds nesting: parsers recurse, and a stack of 10^7 brackets would end the program.
const maxJSONDepth = 64

// CheckJSON reports whether data is one JSON value (RFC 8259) in valid UTF-8, nested at most 64
// deep, in which no object has a key twice. Lenient readers differ in which duplicate they
// believe, so a file that has one means two things. Keys are compared after unescaping.
func CheckJSON(data []byte) error {
	if !utf8.Valid(data) {
		for i := 0; i < len(data); {
			r, n := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && n == 1 {
				return fmt.Errorf("invalid UTF-8 at byte %d", i)
			}
			i += n
		}
	}
	c := jsonCheck{data: data}
	c.space()
	if err := c.value(0); err != nil {
		return err
	}
	c.space()
	if c.pos != len(data) {
		return fmt.Errorf("unexpected %q after the JSON value at byte %d", data[c.pos], c.pos)
	}
	return nil
}

type jsonCheck struct {
	data []byte
	pos  int
}

func (c *jsonCheck) space() {
	for c.pos < len(c.data) {
		switch c.data[c.pos] {
		case ' ', '\t', '\n', '\r':
			c.pos++
		default:
			return
		}
	}
}

// next is the byte at the cursor, 0 at the end; a zero byte is valid nowhere in JSON.
func (c *jsonCheck) next() byte {
	if c.pos < len(c.data) {
		return c.data[c.pos]
	}
	return 0
}

func (c *jsonCheck) unexpected(want string) error {
	if c.pos >= len(c.data) {
		return fmt.Errorf("JSON ends at byte %d where %s is due", c.pos, want)
	}
	return fmt.Errorf("JSON has %q at byte %d where %s is due", c.data[c.pos], c.pos, want)
}

func (c *jsonCheck) value(depth int) error {
	if depth > maxJSONDepth {
		return fmt.Errorf("JSON is nested deeper than %d at byte %d", maxJSONDepth, c.pos)
	}
	switch b := c.next(); {
	case b == '{':
		return c.object(depth)
	case b == '[':
		return c.array(depth)
	case b == '"':
		_, err := c.str()
		return err
	case b == '-' || b >= '0' && b <= '9':
		return c.number()
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(c.data[c.pos:], []byte(word)) {
			c.pos += len(word)
			return nil
		}
	}
	return c.unexpected("a value")
}

func (c *jsonCheck) object(depth int) error {
	c.pos++
	c.space()
	if c.next() == '}' {
		c.pos++
		return nil
	}
	seen := map[string]struct{}{}
	for {
		if c.next() != '"' {
			return c.unexpected("a key")
		}
		at := c.pos
		key, err := c.str()
		if err != nil {
			return err
		}
		if _, dup := seen[key]; dup {
			return fmt.Errorf("key %q appears twice, again at byte %d", clip(key), at)
		}
		seen[key] = struct{}{}
		c.space()
		if c.next() != ':' {
			return c.unexpected("':'")
		}
		c.pos++
		c.space()
		if err := c.value(depth + 1); err != nil {
			return err
		}
		c.space()
		switch c.next() {
		case ',':
			c.pos++
			c.space()
		case '}':
			c.pos++
			return nil
		default:
			return c.unexpected("',' or '}'")
		}
	}
}

func (c *jsonCheck) array(depth int) error {
	c.pos++
	c.space()
	if c.next() == ']' {
		c.pos++
		return nil
	}
	for {
		if err := c.value(depth + 1); err != nil {
			return err
		}
		c.space()
		switch c.next() {
		case ',':
			c.pos++
			c.space()
		case ']':
			c.pos++
			return nil
		default:
			return c.unexpected("',' or ']'")
		}
	}
}

func (c *jsonCheck) str() (string, error) {
	start := c.pos
	escaped := false
	for c.pos++; c.pos < len(c.data); c.pos++ {
		switch b := c.data[c.pos]; {
		case b == '"':
			c.pos++
			raw := c.data[start:c.pos]
			if !escaped {
				return string(raw[1 : len(raw)-1]), nil
			}
			var s string
			if err := json.Unmarshal(raw, &s); err != nil {
				return "", fmt.Errorf("string at byte %d: %w", start, err)
			}
			return s, nil
		case b == '\\':
			escaped = true
			c.pos++
		case b < 0x20:
			return "", fmt.Errorf("control character %#x inside the string at byte %d", b, start)
		}
	}
	return "", fmt.Errorf("string at byte %d does not end", start)
}

func (c *jsonCheck) number() error {
	digits := func() bool {
		from := c.pos
		for b := c.next(); b >= '0' && b <= '9'; b = c.next() {
			c.pos++
		}
		return c.pos > from
	}
	if c.next() == '-' {
		c.pos++
	}
	if c.next() == '0' {
		c.pos++
	} else if !digits() {
		return c.unexpected("a digit")
	}
	if c.next() == '.' {
		c.pos++
		if !digits() {
			return c.unexpected("a digit")
		}
	}
	if b := c.next(); b == 'e' || b == 'E' {
		c.pos++
		if b := c.next(); b == '+' || b == '-' {
			c.pos++
		}
		if !digits() {
			return c.unexpected("a digit")
		}
	}
	return nil
}
