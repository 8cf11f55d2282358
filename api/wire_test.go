package api

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// event is one of a stream: its name, where the dialect has names, and its data.
type event struct {
	name string
	data gjson.Result
	raw  string
}

// events cuts a stream, and checks that it is nothing but events: lines of a name and of data, and an empty line.
func events(t *testing.T, stream string) []event {
	t.Helper()
	rest, whole := strings.CutSuffix(stream, "\n\n")
	if !whole {
		t.Fatalf("the stream ends within an event: %q", stream[max(0, len(stream)-100):])
	}
	var out []event
	for block := range strings.SplitSeq(rest, "\n\n") {
		var e event
		for line := range strings.SplitSeq(block, "\n") {
			switch name, value, _ := strings.Cut(line, ": "); name {
			case "event":
				e.name = value
			case "data":
				e.raw += value
			default:
				t.Fatalf("a line of the stream is %q", line)
			}
		}
		e.data = gjson.Parse(e.raw)
		out = append(out, e)
	}
	return out
}

// Every stream obeys its dialect's rules, whatever the golden files say.
func TestStreamsObeyTheirDialects(t *testing.T) {
	rules := map[string]func(*testing.T, gjson.Result, []event){
		"/v1/chat/completions": openaiRules, "/v1/completions": openaiRules, "/v1/messages": anthropicRules, "/v1/responses": responsesRules,
	}
	seen := map[string]int{}
	for _, x := range exchanges {
		body := gjson.Parse(x.body)
		if !body.Get("stream").Bool() {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			r := newRig(t, nil)
			res, stream := r.do(t, "POST", x.path, x.body)
			if ct := res.Header.Get("Content-Type"); !strings.HasPrefix(ct, "text/event-stream") {
				t.Fatalf("the type is %q: %s", ct, stream)
			}
			rules[x.path](t, body, events(t, stream))
			seen[x.path]++
		})
	}
	for path := range rules {
		if seen[path] < 2 {
			t.Errorf("%d streams of %s were looked at", seen[path], path)
		}
	}
}

// The role comes first, on a chunk of its own choice; every chunk has one id, time and model; each choice finishes once, on
// an empty delta, after which it says nothing; usage comes where it was asked for, alone and next to last; [DONE] ends it, after
// errors as well.
func openaiRules(t *testing.T, body gjson.Result, list []event) {
	t.Helper()
	if list[len(list)-1].raw != "[DONE]" {
		t.Fatalf("the last event is %q", list[len(list)-1].raw)
	}
	list = list[:len(list)-1]
	chat := body.Get("messages").Exists()
	begun, finished, usage, failed := map[int64]bool{}, map[int64]bool{}, 0, false
	for i, e := range list {
		if e.data.Get("error").Exists() {
			if failed = true; i != len(list)-1 {
				t.Errorf("after an error there is %s", list[i+1].raw)
			}
			continue
		}
		for _, field := range []string{"id", "created", "model", "object"} {
			if got, want := e.data.Get(field).Raw, list[0].data.Get(field).Raw; got != want || got == "" {
				t.Errorf("event %d has %s %s, the first %s", i, field, got, want)
			}
		}
		choices := e.data.Get("choices").Array()
		if len(choices) == 0 {
			if usage++; !e.data.Get("usage.total_tokens").Exists() || i != len(list)-1 {
				t.Errorf("event %d of %d has no choice: %s", i, len(list), e.raw)
			}
		}
		for _, c := range choices {
			n := c.Get("index").Int()
			if chat && begun[n] == (c.Get("delta.role").String() == "assistant") {
				t.Errorf("event %d: begun %v, and %s", i, begun[n], e.raw)
			}
			begun[n] = true
			if finished[n] {
				t.Errorf("event %d goes on with a choice that has finished: %s", i, e.raw)
			}
			if c.Get("finish_reason").String() != "" {
				finished[n] = true
				if chat && c.Get("delta").Raw != "{}" {
					t.Errorf("the last delta is %s", c.Get("delta").Raw)
				}
			}
		}
	}
	asked := body.Get("stream_options.include_usage").Bool() || body.Get("stream_options.include_mtplx").Bool() // which brings it
	if !failed && (usage == 1) != asked {
		t.Errorf("%d events with usage; it was asked for: %v", usage, asked)
	}
	if !failed && len(finished) != len(begun) {
		t.Errorf("of %d choices %d have finished", len(begun), len(finished))
	}
}

// message_start, then blocks that begin, go on and end one after the other with deltas of their own kind, then message_delta with
// the reason, then message_stop; or an error that ends it.
func anthropicRules(t *testing.T, _ gjson.Result, list []event) {
	t.Helper()
	kinds := map[string]string{"text": "text_delta", "thinking": "thinking_delta signature_delta", "tool_use": "input_json_delta"}
	state, open, next := "", "", int64(0)
	for i, e := range list {
		if kind := e.data.Get("type").String(); kind != e.name {
			t.Errorf("event %q has type %q", e.name, kind)
		}
		index := e.data.Get("index").Int()
		ok := false
		switch e.name {
		case "message_start":
			ok = i == 0 && e.data.Get("message.role").String() == "assistant"
		case "content_block_start":
			ok = state != "" && open == "" && index == next
			open = kinds[e.data.Get("content_block.type").String()]
		case "content_block_delta":
			ok = open != "" && index == next && strings.Contains(open, e.data.Get("delta.type").String())
		case "content_block_stop":
			ok = open != "" && index == next
			open, next = "", next+1
		case "message_delta":
			ok = open == "" && e.data.Get("delta.stop_reason").String() != "" && e.data.Get("usage.output_tokens").Exists()
		case "message_stop":
			ok = state == "message_delta" && i == len(list)-1
		case "error":
			ok = i == len(list)-1 && e.data.Get("error.type").String() != "" && e.data.Get("error.message").String() != ""
		case "ping":
			ok = i > 0
		}
		if !ok {
			t.Errorf("event %d, after %q: %s", i, state, e.raw)
		}
		state = e.name
	}
	if state != "message_stop" && state != "error" {
		t.Errorf("the last event is %q", state)
	}
}

// Events are numbered, have their names as types, open and close each item, and end with what became of the response.
func responsesRules(t *testing.T, _ gjson.Result, list []event) {
	t.Helper()
	if list[len(list)-1].raw == "[DONE]" { // some clients wait for it, others overlook it
		list = list[:len(list)-1]
	}
	open := ""
	for i, e := range list {
		if kind := e.data.Get("type").String(); kind != e.name || e.data.Get("sequence_number").Int() != int64(i) {
			t.Errorf("event %d is %q with type %q and number %s", i, e.name, kind, e.data.Get("sequence_number"))
		}
		last := i == len(list)-1
		switch e.name {
		case "response.created", "response.in_progress":
			if i > 1 || e.data.Get("response.id").String() == "" {
				t.Errorf("event %d: %s", i, e.raw)
			}
		case "response.completed", "response.incomplete", "response.failed":
			if status := e.data.Get("response.status").String(); !last || e.name != "response."+status {
				t.Errorf("event %d of %d with status %q: %s", i, len(list), status, e.name)
			}
			continue
		case "response.output_item.added":
			if open != "" {
				t.Errorf("event %d opens an item in another", i)
			}
			open = e.data.Get("item.id").String()
		case "response.output_item.done":
			if id := e.data.Get("item.id").String(); id != open || id == "" {
				t.Errorf("event %d ends item %q, open is %q", i, id, open)
			}
			open = ""
		case "error":
		default:
			if id := e.data.Get("item_id").String(); id != open || id == "" {
				t.Errorf("event %d is about item %q, open is %q: %s", i, id, open, e.raw)
			}
		}
		if last {
			t.Errorf("the last event is %s", e.name)
		}
	}
}
