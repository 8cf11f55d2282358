package api

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

var update = flag.Bool("update", false, "write what comes as what must come")

const weatherTool = `{"type":"function","function":{"name":"weather","description":"Forecast.","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}},"required":["city"]}}}`

// exchanges are requests whose answers are held byte for byte against testdata/golden.
var exchanges = []struct{ name, path, body string }{
	{"chat", "/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"hi"}]}`},
	{"chat-stream", "/v1/chat/completions", `{"model":"mtplx","messages":[{"role":"user","content":"hi"}],"stream":true}`},
	{"chat-stream-usage", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true},"max_tokens":6}`},
	{"chat-unicode-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"unicode"}],"stream":true}`},
	{"chat-tools", "/v1/chat/completions", `{"messages":[{"role":"user","content":"weather?"}],"tools":[` + weatherTool + `]}`},
	{"chat-tools-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"weather?"}],"tools":[` + weatherTool + `],"stream":true}`},
	{"chat-hermes-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hermes"}],"tools":[` + weatherTool + `],"stream":true}`},
	{"chat-thinking", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"enable_thinking":true}`},
	{"chat-thinking-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"reasoning_effort":"low","stream":true,"stream_options":{"include_usage":true}}`},
	{"chat-mtplx-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_mtplx":true}}`},
	{"chat-mtplx-unicode-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"unicode"}],"stream":true,"stream_options":{"include_mtplx":true},"max_tokens":9,"return_token_ids":true}`},
	{"chat-mtplx-thinking-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"enable_thinking":true,"stream":true,"stream_options":{"include_mtplx":true}}`},
	{"chat-mtplx-budget-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"enable_thinking":true,"thinking_budget":5,"stream":true,"stream_options":{"include_mtplx":true}}`},
	{"chat-mtplx-tools-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"weather?"}],"tools":[` + weatherTool + `],"stream":true,"stream_options":{"include_mtplx":true}}`},
	{"completion-mtplx-stream", "/v1/completions", `{"prompt":"say","max_tokens":6,"stream":true,"stream_options":{"include_mtplx":true},"stop":["ld"]}`},
	{"chat-logprobs", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"logprobs":true,"top_logprobs":2,"max_tokens":2}`},
	{"chat-logprobs-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"unicode"}],"logprobs":true,"max_tokens":5,"stream":true,"return_token_ids":true}`},
	{"chat-n", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"n":2,"max_tokens":5}`},
	{"chat-stop", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"stop":[", w","zzz"]}`},
	{"chat-broken-stream", "/v1/chat/completions", `{"messages":[{"role":"user","content":"break"}],"stream":true}`},
	{"completion", "/v1/completions", `{"prompt":"say","max_tokens":5}`},
	{"completion-stream", "/v1/completions", `{"prompt":"say","max_tokens":50,"stream":true,"stream_options":{"include_usage":true}}`},
	{"completion-prompts", "/v1/completions", `{"prompt":["say","unicode"],"max_tokens":4,"echo":true}`},
	{"completion-tokens", "/v1/completions", `{"prompt":[115,97,121],"logprobs":1,"max_tokens":2}`},
	{"completion-logprobs-stream", "/v1/completions", `{"prompt":"say","logprobs":2,"max_tokens":6,"stream":true}`},
	{"messages", "/v1/messages?beta=true", `{"model":"tiny","max_tokens":50,"system":[{"type":"text","text":"Be kind.","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"hi"}]}`},
	{"messages-stream", "/v1/messages", `{"model":"tiny","max_tokens":5,"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}],"stream":true}`},
	{"messages-tools", "/v1/messages", `{"model":"tiny","max_tokens":500,"messages":[{"role":"user","content":"weather?"}],"tools":[{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}},{"type":"web_search_20250305","name":"web_search"}]}`},
	{"messages-tools-stream", "/v1/messages", `{"model":"tiny","max_tokens":500,"messages":[{"role":"user","content":"weather?"}],"tools":[{"name":"weather","input_schema":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}}}],"stream":true}`},
	{"messages-thinking", "/v1/messages", `{"model":"tiny","max_tokens":500,"messages":[{"role":"user","content":"hi"}],"thinking":{"type":"enabled","budget_tokens":1024}}`},
	{"messages-thinking-stream", "/v1/messages", `{"model":"tiny","max_tokens":500,"messages":[{"role":"user","content":"hi"}],"thinking":{"type":"enabled","budget_tokens":1024},"stream":true}`},
	{"messages-stop", "/v1/messages", `{"model":"tiny","max_tokens":500,"messages":[{"role":"user","content":"hi"}],"stop_sequences":["world","x"]}`},
	{"messages-empty-stream", "/v1/messages", `{"model":"tiny","max_tokens":500,"messages":[{"role":"user","content":"empty"}],"stream":true}`},
	{"messages-broken-stream", "/v1/messages", `{"model":"tiny","max_tokens":500,"messages":[{"role":"user","content":"break"}],"stream":true}`},
	{"count-tokens", "/v1/messages/count_tokens", `{"model":"tiny","messages":[{"role":"user","content":"hi"}]}`},
	{"responses", "/v1/responses", `{"model":"tiny","input":"hi","instructions":"Be kind."}`},
	{"responses-stream", "/v1/responses", `{"model":"tiny","input":[{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}],"stream":true,"store":false,"include":["reasoning.encrypted_content"],"prompt_cache_key":"k","client_metadata":{"a":"b"}}`},
	{"responses-tools-stream", "/v1/responses", `{"model":"tiny","input":"weather?","tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"}}},"strict":false},{"type":"web_search"},{"type":"namespace","name":"x"}],"tool_choice":"auto","parallel_tool_calls":false,"stream":true}`},
	{"responses-lines-stream", "/v1/responses", "{\"input\":\"hi\",\"tools\":[\n],\"metadata\":{\n\"a\":\r\n\"b\"},\"stream\":true}"},
	{"responses-thinking", "/v1/responses", `{"input":"hi","reasoning":{"effort":"medium","summary":"auto"}}`},
	{"responses-thinking-stream", "/v1/responses", `{"input":"hi","reasoning":{"effort":"medium","summary":"auto"},"stream":true}`},
	{"responses-length-stream", "/v1/responses", `{"input":"hi","max_output_tokens":3,"stream":true}`},
	{"responses-broken-stream", "/v1/responses", `{"input":"break","stream":true}`},
	{"responses-probe", "/v1/responses", `{"input":[],"max_output_tokens":1}`},
	{"responses-probe-stream", "/v1/responses", `{"input":[],"max_output_tokens":1,"stream":true}`},
	{"responses-input-tokens", "/v1/responses/input_tokens", `{"model":"tiny","input":"hi","instructions":"Be kind."}`},
	{"responses-no-input-tokens", "/v1/responses/input_tokens", `{"input":[]}`},
	{"tokenize", "/tokenize", `{"content":"a<|im_end|>é","with_pieces":true}`},
	{"tokenize-messages", "/tokenize", `{"messages":[{"role":"user","content":"hi"}]}`},
	{"detokenize", "/detokenize", `{"tokens":[104,105,195,169,256]}`},
	{"apply-template", "/apply-template", `{"messages":[{"role":"developer","content":"Be kind."},{"role":"user","content":"hi"},{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Oslo\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"4 C"}],"tools":[` + weatherTool + `]}`},
}

func TestGolden(t *testing.T) {
	for _, x := range exchanges {
		t.Run(x.name, func(t *testing.T) {
			r := newRig(t, nil)
			res, body := r.do(t, "POST", x.path, x.body)
			got := fmt.Sprintf("%s\n%s\n\n%s", res.Status, res.Header.Get("Content-Type"), body)
			name := filepath.Join("testdata", "golden", x.name+".txt")
			if *update {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("answer\n%s\nwant (testdata/golden/%s.txt)\n%s", got, x.name, want)
			}
			for line := range strings.Lines(body) {
				data, ok := strings.CutPrefix(line, "data: ")
				if !ok && strings.HasPrefix(body, "{") {
					data, ok = body, true
				}
				if data = strings.TrimSpace(data); ok && data != "[DONE]" && !gjson.Valid(data) {
					t.Errorf("not JSON: %s", data)
				}
			}
		})
	}
}
