package anthropic

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"mtplx/api/request"
)

// billing begins a line that some clients put into the system prompt. It changes with every request, so
// that no two share a prefix, and tells the model nothing.
const billing = "x-anthropic-billing-header"

// Parse reads the body of /v1/messages.
func Parse(o *request.Object) (*request.Request, error) {
	if !o.Has("max_tokens") {
		return nil, request.Errorf("max_tokens", "max_tokens is missing; give the most tokens that the answer may have")
	}
	return ParseCount(o)
}

// ParseCount reads the body of /v1/messages/count_tokens, which needs no max_tokens.
func ParseCount(o *request.Object) (*request.Request, error) {
	r := &request.Request{N: 1, Parallel: true, CallIDs: "toolu_"}
	if err := r.Sampling(o); err != nil {
		return nil, err
	}
	var err error
	if r.MaxTokens, err = request.TokenLimit(o, 1, "max_tokens"); err != nil {
		return nil, err
	}
	if r.Stops, err = o.Strings("stop_sequences", request.MaxStops); err != nil {
		return nil, err
	}
	if err := system(o, r); err != nil {
		return nil, err
	}
	given := len(r.Messages)
	if err := o.List("messages", func(m *request.Object) error { return message(r, m) }); err != nil {
		return nil, err
	}
	if len(r.Messages) == given {
		return nil, request.Errorf("messages", "messages is empty; give at least one message")
	}
	if len(r.Messages) > request.MaxMessages {
		return nil, request.Errorf("messages", "messages has more than %d entries", request.MaxMessages)
	}
	last := &r.Messages[len(r.Messages)-1]
	r.Continue = last.Role == request.Assistant && len(last.Calls) == 0 // the dialect's prefill
	if err := tools(o, r); err != nil {
		return nil, err
	}
	if err := thinking(o, r); err != nil {
		return nil, err
	}
	return r, format(o, r)
}

// system reads the system prompt: a string or blocks of text.
func system(o *request.Object, r *request.Request) error {
	v, ok := o.Raw("system")
	if !ok {
		return nil
	}
	var parts []string
	if v.Type == gjson.String {
		parts = append(parts, v.Str)
	} else {
		err := o.List("system", func(b *request.Object) error {
			kind, err := b.Enum("type", "text")
			if err != nil {
				return err
			}
			if kind == "" {
				return request.Errorf(b.Name("type"), "%s is missing", b.Name("type"))
			}
			text, err := b.String("text")
			parts = append(parts, text)
			return err
		})
		if err != nil {
			return err
		}
	}
	kept := parts[:0]
	for _, p := range parts {
		if p = stripBilling(p); p != "" {
			kept = append(kept, p)
		}
	}
	if len(kept) > 0 {
		r.Messages = append(r.Messages, request.Message{Role: request.System, Content: strings.Join(kept, "\n\n")})
	}
	return nil
}

// stripBilling drops lines that only a vendor's accounting reads.
func stripBilling(text string) string {
	if !strings.Contains(text, billing) {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), billing) {
			b.WriteString(line)
		}
	}
	return b.String()
}

// message reads one message. A tool's results become messages of their own, before what the user says.
func message(r *request.Request, o *request.Object) error {
	role, err := o.Enum("role", "user", "assistant", "system")
	if err != nil {
		return err
	}
	if role == "" {
		return request.Errorf(o.Name("role"), "%s is missing", o.Name("role"))
	}
	m := request.Message{Role: request.Role(role)}
	v, ok := o.Raw("content")
	if !ok {
		return request.Errorf(o.Name("content"), "%s is missing", o.Name("content"))
	}
	if v.Type == gjson.String {
		m.Content = v.Str
		r.Messages = append(r.Messages, m)
		return nil
	}
	results := 0
	var texts []string
	err = o.List("content", func(b *request.Object) error {
		kind, err := b.String("type")
		if err != nil {
			return err
		}
		var p request.Problems
		switch kind {
		case "text":
			var text string
			request.Set(&p, &text, func() (string, error) { return b.String("text") })
			texts = append(texts, text)
		case "thinking":
			request.Set(&p, &m.Reasoning, func() (string, error) { return b.String("thinking") })
		case "redacted_thinking":
		case "tool_use":
			var c request.Call
			request.Set(&p, &c.ID, func() (string, error) { return b.String("id") })
			request.Set(&p, &c.Name, func() (string, error) { return b.String("name") })
			if in, ok := b.Raw("input"); ok {
				c.Arguments = in.Raw
			}
			m.Calls = append(m.Calls, c)
		case "tool_result":
			t := request.Message{Role: request.ToolRole}
			request.Set(&p, &t.CallID, func() (string, error) { return b.String("tool_use_id") })
			request.Set(&p, &t.Content, func() (string, error) { return resultText(b) })
			t.Name = callName(r, t.CallID)
			r.Messages = append(r.Messages, t)
			results++
		default:
			return request.Errorf(b.Name("type"), "%s is %s; this model reads text, thinking, tool_use and tool_result", b.Name("type"), request.Quote(kind))
		}
		return p.Err
	})
	if err != nil {
		return err
	}
	m.Content = strings.Join(texts, "\n\n")
	if m.Role == request.Assistant {
		m.Content = strings.Join(texts, "")
	}
	if m.Content != "" || len(m.Calls) > 0 || m.Reasoning != "" || results == 0 {
		r.Messages = append(r.Messages, m)
	}
	return nil
}

// resultText reads a tool's result: a string or blocks of text.
func resultText(b *request.Object) (string, error) {
	v, ok := b.Raw("content")
	if !ok || v.Type == gjson.String {
		return v.Str, nil
	}
	var texts []string
	err := b.List("content", func(part *request.Object) error {
		kind, err := part.String("type")
		if err != nil {
			return err
		}
		if kind != "text" {
			return request.Errorf(part.Name("type"), "%s is %s; this model reads text only", part.Name("type"), request.Quote(kind))
		}
		text, err := part.String("text")
		texts = append(texts, text)
		return err
	})
	return strings.Join(texts, "\n"), err
}

// callName finds which tool a result belongs to: templates may ask for it.
func callName(r *request.Request, id string) string {
	for _, m := range slices.Backward(r.Messages) {
		for _, c := range m.Calls {
			if c.ID == id {
				return c.Name
			}
		}
	}
	return ""
}

// tools reads tools and tool_choice. Tools that the vendor's servers run have a type and no input_schema.
func tools(o *request.Object, r *request.Request) error {
	err := o.List("tools", func(t *request.Object) error {
		if kind, err := t.String("type"); err != nil || kind != "" && kind != "custom" {
			return err
		}
		var tool request.Tool
		var p request.Problems
		request.Set(&p, &tool.Name, func() (string, error) { return t.String("name") })
		request.Set(&p, &tool.Description, func() (string, error) { return t.String("description") })
		if p.Err != nil {
			return p.Err
		}
		if tool.Name == "" {
			return request.Errorf(t.Name("name"), "%s is missing", t.Name("name"))
		}
		v, ok := t.Raw("input_schema")
		if ok && !v.IsObject() {
			return request.Errorf(t.Name("input_schema"), "%s is no JSON schema; give an object", t.Name("input_schema"))
		}
		tool.Parameters = v.Raw
		return r.AddTool(tool, t.Name("name"))
	})
	if err != nil {
		return err
	}
	c, err := o.Object("tool_choice")
	if err != nil || c == nil {
		return err
	}
	kind, err := c.Enum("type", "auto", "any", "tool", "none")
	if err != nil {
		return err
	}
	switch kind {
	case "":
		return request.Errorf("tool_choice.type", "tool_choice.type is missing")
	case "any":
		r.ToolMode = request.ToolsRequired
	case "none":
		r.ToolMode = request.ToolsNone
	case "tool":
		r.ToolMode = request.ToolsNamed
		if r.ToolName, err = c.String("name"); err != nil {
			return err
		}
	}
	single, err := c.Bool("disable_parallel_tool_use", false)
	if err != nil {
		return err
	}
	r.Parallel = !single
	return r.CheckToolChoice()
}

// thinking reads whether the model is to think first.
func thinking(o *request.Object, r *request.Request) error {
	t, err := o.Object("thinking")
	if err != nil {
		return err
	}
	if t != nil {
		kind, err := t.Enum("type", "enabled", "disabled", "adaptive")
		if err != nil {
			return err
		}
		switch kind {
		case "":
			return request.Errorf("thinking.type", "thinking.type is missing")
		case "disabled":
			r.Thinking = new(false)
		case "enabled":
			r.Thinking = new(true)
		}
		if r.ThinkingBudget, err = t.Whole("budget_tokens", 0, 1<<30); err != nil {
			return err
		}
	}
	c, err := o.Object("output_config")
	if err != nil || c == nil {
		return err
	}
	effort, err := c.Enum("effort", "low", "medium", "high", "xhigh", "max")
	if err != nil {
		return err
	}
	r.Effort = effort
	return nil
}

// format reads structured output: output_config.format, or output_format as it was called first.
func format(o *request.Object, r *request.Request) error {
	holder, field := o, "output_format"
	if c, err := o.Object("output_config"); err != nil {
		return err
	} else if c != nil && c.Has("format") {
		holder, field = c, "format"
	}
	f, err := holder.Object(field)
	if err != nil || f == nil {
		return err
	}
	if kind, err := f.Enum("type", "json_schema"); err != nil || kind == "" {
		if err == nil {
			err = request.Errorf(f.Name("type"), "%s is missing", f.Name("type"))
		}
		return err
	}
	v, ok := f.Raw("schema")
	if !ok || !v.IsObject() {
		return request.Errorf(f.Name("schema"), "%s is no JSON schema; give an object", f.Name("schema"))
	}
	return r.SetFormat(request.Format{Kind: request.JSONSchema, Source: v.Raw, Field: f.Name("schema")})
}
