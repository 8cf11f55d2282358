package constrain

import (
	"errors"
	"fmt"
	"strings"
)

// The bounds of one compilation. They count work, not time, so that what is refused does not depend on the
// machine. Together they hold a compilation to under a second of one core and 300 MB allocated in all, most of them
// short-lived; hostile_test.go holds it to that. A finished grammar keeps some hundred kilobytes, 20 MB at the very most.
const (
	maxInput        = 1 << 20 // bytes of a schema, or of all choices together
	maxDepth        = 128     // nesting of a schema's text
	maxChain        = 256     // $ref, allOf and anyOf followed without a value between
	maxAlternatives = 256     // ways to meet one subschema: anyOf and oneOf multiplied out
	maxMerges       = 20_000  // merges of alternatives
	maxPattern      = 4 << 10 // bytes of a regular expression
	maxPatternSize  = 20_000  // its characters with repetitions written out
	maxEdges        = 8       // edges of the nondeterministic automaton, for each of maxStates
	maxStates       = 1 << 16 // states of the deterministic one
	maxRows         = 1 << 14 // of which with many ranges of bytes
	maxWork         = 64      // elements of sets of states looked at, for each of maxStates
	maxAlike        = 64      // alternatives in one grammar that begin with the same byte as others
	maxTools        = 1024    // functions of one request
	maxTokenBytes   = 1 << 14 // bytes of one token
	maxLengthUnroll = 4096    // maxLength beside a pattern or a format
)

// ErrTooLarge is wrapped by every [Error] about one of the package's bounds.
var ErrTooLarge = errors.New("too large")

// Error says what in a [Spec] cannot be held to, and what to do about it.
type Error struct {
	Path    string // where, as a JSON pointer behind "#", or the name of a field of Spec
	Keyword string // the keyword at fault, if it is one
	Problem string
	Remedy  string
	Err     error // a cause, if there is one
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("compile grammar: ")
	b.WriteString(e.Path)
	if e.Keyword != "" {
		fmt.Fprintf(&b, ": %q", e.Keyword)
	}
	b.WriteString(": " + e.Problem)
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// tooLarge is the error of a bound.
func tooLarge(path, keyword, what string, limit int, remedy string) *Error {
	return &Error{Path: path, Keyword: keyword, Problem: fmt.Sprintf("%s, more than the limit of %d", what, limit), Remedy: remedy, Err: ErrTooLarge}
}

// clip shortens text for a message.
func clip(s string) string {
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:77], "") + "..."
}
