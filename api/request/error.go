package request

import (
	"fmt"
	"unicode/utf8"
)

// Kind is what is wrong, in words that every dialect translates into its own.
type Kind int

// The kinds of refusal.
const (
	Invalid Kind = iota
	TooLong      // the prompt does not fit the context
	Unauthorised
	Forbidden
	NotFound
	MethodNotAllowed
	BodyTooLarge
	BadMediaType
	TimedOut
	HeadersTooLarge
	RateLimited
	Overloaded // the queue is full
	Draining   // the server is going away, or not there yet
	Internal
)

// Error refuses a request.
type Error struct {
	Kind    Kind
	Field   string // which field is at fault, "" for none
	Code    string // OpenAI's machine-readable reason, "" for none
	Message string
	// Prompt and Context are the numbers of TooLong.
	Prompt, Context int
	// RetryAfter is in seconds, 0 for none; Position is the place in the queue, 0 for none.
	RetryAfter, Position int
}

func (e *Error) Error() string { return e.Message }

// Errorf makes an Invalid error of a field.
func Errorf(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// shown bounds how much of a client's value an error repeats.
const shown = 60

// Quote shows a client's value in an error: printable, on one line, and short.
func Quote(s string) string {
	if len(s) <= shown {
		return fmt.Sprintf("%q", s)
	}
	end := shown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return fmt.Sprintf("%q and %d bytes more", s[:end], len(s)-end)
}
