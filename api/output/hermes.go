package output

import (
	"strings"

	"github.com/tidwall/gjson"
)

// maxCall bounds a call of Hermes' notation that has to be kept whole.
const maxCall = 1 << 20

// hermes is where in a call of Hermes' notation a Splitter is.
type hermes struct {
	skipped  string // white space before the object
	raw      string // the object so far, while nothing of it has been streamed
	scan     scanner
	object   int  // depth below which the arguments end
	streams  bool // the arguments go out as they come
	finished bool // the arguments have ended
	done     bool // the object has ended
}

// scanner follows JSON's brackets and strings.
type scanner struct {
	depth             int
	inString, escaped bool
}

func (c *scanner) step(b byte) {
	switch {
	case c.escaped:
		c.escaped = false
	case c.inString:
		switch b {
		case '\\':
			c.escaped = true
		case '"':
			c.inString = false
		}
	case b == '"':
		c.inString = true
	case b == '{' || b == '[':
		c.depth++
	case b == '}' || b == ']':
		c.depth--
	}
}

func (s *Splitter) stepHermes(end bool) bool {
	h := &s.hermes
	if h.done {
		rest := strings.TrimLeft(s.text, " \t\r\n")
		switch {
		case strings.HasPrefix(rest, callClose):
			s.text = rest[len(callClose):]
		case !end && len(rest) < len(callClose) && strings.HasPrefix(callClose, rest):
			return false
		}
		s.endCall()
		return s.text != ""
	}
	for i := 0; i < len(s.text); i++ {
		h.scan.step(s.text[i])
		if h.streams {
			if !h.finished && h.scan.depth == h.object {
				s.delta(s.text[:i+1])
				s.text, h.finished = s.text[i+1:], true
				i = -1
			} else if h.finished && h.scan.depth == 0 {
				s.text, h.done = s.text[i+1:], true
				return true
			}
			continue
		}
		h.raw += s.text[i : i+1]
		if h.scan.depth == 0 && !h.scan.inString {
			s.text = s.text[i+1:]
			return s.wholeHermes()
		}
		if s.text[i] == '{' && h.scan.depth == 2 && !h.scan.inString {
			if name, ok := argumentsBegin(h.raw); ok {
				if _, known := s.opt.Tools[name]; known {
					s.begin(name)
					h.streams, h.object = true, 1
					s.text = s.text[i:]
					i = 0 // the bracket has been scanned; it goes out with the arguments
				}
			}
		}
		if len(h.raw) > maxCall {
			break
		}
	}
	if h.streams {
		if !h.finished {
			s.delta(s.text)
		}
		s.text = ""
		return false
	}
	s.text = ""
	if end || len(h.raw) > maxCall {
		s.giveUp(callOpen + h.skipped + h.raw)
		h.raw = ""
	}
	return false
}

// argumentsBegin tells whether raw is {"name": "...", "arguments": { up to that bracket, and the name.
func argumentsBegin(raw string) (name string, ok bool) {
	closed := raw + "}}"
	if !gjson.Valid(closed) {
		return "", false
	}
	v := gjson.Parse(closed)
	n := v.Get("name")
	last := ""
	v.ForEach(func(k, _ gjson.Result) bool {
		last = k.Str
		return true
	})
	return n.Str, n.Type == gjson.String && (last == "arguments" || last == "parameters")
}

// wholeHermes handles an object that could not be streamed: its keys stand in another order, or its
// arguments are a string that holds JSON.
func (s *Splitter) wholeHermes() bool {
	h := &s.hermes
	v := gjson.Parse(h.raw)
	name, args := v.Get("name"), v.Get("arguments")
	if !args.Exists() {
		args = v.Get("parameters")
	}
	_, known := s.opt.Tools[name.Str]
	if !gjson.Valid(h.raw) || name.Type != gjson.String || !known {
		s.giveUp(callOpen + h.skipped + h.raw)
		return true
	}
	raw := args.Raw
	switch {
	case args.Type == gjson.String && gjson.Valid(args.Str):
		raw = args.Str
	case !args.Exists() || args.Type == gjson.Null:
		raw = "{}"
	}
	s.begin(name.Str)
	s.delta(raw)
	h.done = true
	return true
}
