package output

import (
	"strings"

	"github.com/tidwall/gjson"
)

const (
	functionOpen, functionClose   = "<function=", "</function>"
	parameterOpen, parameterClose = "<parameter=", "</parameter>"
)

// qwen is where in a call of Qwen's notation a Splitter is.
type qwen struct {
	types   map[string]string // by parameter: what its schema says
	count   int               // parameters so far
	inValue bool
	literal bool // the value is a string, streamed as it comes
	first   bool // nothing of the value has come yet
	value   string
	ended   bool // after </function>
}

// propertyTypes reads a schema's properties: "string" for those that are surely strings, else "".
func propertyTypes(schema string) map[string]string {
	types := map[string]string{}
	gjson.Get(schema, "properties").ForEach(func(k, v gjson.Result) bool {
		if t := v.Get("type"); t.Type == gjson.String {
			types[k.Str] = t.Str
		} else if t.IsArray() { // a choice: a string only if nothing else fits
			types[k.Str] = ""
		} else if e := v.Get("enum"); e.IsArray() {
			types[k.Str] = "string"
			for _, item := range e.Array() {
				if item.Type != gjson.String {
					types[k.Str] = ""
				}
			}
		}
		return true
	})
	return types
}

func (s *Splitter) stepQwen(end bool) bool {
	if s.qwen.inValue {
		return s.stepValue(end)
	}
	rest := strings.TrimLeft(s.text, " \t\r\n")
	if s.qwen.ended {
		switch {
		case strings.HasPrefix(rest, callClose):
			s.text = rest[len(callClose):]
		case !end && len(rest) < len(callClose) && strings.HasPrefix(callClose, rest):
			return false
		}
		s.endCall()
		return s.text != ""
	}
	switch {
	case strings.HasPrefix(rest, parameterOpen):
		i := strings.IndexByte(rest, '>')
		if i < 0 {
			return s.openEnd(end)
		}
		key := strings.TrimSpace(rest[len(parameterOpen):i])
		s.text = rest[i+1:]
		sep := `{`
		if s.qwen.count > 0 {
			sep = `,`
		}
		s.qwen.count++
		s.delta(string(append(AppendString([]byte(sep), key), ':')))
		t, known := s.qwen.types[key]
		s.qwen.inValue, s.qwen.first, s.qwen.value = true, true, ""
		s.qwen.literal = t == "string" || !known && len(s.qwen.types) == 0
		if s.qwen.literal {
			s.delta(`"`)
		}
		return true
	case strings.HasPrefix(rest, functionClose):
		s.text = rest[len(functionClose):]
		s.closeArguments()
		s.qwen.ended = true
		return true
	case strings.HasPrefix(rest, callClose): // </function> was forgotten
		s.text = rest
		s.closeArguments()
		s.qwen.ended = true
		return true
	case prefixOf(rest, parameterOpen, functionClose, callClose):
		return s.openEnd(end)
	}
	// Something that is no parameter: leave it out up to the next tag.
	at, tag := find(s.text, end, parameterOpen, functionClose, callClose)
	s.text = s.text[at:]
	if tag == "" {
		return s.openEnd(end)
	}
	return true
}

// openEnd is for a call that the text's end may have cut off: it stays open, as a client can see from the
// finish reason and the arguments.
func (s *Splitter) openEnd(end bool) bool {
	if end {
		s.text = ""
	}
	return false
}

func (s *Splitter) closeArguments() {
	if s.qwen.count == 0 {
		s.delta(`{`)
	}
	s.delta(`}`)
}

// stepValue takes a parameter's value, which ends at a closing tag that a known tag follows.
func (s *Splitter) stepValue(end bool) bool {
	if s.qwen.first {
		if s.text == "" || s.text == "\r" && !end {
			return false
		}
		s.text = strings.TrimPrefix(strings.TrimPrefix(s.text, "\r"), "\n")
		s.qwen.first = false
	}
	at, next, found := valueEnd(s.text, end)
	piece := s.text[:at]
	if s.qwen.literal {
		s.delta(string(AppendEscaped(nil, piece)))
	} else {
		s.qwen.value += piece
	}
	s.text = s.text[next:]
	if !found {
		return false
	}
	s.qwen.inValue = false
	if s.qwen.literal {
		s.delta(`"`)
	} else {
		s.delta(typed(s.qwen.value))
	}
	return true
}

// valueEnd finds the end of a value: at is how much of text belongs to it, next where the text goes on.
func valueEnd(text string, end bool) (at, next int, found bool) {
	for from := 0; ; {
		i := strings.Index(text[from:], parameterClose)
		if i < 0 {
			break
		}
		i += from
		rest := text[i+len(parameterClose):]
		after := strings.TrimLeft(rest, " \t\r\n")
		if end && after == "" || hasPrefix(after, parameterOpen, functionClose, callClose) {
			return trimNewline(text, i), i + len(parameterClose), true
		}
		if !end && prefixOf(after, parameterOpen, functionClose, callClose) {
			return trimNewline(text, i), trimNewline(text, i), false
		}
		from = i + len(parameterClose)
	}
	if end {
		return len(text), len(text), false
	}
	at, _ = find(text, false, "\r\n"+parameterClose, "\n"+parameterClose, parameterClose)
	return at, at, false
}

// trimNewline takes the line break before the closing tag off the value.
func trimNewline(text string, i int) int {
	if i > 0 && text[i-1] == '\n' {
		i--
	}
	if i > 0 && text[i-1] == '\r' && i < len(text) && text[i] == '\n' {
		i--
	}
	return i
}

// typed makes JSON of a value that need not be a string: itself where it is JSON, a string otherwise.
func typed(value string) string {
	v := strings.TrimSpace(value)
	switch v {
	case "True", "False", "None": // as Python writes them
		return map[string]string{"True": "true", "False": "false", "None": "null"}[v]
	}
	if v != "" && gjson.Valid(v) {
		return v
	}
	return string(AppendString(nil, value))
}

func hasPrefix(s string, tags ...string) bool {
	for _, t := range tags {
		if strings.HasPrefix(s, t) {
			return true
		}
	}
	return false
}

// prefixOf tells whether s may become one of the tags.
func prefixOf(s string, tags ...string) bool {
	for _, t := range tags {
		if len(s) < len(t) && strings.HasPrefix(t, s) {
			return true
		}
	}
	return false
}
