package api

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mtplx/sched"
	"mtplx/sched/bank"
)

// Where a request belongs and how it uses the session bank reaches the engine, from headers and body.
func TestSessionsReachTheEngine(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Defaults.Depth = sched.Auto })
	for _, c := range []struct {
		extra   string
		headers []string
		want    sched.Reuse
	}{
		{``, nil, sched.Reuse{}},
		{`,"user":"u"`, nil, sched.Reuse{Session: "u"}},
		{`,"user":"u","metadata":{"chat_id":"c"}`, nil, sched.Reuse{Session: "c"}},
		{`,"user":"u"`, []string{"X-Session-Id: h"}, sched.Reuse{Session: "h"}},
		{``, []string{"X-Session-Id: h", "X-Mtplx-Session-Id: m"}, sched.Reuse{Session: "m"}},
		{``, []string{"X-Mtplx-Cache-Mode: bypass"}, sched.Reuse{Mode: bank.Off}},
		{`,"cache_prompt":false`, []string{"X-Mtplx-Restore-Mode: clone"}, sched.Reuse{Mode: bank.Off}},
		{`,"metadata":{"cache_mode":"stateless"}`, nil, sched.Reuse{Mode: bank.Off}},
		{``, []string{"X-Mtplx-Restore-Mode: clone"}, sched.Reuse{Mode: bank.Clone}},
	} {
		body := strings.TrimSuffix(hi, "}") + c.extra + "}"
		if res, answer := r.do(t, "POST", "/v1/chat/completions", body, c.headers...); res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", body, answer)
		}
		q := r.engine.last()
		q.Reuse.Stable = 0 // see TestSharedBeginningsReachTheEngine
		if q.Reuse != c.want || q.Depth != sched.Auto {
			t.Errorf("%s %v: %+v at depth %d, want %+v at the server's own", c.extra, c.headers, q.Reuse, q.Depth, c.want)
		}
	}
	r.do(t, "POST", "/v1/chat/completions", strings.TrimSuffix(hi, "}")+`,"priority":3,"t_max_predict_ms":60000}`)
	if q := r.engine.last(); q.Priority != 3 || time.Until(q.Deadline) < 50*time.Second || time.Until(q.Deadline) > time.Minute {
		t.Errorf("priority %d, deadline in %v; want 3 and about a minute", q.Priority, time.Until(q.Deadline))
	}
}

// Tokens that came from the session bank are shown in each dialect's way.
func TestCachedTokens(t *testing.T) {
	r := newRig(t, nil)
	r.engine.cached = 15
	_, body := r.do(t, "POST", "/v1/chat/completions", hi)
	if u := gjson.Get(body, "usage"); u.Get("prompt_tokens").Int() != 21 || u.Get("prompt_tokens_details.cached_tokens").Int() != 15 {
		t.Errorf("OpenAI: %s", u)
	}
	_, body = r.do(t, "POST", "/v1/messages", `{"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}`)
	if u := gjson.Get(body, "usage"); u.Get("input_tokens").Int() != 6 || u.Get("cache_read_input_tokens").Int() != 15 {
		t.Errorf("Anthropic: %s", u)
	}
	_, body = r.do(t, "POST", "/v1/responses", `{"input":"hi"}`)
	if u := gjson.Get(body, "usage"); u.Get("input_tokens").Int() != 21 || u.Get("input_tokens_details.cached_tokens").Int() != 15 {
		t.Errorf("responses: %s", u)
	}
	_, text := r.do(t, "GET", "/metrics", "")
	_, body = r.do(t, "POST", "/v1/chat/completions", strings.TrimSuffix(hi, "}")+`,"n":2}`)
	if u := gjson.Get(body, "usage"); u.Get("prompt_tokens").Int() != 21 || u.Get("prompt_tokens_details.cached_tokens").Int() != 21 {
		t.Errorf("two choices of one prompt: %s", u)
	}
	for _, want := range []string{
		`mtplx_prompt_tokens_total{model_name="tiny"} 63`, `vllm:prefix_cache_hits_total{model_name="tiny"} 45`, `vllm:prefix_cache_queries_total{model_name="tiny"} 63`,
		`vllm:generation_tokens_total{model_name="tiny"} 37`, `vllm:request_success_total{finished_reason="stop",model_name="tiny"} 2`,
		`vllm:request_success_total{finished_reason="length",model_name="tiny"} 1`, `vllm:time_to_first_token_seconds_count{model_name="tiny"} 3`,
		`vllm:spec_decode_num_accepted_tokens_per_pos_total{model_name="tiny",position="0"}`, `mtplx_http_requests_total{model_name="tiny",route="/v1/messages",status="200"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

// What was proposed is counted by who proposed it, in the metrics, in the log and, where asked for, in the stream.
func TestProposalsAreToldApart(t *testing.T) {
	var log bytes.Buffer
	r := newRig(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	_, body := r.do(t, "POST", "/v1/chat/completions", strings.TrimSuffix(hi, "}")+`,"stream":true,"stream_options":{"include_usage":true,"include_mtplx":true}}`)
	if want := `"by_source":{"head":{"proposed":7,"accepted":7},"correction_cache":{"proposed":4,"accepted":4}}`; !strings.Contains(body, want) {
		t.Errorf("the stream lacks %s:\n%s", want, body)
	}
	_, text := r.do(t, "GET", "/metrics", "")
	for _, want := range []string{
		`mtplx_proposed_tokens_total{model_name="tiny",source="head"} 7`, `mtplx_proposed_accepted_tokens_total{model_name="tiny",source="head"} 7`,
		`mtplx_proposed_tokens_total{model_name="tiny",source="correction_cache"} 4`, `mtplx_proposed_accepted_tokens_total{model_name="tiny",source="correction_cache"} 4`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(text, `source="copy"`) {
		t.Error("metrics tell of copies that nobody made")
	}
	if want := "by_correction_cache.proposed=4 by_correction_cache.accepted=4"; !strings.Contains(log.String(), want) {
		t.Errorf("the log lacks %s:\n%s", want, log.String())
	}
}

// What an answer must look like becomes a constraint on the engine's tokens.
func TestFormatsBecomeConstraints(t *testing.T) {
	r := newRig(t, nil)
	const tool = `"tools":[` + weatherTool + `],"tool_choice":`
	for _, c := range []struct {
		path, extra string
		begins      string // "" for a free answer
	}{
		{"/v1/chat/completions", ``, ""},
		{"/v1/chat/completions", `,` + tool + `"auto"`, ""},
		{"/v1/chat/completions", `,"response_format":{"type":"text"}`, ""},
		{"/v1/chat/completions", `,"response_format":{"type":"json_object"}`, "{"},
		{"/v1/chat/completions", `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"array"}}}`, "["},
		{"/v1/chat/completions", `,"guided_json":{"type":"array"}`, "["},
		{"/v1/chat/completions", `,"json_schema":{"type":"array"}`, "["},
		{"/v1/chat/completions", `,"guided_regex":"q+"`, "q"},
		{"/v1/chat/completions", `,"structured_outputs":{"choice":["yes","yellow"]}`, "ye"},
		{"/v1/chat/completions", `,` + tool + `"required"`, "<tool_call>\n"},
		{"/v1/chat/completions", `,` + tool + `{"type":"function","function":{"name":"weather"}}`, "<tool_call>\n"},
		{"/v1/messages", `,"max_tokens":9,"tools":[{"name":"weather","input_schema":{"type":"object"}}],"tool_choice":{"type":"any"}`, "<tool_call>\n"},
		{"/v1/messages", `,"max_tokens":9,"output_config":{"format":{"type":"json_schema","schema":{"type":"array"}}}`, "["},
		{"/v1/completions", `,"prompt":"x","response_format":{"type":"json_object"}`, "{"},
	} {
		if res, body := r.do(t, "POST", c.path, strings.TrimSuffix(hi, "}")+c.extra+"}"); res.StatusCode != http.StatusOK {
			t.Errorf("%s %s: %s", c.path, c.extra, body)
			continue
		}
		got := r.engine.last().Constraint
		if (got == nil) != (c.begins == "") {
			t.Errorf("%s %s: constraint %v", c.path, c.extra, got)
			continue
		}
		for i := range len(c.begins) {
			mask := make([]uint64, (r.engine.tok.Size()+63)/64)
			got.Mask(mask)
			for id := range int32(r.engine.tok.Size()) {
				allowed := mask[id/64]>>(id%64)&1 == 1
				if want := id == int32(c.begins[i]); allowed != want {
					t.Errorf("%s %s: after %q token %d is allowed: %v", c.path, c.extra, c.begins[:i], id, allowed)
				}
			}
			if !got.Advance(int32(c.begins[i])) {
				t.Errorf("%s %s: %q is not taken", c.path, c.extra, c.begins[:i+1])
				break
			}
		}
	}
	// Where tools may be called beside a format, the answer is in the format or calls them.
	for extra, first := range map[string]string{
		tool + `"auto"`: "<[", tool + `"none"`: "[", tool + `"required"`: "<", `"tools":[` + weatherTool + `]`: "<[",
	} {
		r.do(t, "POST", "/v1/chat/completions", strings.TrimSuffix(hi, "}")+`,`+extra+`,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"array"}}}}`)
		mask, begins := make([]uint64, (r.engine.tok.Size()+63)/64), []rune{}
		r.engine.last().Constraint.Mask(mask)
		for id := range int32(r.engine.tok.Size()) {
			if mask[id/64]>>(id%64)&1 == 1 {
				begins = append(begins, id)
			}
		}
		if string(begins) != first {
			t.Errorf("%s beside a format: answers begin with one of %q, want %q", extra, begins, first)
		}
	}
	const broken = `"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"$ref":"#/x"}}}}}]`
	if _, body := r.do(t, "POST", "/v1/chat/completions", strings.TrimSuffix(hi, "}")+`,`+broken+`,"response_format":{"type":"json_object"}}`); gjson.Get(body, "error.param").String() != "tools" {
		t.Errorf("a tool that no answer can be held to, beside a format: %s", body)
	}
	// Thoughts that the prompt has opened are free until they end.
	r.do(t, "POST", "/v1/chat/completions", strings.TrimSuffix(hi, "}")+`,"enable_thinking":true,"response_format":{"type":"json_object"}}`)
	got := r.engine.last().Constraint
	for _, id := range r.engine.tok.Encode(nil, "hm x</think>", false) {
		if !got.Advance(id) {
			t.Fatalf("token %d is not taken in thoughts", id)
		}
	}
	if got.Advance('x') || !got.Advance('{') {
		t.Error("after thoughts the format does not hold")
	}
	if res, body := r.do(t, "POST", "/v1/chat/completions", strings.TrimSuffix(hi, "}")+`,"guided_regex":"a","response_format":{"type":"json_object"}}`); res.StatusCode != http.StatusBadRequest || gjson.Get(body, "error.param").String() != "guided_regex" {
		t.Errorf("two forms at once: %s %s", res.Status, body)
	}
}

// A budget of thoughts is kept to the token, however chunks fall, and the answer goes on after them.
func TestThinkingBudget(t *testing.T) {
	for _, step := range []int{1, 3, 4, 9, 50} {
		r := newRig(t, nil)
		r.engine.perStep = step
		ask := func(path, body, thoughts, content string) string {
			t.Helper()
			res, body := r.do(t, "POST", path, body)
			if res.StatusCode != http.StatusOK || gjson.Get(body, thoughts).String() != "hm, w" || gjson.Get(body, content).String() != "Done." {
				t.Errorf("%d tokens a cycle, %s: %s", step, path, body)
			}
			return body
		}
		body := ask("/v1/chat/completions", strings.TrimSuffix(hi, "}")+`,"enable_thinking":true,"thinking_budget":5,"max_tokens":100,"seed":1}`, "choices.0.message.reasoning_content", "choices.0.message.content")
		if n := gjson.Get(body, "usage.completion_tokens").Int(); n != 5+6 {
			t.Errorf("%d tokens a cycle: %d tokens were counted, want 11", step, n)
		}
		if q := r.engine.last(); q.Limits.MaxTokens != 95 || q.Seed != 1 {
			t.Errorf("%d tokens a cycle: the second session has %d tokens and seed %d, want 95 and 1", step, q.Limits.MaxTokens, q.Seed)
		}
		ask("/v1/messages", `{"max_tokens":100,"thinking":{"type":"enabled","budget_tokens":5},"messages":[{"role":"user","content":"hi"}]}`, "content.0.thinking", "content.1.text")
		// A budget that thoughts do not reach changes nothing.
		_, body = r.do(t, "POST", "/v1/chat/completions", strings.TrimSuffix(hi, "}")+`,"enable_thinking":true,"thinking_budget":50}`)
		if gjson.Get(body, "choices.0.message.reasoning_content").String() != "hm, well" || gjson.Get(body, "choices.0.message.content").String() != "Hello." {
			t.Errorf("%d tokens a cycle, room enough: %s", step, body)
		}
	}
}

// Silence is filled with pings, in each dialect's way.
func TestPings(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Ping = 5 * time.Millisecond })
	for path, ping := range map[string]string{"/v1/chat/completions": ": ping", "/v1/messages": "event: ping"} {
		c, in := r.dial(t)
		post(c, path, `{"max_tokens":50,"messages":[{"role":"user","content":"hang"}],"stream":true}`)
		until(t, in, "hang")
		until(t, in, ping)
		until(t, in, ping)
		_ = c.Close()
	}
}

// Markers of calls that are special tokens, which decoding leaves out, are seen where there are tools.
func TestSpecialMarkers(t *testing.T) {
	r := newRig(t, nil)
	p := r.prompts
	tok := &specialMarkers{r.engine.tok}
	p.model.Tokenizer = tok
	text := func(body string) string {
		t.Helper()
		if res, answer := r.do(t, "POST", "/v1/chat/completions", body); res.StatusCode != http.StatusOK {
			t.Fatal(answer)
		}
		d := r.engine.last().Detok
		out := d.Append(nil, 'a')
		out = d.Append(out, thinkEnd)
		out = d.Append(out, imEnd)
		return string(d.Flush(d.Append(out, 'b')))
	}
	if got := text(hi); got != "a</think>b" {
		t.Errorf("decoded %q, want the marker and no other special token", got)
	}
}

// specialMarkers says that every whole token is special.
type specialMarkers struct{ *bytesTokenizer }

func (s *specialMarkers) IsSpecial(id int32) bool { return id >= 256 }
