package output

import (
	"time"

	"mtplx/stages"
	"mtplx/stages/sample"
)

// Kind is what an event is about.
type Kind uint8

// The kinds of event.
const (
	Content   Kind = iota + 1
	Reasoning      // thoughts
	CallStart      // a tool call begins: ID, Name and Call are set
	CallDelta      // Text is the next piece of its arguments
	CallEnd
)

// Event is a piece of an answer.
type Event struct {
	Kind     Kind
	Text     string
	Call     int // which call of the answer, from 0
	ID, Name string
	// End is how many bytes of the answer as the model wrote it end with Text, which stands in it as it is.
	// Only content and thoughts have one.
	End int
	// Sources are the tokens that Text came from, where the request asks for them.
	Sources []Source
}

// Source is a token's share of a text, and whether the head proposed that token.
type Source struct {
	Text    string
	Drafted bool
}

// Call is a whole tool call.
type Call struct{ ID, Name, Arguments string }

// Token is one emitted token as clients see it.
type Token struct {
	Text    string // its bytes, which need not be whole characters
	Logprob float64
	Top     []Token
}

// Choice is one answer.
type Choice struct {
	Content   string
	Reasoning string
	Calls     []Call
	Finish    Finish
	Logprobs  []Token
	Tokens    []int32
}

// Finish is why an answer ended: Reason is "stop", "length" or "tool_calls"; Stop is the stop string that
// ended it, if one did.
type Finish struct{ Reason, Stop string }

// Add makes an event part of the choice.
func (c *Choice) Add(e Event) {
	switch e.Kind {
	case Content:
		c.Content += e.Text
	case Reasoning:
		c.Reasoning += e.Text
	case CallStart:
		c.Calls = append(c.Calls, Call{ID: e.ID, Name: e.Name})
	case CallDelta:
		c.Calls[len(c.Calls)-1].Arguments += e.Text
	case CallEnd:
	}
}

// Usage is what a request cost, over all its choices.
type Usage struct {
	Prompt     int // tokens of the prompts
	Cached     int // those of them that were not computed again
	Completion int // tokens written
	Reasoning  int // tokens of them that are thoughts
	Drafted    int // tokens the head proposed, and how many of them stood
	Accepted   int
	// Copied is how many tokens were proposed by copying from the text itself, and CopiedAccepted how many of them
	// stood; Drafted and Accepted do not count them.
	Copied, CopiedAccepted int
	// BySource tells of all of these who proposed them.
	BySource stages.Tally

	ByDepth    []Draft       // the same by depth, from the first draft of a cycle
	Cycles     int           // forwards that wrote
	FirstToken time.Duration // from the request
	Elapsed    time.Duration
	Mode       string // "mtp" or "ar"
	Depth      int
}

// Draft counts tokens that the head proposed at one depth, and how many of them stood.
type Draft struct{ Drafted, Accepted int }

// Total is the sum that clients expect.
func (u *Usage) Total() int { return u.Prompt + u.Completion }

// DecodeRate is tokens per second after the first.
func (u *Usage) DecodeRate() float64 {
	d := (u.Elapsed - u.FirstToken).Seconds()
	if u.Completion < 2 || d <= 0 {
		return 0
	}
	return float64(u.Completion-1) / d
}

// TokensOf makes what clients see of log probabilities. bytes gives a token's text.
func TokensOf(list []sample.Logprob, bytes func(int32) string) []Token {
	out := make([]Token, 0, len(list))
	for _, l := range list {
		t := Token{Text: bytes(l.ID), Logprob: l.Logprob}
		for _, a := range l.Top {
			t.Top = append(t.Top, Token{Text: bytes(a.ID), Logprob: a.Logprob})
		}
		out = append(out, t)
	}
	return out
}
