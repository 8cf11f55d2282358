package chat

import (
	"errors"
	"fmt"
	"strings"
)

// ErrLimit is under every error that stops a render because it used more steps, memory, output or
// nesting than a chat template ever needs.
var ErrLimit = errors.New("template limit exceeded")

// Error is a template that could not be parsed or rendered, with the place in its source.
type Error struct {
	Op   string // "parse" or "render"
	Line int    // 1 for the first line
	Text string // the source line without surrounding space, cut to 120 bytes
	Err  error
}

// Error names the line, shows it and says what is wrong with it.
func (e *Error) Error() string {
	return fmt.Sprintf("%s chat template: line %d: %s (in %q)", e.Op, e.Line, e.Err, e.Text)
}

// Unwrap returns the reason without the place.
func (e *Error) Unwrap() error { return e.Err }

// RaisedError is what the template itself refused through raise_exception: a fault of the
// conversation, not of the template.
type RaisedError struct{ Message string }

// Error returns the template's own words.
func (e *RaisedError) Error() string { return e.Message }

// sourceLine returns line n (from 1) of a source, for messages.
func sourceLine(source string, n int) string {
	for i := 1; i < n; i++ {
		j := strings.IndexByte(source, '\n')
		if j < 0 {
			return ""
		}
		source = source[j+1:]
	}
	if j := strings.IndexByte(source, '\n'); j >= 0 {
		source = source[:j]
	}
	source = strings.TrimSpace(source)
	if len(source) > 120 {
		source = source[:120]
	}
	return source
}
