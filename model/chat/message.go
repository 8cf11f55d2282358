package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Message is one turn of a conversation.
type Message struct {
	Role string // system, developer, user, assistant, tool

	// The text is Content, or, where Parts is not nil, the list of parts, each a dict with a type and
	// what belongs to it (see TextPart). NoContent stands for a null, which assistants send beside calls.
	Content   string
	Parts     []Value
	NoContent bool

	Reasoning  string     // reasoning_content
	ToolCalls  []ToolCall // of an assistant
	ToolCallID string     // of a tool's result
	Name       string     // of a tool's result, or of a speaker

	Extra []Pair // further keys, for templates that read them
}

// ToolCall is a function call that the model made.
type ToolCall struct {
	ID        string
	Name      string
	Arguments string // a JSON object as text; templates see it as a mapping in this order; "" is {}
}

// TextPart returns {"type": "text", "text": text}.
func TextPart(text string) Value {
	return Dict(Pair{"type", String("text")}, Pair{"text", String(text)})
}

// Options are what a request adds to its messages. The zero value adds nothing.
type Options struct {
	AddGenerationPrompt bool // end with the start of an assistant's turn

	// ContinueFinalMessage ends the prompt inside the last message, which the model then goes on with.
	// It excludes AddGenerationPrompt.
	ContinueFinalMessage bool

	Tools          []Value          // what FromJSON makes of each tool's schema; none is None
	EnableThinking *bool            // nil leaves it to the template
	Kwargs         []Pair           // chat_template_kwargs; cannot replace messages, tools and the like
	Now            func() time.Time // for strftime_now; nil is time.Now
}

var reserved = []string{"messages", "tools", "documents", "add_generation_prompt"}

// With returns a copy of the template that sees further variables in every render, such as bos_token and
// eos_token. A render's own variables of the same names come first.
func (t *Template) With(vars ...Pair) *Template {
	c := *t
	c.vars = slices.Concat(t.vars, vars)
	return &c
}

// RenderChat renders a conversation into a prompt, as apply_chat_template in transformers does: tools
// and documents are None where there are none, and ContinueFinalMessage cuts the text where the last
// message's content ends. The error is an *Error where the template fails (see Render), and otherwise
// names the message that is wrong.
func (t *Template) RenderChat(messages []Message, o Options) (string, error) {
	if o.ContinueFinalMessage && o.AddGenerationPrompt {
		return "", errors.New("render chat: a final message cannot be continued when a generation prompt is added, choose one")
	}
	partsAllowed := true
	for _, m := range messages {
		if m.Parts != nil {
			partsAllowed = t.readsParts()
			break
		}
	}
	items := make([]Value, len(messages))
	final := ""
	for i, m := range messages {
		if o.ContinueFinalMessage && i == len(messages)-1 {
			var err error
			if m, final, err = markFinal(m); err != nil {
				return "", fmt.Errorf("render chat: message %d: %w", i, err)
			}
		}
		v, err := m.value(partsAllowed)
		if err != nil {
			return "", fmt.Errorf("render chat: message %d: %w", i, err)
		}
		items[i] = v
	}
	if o.ContinueFinalMessage && len(messages) == 0 {
		return "", errors.New("render chat: there is no final message to continue")
	}
	vars := []Pair{
		{"messages", List(items...)},
		{"tools", None()},
		{"documents", None()},
		{"add_generation_prompt", Bool(o.AddGenerationPrompt)},
	}
	if len(o.Tools) > 0 {
		vars[1].Value = List(o.Tools...)
	}
	if o.EnableThinking != nil {
		vars = append(vars, Pair{"enable_thinking", Bool(*o.EnableThinking)})
	}
	for _, p := range o.Kwargs {
		if slices.Contains(reserved, p.Key) {
			return "", fmt.Errorf("render chat: template argument %q is set by the conversation itself, leave it out", p.Key)
		}
		vars = append(vars, p)
	}
	text, err := t.render(vars, o.Now)
	if err != nil || !o.ContinueFinalMessage {
		return text, err
	}
	return cutFinal(text, final)
}

// value is the message as templates see it.
func (m Message) value(partsAllowed bool) (Value, error) {
	d := newDict(8)
	d.setString("role", String(m.Role))
	switch {
	case m.NoContent:
		d.setString("content", None())
	case m.Parts != nil && partsAllowed:
		d.setString("content", List(m.Parts...))
	case m.Parts != nil:
		text, err := joinParts(m.Parts)
		if err != nil {
			return Value{}, err
		}
		d.setString("content", String(text))
	default:
		d.setString("content", String(m.Content))
	}
	if m.Reasoning != "" {
		d.setString("reasoning_content", String(m.Reasoning))
	}
	if len(m.ToolCalls) > 0 {
		calls := make([]Value, len(m.ToolCalls))
		for i, c := range m.ToolCalls {
			v, err := c.value()
			if err != nil {
				return Value{}, fmt.Errorf("tool call %d (%q): %w", i, c.Name, err)
			}
			calls[i] = v
		}
		d.setString("tool_calls", List(calls...))
	}
	if m.ToolCallID != "" {
		d.setString("tool_call_id", String(m.ToolCallID))
	}
	if m.Name != "" {
		d.setString("name", String(m.Name))
	}
	for _, p := range m.Extra {
		d.setString(p.Key, p.Value)
	}
	return Value{k: kindDict, p: d}, nil
}

func (c ToolCall) value() (Value, error) {
	arguments := Dict()
	if strings.TrimSpace(c.Arguments) != "" {
		var err error
		if arguments, err = FromJSON([]byte(c.Arguments)); err != nil {
			return Value{}, fmt.Errorf("arguments: %w", err)
		}
		if arguments.k != kindDict {
			return Value{}, fmt.Errorf("arguments are a JSON %s, not an object: %q", arguments.typeName(), sourceLine(c.Arguments, 1))
		}
	}
	call := newDict(3)
	if c.ID != "" {
		call.setString("id", String(c.ID))
	}
	call.setString("type", String("function"))
	call.setString("function", Dict(Pair{"name", String(c.Name)}, Pair{"arguments", arguments}))
	return Value{k: kindDict, p: call}, nil
}

// joinParts makes one string of text parts, for templates that know strings only.
func joinParts(parts []Value) (string, error) {
	texts := make([]string, len(parts))
	for i, p := range parts {
		text, ok := p.Get("text").Text()
		if !ok {
			kind, _ := p.Get("type").Text()
			return "", fmt.Errorf("content part %d of type %q has no text, and this model's template takes text only", i, kind)
		}
		texts[i] = text
	}
	return strings.Join(texts, "\n"), nil
}

// readsParts finds out whether the template can read content that is a list, by showing it one.
func (t *Template) readsParts() bool {
	const mark = "b6d1c9f4part"
	probe := List(Dict(Pair{"role", String("user")}, Pair{"content", List(TextPart(mark))}))
	text, err := t.render([]Pair{
		{"messages", probe},
		{"tools", None()},
		{"documents", None()},
		{"add_generation_prompt", Bool(false)},
	}, nil)
	i := strings.Index(text, mark)
	// A template that prints the list as Python or JSON would leaves a quote before the text.
	return err == nil && i >= 0 && (i == 0 || text[i-1] != '\'' && text[i-1] != '"')
}

// continueTag marks where the final message's content ends; transformers uses the same, and some
// templates look for it.
const continueTag = "CONTINUE_FINAL_MESSAGE_TAG "

// markFinal appends the tag to a message's text and returns the text that was there.
func markFinal(m Message) (Message, string, error) {
	switch {
	case m.NoContent:
		return m, "", errors.New("it has no content to continue")
	case m.Parts == nil:
		final := m.Content
		m.Content += continueTag
		return m, final, nil
	}
	for i := len(m.Parts) - 1; i >= 0; i-- {
		text, ok := m.Parts[i].Get("text").Text()
		if !ok {
			continue
		}
		part := m.Parts[i].dict().copy()
		part.setString("text", String(text+continueTag))
		m.Parts = slices.Clone(m.Parts)
		m.Parts[i] = Value{k: kindDict, p: part}
		return m, text, nil
	}
	return m, "", errors.New("none of its parts has text to continue")
}

// cutFinal ends the prompt at the tag, without the space that a template trimmed.
func cutFinal(text, final string) (string, error) {
	i := strings.LastIndex(text, strings.TrimSpace(continueTag))
	if i < 0 || !strings.Contains(text, strip(final, "", true, true, true)) {
		return "", errors.New("render chat: the final message cannot be continued, as the template leaves out or rewrites its content")
	}
	if strings.HasPrefix(text[i:], continueTag) {
		return text[:i], nil
	}
	return strip(text[:i], "", true, false, true), nil
}
