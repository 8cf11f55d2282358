package openai

import (
	"github.com/tidwall/gjson"

	"mtplx/api/request"
)

// ParseResponse reads the body of /v1/responses. The server keeps no responses, so the input is the whole
// conversation. A request without any input gives no messages.
func ParseResponse(o *request.Object) (*request.Request, error) {
	r := &request.Request{N: 1, Parallel: true, CallIDs: "call_"}
	if err := refuse(o); err != nil {
		return nil, err
	}
	if err := r.Sampling(o); err != nil {
		return nil, err
	}
	var err error
	if r.MaxTokens, err = request.TokenLimit(o, 1, "max_output_tokens"); err != nil {
		return nil, err
	}
	if err := refuseLogprobs(o); err != nil {
		return nil, err
	}
	instructions, err := o.String("instructions")
	if err != nil {
		return nil, err
	}
	if err := input(o, r); err != nil {
		return nil, err
	}
	if instructions != "" && len(r.Messages) > 0 {
		r.Messages = append([]request.Message{{Role: request.System, Content: instructions}}, r.Messages...)
	}
	err = o.List("tools", func(t *request.Object) error {
		kind, err := t.String("type")
		if err != nil || kind != "function" { // tools that the vendor's servers run
			return err
		}
		return addTool(r, t)
	})
	if err != nil {
		return nil, err
	}
	if r.Parallel, err = o.Bool("parallel_tool_calls", true); err != nil {
		return nil, err
	}
	if err := toolChoice(o, r); err != nil {
		return nil, err
	}
	text, err := o.Object("text")
	if err != nil {
		return nil, err
	}
	if text != nil {
		f, err := text.Object("format")
		if err != nil {
			return nil, err
		}
		if f != nil {
			if err := format(f, r); err != nil {
				return nil, err
			}
		}
	}
	reasoning, err := o.Object("reasoning")
	if err != nil || reasoning == nil {
		return r, err
	}
	effort, err := reasoning.Enum("effort", "none", "minimal", "low", "medium", "high", "xhigh", "max")
	r.SetEffort(effort)
	return r, err
}

// input reads a string, or a list of items.
func input(o *request.Object, r *request.Request) error {
	v, ok := o.Raw("input")
	if !ok {
		return nil
	}
	if v.Type == gjson.String {
		if v.Str != "" {
			r.Messages = append(r.Messages, request.Message{Role: request.User, Content: v.Str})
		}
		return nil
	}
	thoughts := ""
	err := o.List("input", func(item *request.Object) error {
		kind, err := item.String("type")
		if err != nil {
			return err
		}
		switch kind {
		case "", "message":
			return inputMessage(r, item, &thoughts)
		case "reasoning":
			for _, field := range []string{"content", "summary"} {
				text, err := content(item, field, "reasoning_text", "summary_text", "text")
				if err != nil {
					return err
				}
				if text != "" {
					thoughts = text
					break
				}
			}
			return nil
		case "function_call", "custom_tool_call":
			return inputCall(r, item, &thoughts)
		case "function_call_output", "custom_tool_call_output":
			return inputResult(r, item)
		case "item_reference":
			return request.Errorf(item.Name("type"), "%s refers to a stored item; send the item itself: this server keeps none", item.Name("type"))
		}
		return nil // records of tools that the vendor's servers ran
	})
	if err == nil && len(r.Messages) > request.MaxMessages {
		err = request.Errorf("input", "input has more than %d messages", request.MaxMessages)
	}
	return err
}

func inputMessage(r *request.Request, item *request.Object, thoughts *string) error {
	role, err := item.Enum("role", "user", "assistant", "system", "developer")
	if err != nil {
		return err
	}
	if role == "" {
		return request.Errorf(item.Name("role"), "%s is missing", item.Name("role"))
	}
	m := request.Message{Role: request.Role(role)}
	if role == "developer" {
		m.Role = request.System
	}
	if m.Content, err = content(item, "content", "input_text", "output_text", "text"); err != nil {
		return err
	}
	if m.Role == request.Assistant {
		m.Reasoning, *thoughts = *thoughts, ""
	}
	r.Messages = append(r.Messages, m)
	return nil
}

// inputCall adds a call to the assistant's turn before it, or begins one.
func inputCall(r *request.Request, item *request.Object, thoughts *string) error {
	var c request.Call
	var p request.Problems
	request.Set(&p, &c.ID, func() (string, error) { return item.String("call_id") })
	request.Set(&p, &c.Name, func() (string, error) { return item.String("name") })
	request.Set(&p, &c.Arguments, func() (string, error) { return item.String("arguments") })
	if p.Err != nil {
		return p.Err
	}
	if c.Name == "" {
		return request.Errorf(item.Name("name"), "%s is missing", item.Name("name"))
	}
	if n := len(r.Messages); n > 0 && r.Messages[n-1].Role == request.Assistant && *thoughts == "" {
		r.Messages[n-1].Calls = append(r.Messages[n-1].Calls, c)
		return nil
	}
	m := request.Message{Role: request.Assistant, Calls: []request.Call{c}}
	m.Reasoning, *thoughts = *thoughts, ""
	r.Messages = append(r.Messages, m)
	return nil
}

func inputResult(r *request.Request, item *request.Object) error {
	m := request.Message{Role: request.ToolRole}
	var err error
	if m.CallID, err = item.String("call_id"); err != nil {
		return err
	}
	if v, ok := item.Raw("output"); ok && v.IsObject() { // {"content": ...} as older agents send it
		m.Content = v.Get("content").String()
	} else if m.Content, err = content(item, "output", "input_text", "output_text", "text"); err != nil {
		return err
	}
	for i := len(r.Messages) - 1; i >= 0 && m.Name == ""; i-- {
		for _, c := range r.Messages[i].Calls {
			if c.ID == m.CallID {
				m.Name = c.Name
			}
		}
	}
	r.Messages = append(r.Messages, m)
	return nil
}

// refuseLogprobs refuses what asks for log probabilities, which this server's events of this dialect do not show.
func refuseLogprobs(o *request.Object) error {
	const instead = "this server gives log probabilities in /v1/chat/completions and /v1/completions only"
	n, err := o.Whole("top_logprobs", 0, 20)
	if err != nil {
		return err
	}
	if n > 0 {
		return request.Errorf("top_logprobs", "top_logprobs is %d; %s", n, instead)
	}
	include, _ := o.Raw("include")
	for _, v := range include.Array() {
		if v.Str == "message.output_text.logprobs" {
			return request.Errorf("include", "include has %s; %s", request.Quote(v.Str), instead)
		}
	}
	return nil
}
