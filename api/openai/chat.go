package openai

import (
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"mtplx/api/request"
)

// ParseChat reads the body of /v1/chat/completions.
func ParseChat(o *request.Object) (*request.Request, error) {
	r := &request.Request{N: 1, Parallel: true, CallIDs: "call_"}
	if err := common(o, r); err != nil {
		return nil, err
	}
	var err error
	if r.MaxTokens, err = request.TokenLimit(o, 1, "max_completion_tokens", "max_tokens", "n_predict"); err != nil {
		return nil, err
	}
	if r.Logprobs, err = o.Bool("logprobs", false); err != nil {
		return nil, err
	}
	if r.TopLogprobs, err = o.Whole("top_logprobs", 0, 20); err != nil {
		return nil, err
	}
	if r.TopLogprobs > 0 && !r.Logprobs {
		return nil, request.Errorf("top_logprobs", "top_logprobs is %d, but logprobs is not true", r.TopLogprobs)
	}
	if err := o.List("messages", func(m *request.Object) error { return message(r, m) }); err != nil {
		return nil, err
	}
	if len(r.Messages) == 0 {
		return nil, request.Errorf("messages", "messages is empty; give at least one message")
	}
	if len(r.Messages) > request.MaxMessages {
		return nil, request.Errorf("messages", "messages has %d entries; give at most %d", len(r.Messages), request.MaxMessages)
	}
	if r.Continue, err = o.Bool("continue_final_message", false); err != nil {
		return nil, err
	}
	if r.Continue && r.Messages[len(r.Messages)-1].Role != request.Assistant {
		return nil, request.Errorf("continue_final_message", "continue_final_message needs an assistant's message at the end")
	}
	if err := readTools(o, r); err != nil {
		return nil, err
	}
	if err := responseFormat(o, r); err != nil {
		return nil, err
	}
	return r, thinking(o, r)
}

// common reads what chat and completions share.
func common(o *request.Object, r *request.Request) error {
	if err := refuse(o); err != nil {
		return err
	}
	if err := r.Sampling(o); err != nil {
		return err
	}
	n, err := o.Int("n", 1, request.MaxChoices)
	if err != nil {
		return err
	}
	if n != nil {
		r.N = int(*n)
	}
	if best, err := o.Int("best_of", 1, request.MaxChoices); err != nil {
		return err
	} else if best != nil && int(*best) != r.N {
		return request.Errorf("best_of", "best_of is %d; this server returns every choice, so give n alone", *best)
	}
	if r.Stops, err = o.Strings("stop", request.MaxStops); err != nil {
		return err
	}
	streamOptions, err := o.Object("stream_options")
	if err != nil {
		return err
	}
	if streamOptions != nil {
		if r.IncludeUsage, err = streamOptions.Bool("include_usage", false); err != nil {
			return err
		}
		if r.Provenance, err = streamOptions.Bool("include_mtplx", false); err != nil {
			return err
		}
	}
	ms, err := o.Whole("t_max_predict_ms", 0, 1<<31)
	r.Deadline = time.Duration(ms) * time.Millisecond
	return err
}

// thinking reads what the template's reasoning depends on.
func thinking(o *request.Object, r *request.Request) error {
	if o.Has("enable_thinking") {
		on, err := o.Bool("enable_thinking", true)
		if err != nil {
			return err
		}
		r.Thinking = &on
	}
	effort, err := o.Enum("reasoning_effort", "none", "minimal", "low", "medium", "high", "xhigh", "max")
	if err != nil {
		return err
	}
	r.SetEffort(effort)
	if r.ThinkingBudget, err = o.Whole("thinking_budget", 0, 1<<30); err != nil {
		return err
	}
	kwargs, err := o.Object("chat_template_kwargs")
	if err != nil || kwargs == nil {
		return err
	}
	raw, _ := o.Raw("chat_template_kwargs")
	r.TemplateArgs = raw.Raw
	if kwargs.Has("enable_thinking") {
		on, err := kwargs.Bool("enable_thinking", true)
		if err != nil {
			return err
		}
		r.Thinking = &on
	}
	return nil
}

// message reads one message of a conversation.
func message(r *request.Request, o *request.Object) error {
	role, err := o.Enum("role", "system", "developer", "user", "assistant", "tool")
	if err != nil {
		return err
	}
	if role == "" {
		return request.Errorf(o.Name("role"), "%s is missing", o.Name("role"))
	}
	m := request.Message{Role: request.Role(role)}
	if role == "developer" {
		m.Role = request.System
	}
	if m.Content, err = content(o, "content", "text", "input_text", "output_text", "refusal"); err != nil {
		return err
	}
	if m.Name, err = o.String("name"); err != nil {
		return err
	}
	switch m.Role {
	case request.ToolRole:
		if m.CallID, err = o.String("tool_call_id"); err != nil {
			return err
		}
	case request.Assistant:
		for _, name := range []string{"reasoning_content", "reasoning"} {
			if v, ok := o.Raw(name); ok && v.Type == gjson.String && m.Reasoning == "" {
				m.Reasoning = v.Str
			}
		}
		err = o.List("tool_calls", func(c *request.Object) error {
			call, err := toolCall(c)
			m.Calls = append(m.Calls, call)
			return err
		})
		if err != nil {
			return err
		}
	default:
		if !o.Has("content") {
			return request.Errorf(o.Name("content"), "%s is missing", o.Name("content"))
		}
	}
	r.Messages = append(r.Messages, m)
	return nil
}

// content reads a string, or a list of parts of the given types with a text each.
func content(o *request.Object, field string, types ...string) (string, error) {
	v, ok := o.Raw(field)
	if !ok {
		return "", nil
	}
	if v.Type == gjson.String {
		return v.Str, nil
	}
	var all strings.Builder
	err := o.List(field, func(part *request.Object) error {
		kind, err := part.String("type")
		if err != nil {
			return err
		}
		for _, t := range types {
			if kind == t {
				name := "text"
				if t == "refusal" {
					name = t
				}
				s, err := part.String(name)
				all.WriteString(s)
				return err
			}
		}
		return request.Errorf(part.Name("type"), "%s is %s; this model reads text only", part.Name("type"), request.Quote(kind))
	})
	return all.String(), err
}

func toolCall(o *request.Object) (request.Call, error) {
	var c request.Call
	var p request.Problems
	request.Set(&p, &c.ID, func() (string, error) { return o.String("id") })
	f, err := o.Object("function")
	if p.Err != nil || err != nil {
		return c, firstError(p.Err, err)
	}
	if f == nil {
		return c, request.Errorf(o.Name("function"), "%s is missing", o.Name("function"))
	}
	request.Set(&p, &c.Name, func() (string, error) { return f.String("name") })
	if v, ok := f.Raw("arguments"); ok && v.IsObject() {
		c.Arguments = v.Raw
	} else {
		request.Set(&p, &c.Arguments, func() (string, error) { return f.String("arguments") })
	}
	return c, p.Err
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
