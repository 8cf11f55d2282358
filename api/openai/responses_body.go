package openai

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"mtplx/api/output"
	"mtplx/api/request"
)

// echoed are the request's fields that a response repeats, with their values where the request has none.
var echoed = []struct{ name, otherwise string }{
	{"instructions", "null"},
	{"max_output_tokens", "null"},
	{"metadata", "{}"},
	{"parallel_tool_calls", "true"},
	{"reasoning", `{"effort":null,"summary":null}`},
	{"temperature", "null"},
	{"text", `{"format":{"type":"text"}}`},
	{"tool_choice", `"auto"`},
	{"tools", "[]"},
	{"top_p", "null"},
	{"user", "null"},
	{"prompt_cache_key", "null"},
}

// appendResponse appends a response object. items is its output, comma-separated; u may be nil, and e the
// error of a failed response.
func appendResponse(dst []byte, m output.Meta, o *request.Object, status, incomplete string, items []byte, u *output.Usage, e *request.Error) []byte {
	dst = output.AppendString(append(dst, `{"id":`...), m.ID)
	dst = strconv.AppendInt(append(dst, `,"object":"response","created_at":`...), m.Created, 10)
	dst = append(append(append(dst, `,"status":"`...), status...), `","error":`...)
	if e != nil {
		dst = output.AppendString(append(dst, `{"code":`...), shapes[e.Kind].kind)
		dst = output.AppendString(append(dst, `,"message":`...), e.Message)
		dst = append(dst, '}')
	} else {
		dst = append(dst, "null"...)
	}
	dst = append(dst, `,"incomplete_details":`...)
	if incomplete != "" {
		dst = output.AppendString(append(dst, `{"reason":`...), incomplete)
		dst = append(dst, '}')
	} else {
		dst = append(dst, "null"...)
	}
	dst = output.AppendString(append(dst, `,"model":`...), m.Model)
	dst = append(dst, `,"output":[`...)
	dst = append(dst, items...)
	dst = append(dst, `],"previous_response_id":null,"store":false,"truncation":"disabled","service_tier":"default","background":false`...)
	for _, f := range echoed {
		dst = append(append(append(dst, `,"`...), f.name...), `":`...)
		if v, ok := o.Raw(f.name); ok {
			dst = append(dst, oneLine(v.Raw)...)
		} else {
			dst = append(dst, f.otherwise...)
		}
	}
	dst = append(dst, `,"usage":`...)
	if u == nil {
		return append(dst, "null}"...)
	}
	dst = strconv.AppendInt(append(dst, `{"input_tokens":`...), int64(u.Prompt), 10)
	dst = strconv.AppendInt(append(dst, `,"input_tokens_details":{"cached_tokens":`...), int64(u.Cached), 10)
	dst = strconv.AppendInt(append(dst, `},"output_tokens":`...), int64(u.Completion), 10)
	dst = strconv.AppendInt(append(dst, `,"output_tokens_details":{"reasoning_tokens":`...), int64(u.Reasoning), 10)
	dst = strconv.AppendInt(append(dst, `},"total_tokens":`...), int64(u.Total()), 10)
	return append(dst, "}}"...)
}

// oneLine takes line breaks out of JSON: an event's data is one line.
func oneLine(raw string) string {
	if !strings.ContainsAny(raw, "\r\n") {
		return raw
	}
	var b bytes.Buffer
	if json.Compact(&b, []byte(raw)) != nil {
		return "null"
	}
	return b.String()
}

// ending is a response's status and why it is incomplete.
func ending(f output.Finish) (status, incomplete string) {
	if f.Reason == "length" {
		return "incomplete", "max_output_tokens"
	}
	return "completed", ""
}

// AppendResponse appends a whole response; c is nil for one without an answer.
func AppendResponse(dst []byte, m output.Meta, o *request.Object, c *output.Choice, u *output.Usage) []byte {
	status, incomplete := "completed", ""
	var items []byte
	if c != nil {
		status, incomplete = ending(c.Finish)
		next := func() item {
			if len(items) > 0 {
				items = append(items, ',')
			}
			return item{id: m.ID[len("resp_"):] + "_" + strconv.Itoa(len(items)), status: status}
		}
		if c.Reasoning != "" {
			it := next()
			it.kind, it.text = reasoningItem, c.Reasoning
			items = it.append(items)
		}
		if c.Content != "" || len(c.Calls) == 0 {
			it := next()
			it.kind, it.text = messageItem, c.Content
			items = it.append(items)
		}
		for _, k := range c.Calls {
			it := next()
			it.kind, it.text, it.name, it.call = callItem, k.Arguments, k.Name, k.ID
			items = it.append(items)
		}
	}
	return appendResponse(dst, m, o, status, incomplete, items, u, nil)
}

// itemKind is a kind of output item.
type itemKind uint8

const (
	noItem itemKind = iota
	messageItem
	reasoningItem
	callItem
)

// item is an output item: text is its text, its thoughts or its arguments.
type item struct {
	kind             itemKind
	id, status, text string
	name, call       string
}

// fullID is the item's id with the prefix of its kind.
func (it *item) fullID() string {
	return map[itemKind]string{messageItem: "msg_", reasoningItem: "rs_", callItem: "fc_"}[it.kind] + it.id
}

// append appends the item as JSON. One that is in progress has no content yet.
func (it *item) append(dst []byte) []byte {
	dst = output.AppendString(append(dst, `{"id":`...), it.fullID())
	started := it.status != "in_progress"
	switch it.kind {
	case messageItem:
		dst = append(dst, `,"type":"message","role":"assistant","content":[`...)
		if started {
			dst = it.appendPart(dst)
		}
		dst = append(dst, ']')
	case reasoningItem:
		dst = append(dst, `,"type":"reasoning","summary":[],"content":[`...)
		if started {
			dst = it.appendPart(dst)
		}
		dst = append(dst, ']')
	case callItem:
		dst = output.AppendString(append(dst, `,"type":"function_call","call_id":`...), it.call)
		dst = output.AppendString(append(dst, `,"name":`...), it.name)
		dst = output.AppendString(append(dst, `,"arguments":`...), it.text)
	case noItem:
	}
	return append(output.AppendString(append(dst, `,"status":`...), it.status), '}')
}

// appendPart appends the item's one content part.
func (it *item) appendPart(dst []byte) []byte {
	if it.kind == reasoningItem {
		dst = output.AppendString(append(dst, `{"type":"reasoning_text","text":`...), it.text)
		return append(dst, '}')
	}
	dst = output.AppendString(append(dst, `{"type":"output_text","text":`...), it.text)
	return append(dst, `,"annotations":[],"logprobs":[]}`...)
}
