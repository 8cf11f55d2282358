package constrain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Tool is a function that can be called.
type Tool struct {
	Name string
	// Parameters is the JSON schema of its arguments, an object; empty for a function without any.
	Parameters []byte
}

// ToolFormat is how a model writes a call.
type ToolFormat uint8

const (
	// Hermes is a JSON object: <tool_call>\n{"name": NAME, "arguments": {...}}\n</tool_call>.
	Hermes ToolFormat = iota
	// QwenXML has each argument by itself, strings as they are and other values as JSON:
	// <tool_call>\n<function=NAME>\n<parameter=KEY>\nVALUE\n</parameter>\n</function>\n</tool_call>.
	QwenXML
)

func (s *Spec) checkTools() error {
	if s.ToolFormat > QwenXML {
		return &Error{Path: "ToolFormat", Problem: fmt.Sprintf("%d is none that is known", s.ToolFormat), Remedy: "use Hermes or QwenXML"}
	}
	if len(s.Tools) == 0 {
		return &Error{Path: "Tools", Problem: "is empty", Remedy: "give at least one"}
	}
	if len(s.Tools) > maxTools {
		return tooLarge("Tools", "", fmt.Sprintf("there are %d", len(s.Tools)), maxTools, "give fewer")
	}
	seen, bytes := map[string]bool{}, 0
	for i, t := range s.Tools {
		if bytes += len(t.Parameters); bytes > maxInput {
			return tooLarge("Tools", "", "the schemas together take too many bytes", maxInput, "send smaller ones")
		}
		if t.Name == "" || len(t.Name) > 256 || strings.ContainsFunc(t.Name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`<>="\`, r) }) {
			return &Error{Path: fmt.Sprintf("Tools[%d]", i), Keyword: "name", Problem: fmt.Sprintf("%q is no name of a function", clip(t.Name)), Remedy: "use 1 to 256 letters, digits, hyphens, underscores and points"}
		}
		if seen[t.Name] {
			return &Error{Path: fmt.Sprintf("Tools[%d]", i), Keyword: "name", Problem: fmt.Sprintf("%q is there twice", t.Name), Remedy: "remove one"}
		}
		seen[t.Name] = true
	}
	return nil
}

// toolCalls takes one call, or more where they may be parallel.
func (c *Compiler) toolCalls(b *builder, s *Spec, from, to int32) error {
	begin := b.text(b.marker(c, 0, from), "\n")
	closing := b.state()
	for i, t := range s.Tools {
		field := fmt.Sprintf("Tools[%d] (%s)", i, t.Name)
		params := t.Parameters
		if len(params) == 0 {
			params = []byte(`{"type":"object","additionalProperties":false}`)
		}
		tree, err := parseTree(params, field)
		if err != nil {
			return err
		}
		e := &emitter{b: b, r: newReader(tree, c.o), scope: strconv.Itoa(i) + " "}
		if s.ToolFormat == QwenXML {
			e.xmlCall(t.Name, conj{tree.root}, begin, closing)
		} else {
			now := b.space(b.text(begin, `{"name":`))
			now = b.space(b.text(now, quote(t.Name)+","))
			now = b.space(b.text(now, `"arguments":`))
			args := b.state()
			b.call(now, e.ruleOf(conj{tree.root}, typeObject), args)
			b.textTo(args, "}", closing)
		}
		e.finish()
		if b.err != nil {
			return inTool(b.err, field)
		}
	}
	end := b.marker(c, 1, b.text(closing, "\n"))
	b.empty(end, to)
	if s.Parallel {
		b.textTo(b.marker(c, 0, b.text(end, "\n")), "\n", begin)
	}
	return nil
}

// marker takes one of the markers: the special token where there is one, else its text.
func (b *builder) marker(c *Compiler, i int, from int32) int32 {
	if c.marked[i] {
		return b.text(from, markerText(i))
	}
	return b.text(from, markers[i])
}

// inTool names the function in an error of its schema.
func inTool(err error, field string) error {
	if own, ok := errors.AsType[*Error](err); ok {
		named := *own
		named.Path = field + " " + own.Path
		return &named
	}
	return err
}
