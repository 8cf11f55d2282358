package output

import (
	"strings"
)

const (
	thinkOpen, thinkClose = "<think>", "</think>"
	callOpen, callClose   = "<tool_call>", "</tool_call>"
)

// Options say what a Splitter looks for.
type Options struct {
	// Thoughts splits <think> off; Thinking says that the prompt has opened it already.
	Thoughts, Thinking bool
	// Tools are the tools that may be called: their JSON schemas by name. Nil finds no calls.
	Tools map[string]string
	// NewID names a call.
	NewID func() string
}

// state is where in an answer a Splitter is.
type state uint8

const (
	inContent state = iota
	inThoughts
	inCall // after <tool_call>, in a notation not known yet
	inQwen
	inHermes
)

// Splitter finds thoughts and tool calls in a text that arrives in chunks.
type Splitter struct {
	opt   Options
	state state
	text  string // not given out yet
	read  int    // bytes that have been written to it, those of text included
	began bool   // content has been given out: <think> in it is what the model writes about
	after bool   // white space at the beginning is dropped: it follows thoughts or a call
	gap   string // white space before <tool_call>, which counts if that begins no call

	calls  int
	qwen   qwen
	hermes hermes
	events []Event
}

// NewSplitter starts an answer.
func NewSplitter(o Options) *Splitter {
	s := &Splitter{opt: o}
	if o.Thoughts && o.Thinking {
		s.state = inThoughts
		s.after = true
	}
	return s
}

// Thinking tells whether the text so far ends in thoughts.
func (s *Splitter) Thinking() bool { return s.state == inThoughts }

// Calls is how many tool calls have begun.
func (s *Splitter) Calls() int { return s.calls }

// Plain tells whether every text is content as it stands, so that events need no splitter.
func (s *Splitter) Plain() bool { return !s.opt.Thoughts && s.opt.Tools == nil }

// Write takes the next text and returns its events, which are valid until the next call.
func (s *Splitter) Write(text string) []Event {
	s.events = s.events[:0]
	s.text += text
	s.read += len(text)
	for s.step(false) {
	}
	return s.events
}

// Close ends the text and returns what was held back.
func (s *Splitter) Close() []Event {
	s.events = s.events[:0]
	for s.step(true) {
	}
	return s.events
}

// step handles as much of the text as is clear; false says that more is needed. At the end everything is
// clear.
func (s *Splitter) step(end bool) bool {
	switch s.state {
	case inThoughts:
		return s.thoughts(end)
	case inCall:
		return s.notation(end)
	case inQwen:
		return s.stepQwen(end)
	case inHermes:
		return s.stepHermes(end)
	default:
		return s.content(end)
	}
}

// find returns where the first of the tags stands in the text, or how much of the text is surely before
// any.
func find(text string, end bool, tags ...string) (at int, tag string) {
	at = len(text)
	for _, t := range tags {
		if i := strings.Index(text, t); i >= 0 && i < at {
			at, tag = i, t
		}
	}
	if tag != "" || end {
		return at, tag
	}
	for _, t := range tags {
		for n := min(len(t)-1, len(text)); n > 0; n-- {
			if strings.HasSuffix(text, t[:n]) {
				at = min(at, len(text)-n)
				break
			}
		}
	}
	return at, ""
}

func (s *Splitter) content(end bool) bool {
	if s.opt.Thoughts && !s.began { // thoughts come first or not at all
		rest := strings.TrimLeft(s.text, " \t\r\n")
		if strings.HasPrefix(rest, thinkOpen) {
			s.text = rest[len(thinkOpen):]
			s.state, s.after = inThoughts, true
			return true
		}
		if !end && len(rest) < len(thinkOpen) && strings.HasPrefix(thinkOpen, rest) {
			return false
		}
	}
	if s.opt.Tools == nil {
		s.emitContent(s.text, s.read)
		s.text = ""
		return false
	}
	at, tag := find(s.text, end, callOpen)
	before := s.text[:at]
	if tag != "" || !end { // white space before a call belongs to neither
		before = strings.TrimRight(before, " \t\r\n")
	}
	s.gap = s.text[len(before):at]
	s.emitContent(before, s.read-len(s.text)+len(before))
	if tag == "" {
		s.text = s.text[len(before):]
		return false
	}
	s.text = s.text[at+len(tag):]
	s.state = inCall
	return true
}

// emitContent gives out text that ends after so many bytes of all that was written.
func (s *Splitter) emitContent(text string, end int) {
	if s.after {
		text = strings.TrimLeft(text, " \t\r\n")
	}
	if text == "" {
		return
	}
	s.after, s.began = false, true
	s.emit(Event{Kind: Content, Text: text, End: end})
}

func (s *Splitter) thoughts(end bool) bool {
	at, tag := find(s.text, end, thinkClose)
	before := s.text[:at]
	if tag != "" || !end {
		before = strings.TrimRight(before, " \t\r\n")
	}
	held := s.text[len(before):]
	if s.after {
		before = strings.TrimLeft(before, " \t\r\n")
	}
	if before != "" {
		s.after = false
		s.emit(Event{Kind: Reasoning, Text: before, End: s.read - len(held)})
	}
	if tag == "" {
		s.text = held
		if end {
			s.text = ""
		}
		return false
	}
	s.text = s.text[at+len(tag):]
	s.state, s.after = inContent, true
	return true
}

// notation decides how a call is written.
func (s *Splitter) notation(end bool) bool {
	rest := strings.TrimLeft(s.text, " \t\r\n")
	switch {
	case strings.HasPrefix(rest, "{"):
		s.state, s.hermes = inHermes, hermes{}
		s.hermes.skipped = s.text[:len(s.text)-len(rest)]
		s.text = rest
		return true
	case strings.HasPrefix(rest, functionOpen):
		if i := strings.IndexByte(rest, '>'); i >= 0 {
			name := strings.TrimSpace(rest[len(functionOpen):i])
			if _, known := s.opt.Tools[name]; known {
				s.state, s.qwen = inQwen, qwen{types: propertyTypes(s.opt.Tools[name])}
				s.text = rest[i+1:]
				s.begin(name)
				return true
			}
			s.giveUp(callOpen)
			return true
		}
		if len(rest) < 256 && !strings.Contains(rest, "\n") && !end {
			return false
		}
	case len(rest) < len(functionOpen) && strings.HasPrefix(functionOpen, rest) && !end:
		return false
	}
	s.giveUp(callOpen)
	return true
}

// giveUp makes what began as a call content: raw is what has been taken off the text since.
func (s *Splitter) giveUp(raw string) {
	s.state = inContent
	s.emitContent(s.gap+raw, s.read-len(s.text))
}

func (s *Splitter) begin(name string) {
	e := Event{Kind: CallStart, Call: s.calls, Name: name}
	if s.opt.NewID != nil {
		e.ID = s.opt.NewID()
	}
	s.calls++
	s.emit(e)
}

func (s *Splitter) delta(text string) {
	if text != "" {
		s.emit(Event{Kind: CallDelta, Call: s.calls - 1, Text: text})
	}
}

func (s *Splitter) endCall() {
	s.emit(Event{Kind: CallEnd, Call: s.calls - 1})
	s.state, s.after = inContent, true
}

// emit adds an event; pieces of the same thing become one.
func (s *Splitter) emit(e Event) {
	if n := len(s.events); n > 0 && e.Text != "" {
		if last := &s.events[n-1]; last.Kind == e.Kind && last.Call == e.Call && last.Text != "" {
			last.Text, last.End = last.Text+e.Text, e.End
			return
		}
	}
	s.events = append(s.events, e)
}
