package main

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// What commands show of a server is what the server counted: the names on both sides fit.
func TestCommandsThatAskARunningServer(t *testing.T) {
	const key = "a-key-of-ours"
	s := serve(t, "--warmup-tokens", "0", "--api-key", key)
	ask := func(args ...string) gjson.Result {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), binary(t), append(args, "--json", "--url", s.url)...)
		cmd.Env = append(os.Environ(), "MTPLX_AUTH="+key, "HOME="+t.TempDir())
		out, err := cmd.Output()
		if err != nil || !gjson.ValidBytes(out) {
			t.Fatalf("mtplx %s: %v, %s", strings.Join(args, " "), err, out)
		}
		return gjson.ParseBytes(out)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/chat/completions",
		strings.NewReader(`{"model":"mtplx","max_tokens":40,"seed":1,"messages":[{"role":"user","content":"Write a Python function that checks if a number is prime."}]}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	written := gjson.ParseBytes(answer)

	status := ask("status")
	for range 100 { // an answer is counted once it is out
		if status.Get("answers.finished").Int() == 1 && status.Get("answers.running").Int() == 0 {
			break
		}
		status = ask("status")
	}
	metrics := ask("metrics", "watch", "--once")
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"tokens written, by status", status.Get("tokens.completion").Int(), written.Get("usage.completion_tokens").Int()},
		{"tokens written, by metrics", metrics.Get("completion_tokens").Int(), written.Get("usage.completion_tokens").Int()},
		{"tokens of prompts, by status", status.Get("tokens.prompt").Int(), written.Get("usage.prompt_tokens").Int()},
		{"tokens of prompts, by metrics", metrics.Get("prompt_tokens").Int(), written.Get("usage.prompt_tokens").Int()},
		{"answers, by status", status.Get("answers.finished").Int(), 1},
		{"answers, by metrics", metrics.Get("answers").Int(), 1},
		{"answers at once", status.Get("answers.max_running").Int(), 16},
	} {
		if c.got != c.want || c.got == 0 {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
	for _, path := range []string{"acceptance_by_depth.0", "bank.max_bytes", "memory.pages", "uptime_s", "context_window"} {
		if status.Get(path).Float() <= 0 {
			t.Errorf("status says nothing of %s: %s", path, status.Raw)
		}
	}
	if a, b := status.Get("acceptance_by_depth").Raw, metrics.Get("acceptance_by_depth").Raw; a != b {
		t.Errorf("acceptance is %s by status and %s by metrics", a, b)
	}
	if status.Get("device").String() == "" || status.Get("model").String() != metrics.Get("model").String() || !metrics.Get("ready").Bool() {
		t.Errorf("status %s\nmetrics %s", status.Raw, metrics.Raw)
	}
	if c := ask("connect", "codex"); !c.Get("server.api_key_required").Bool() || c.Get("server.context_window").Int() != status.Get("context_window").Int() {
		t.Errorf("connect %s", c.Raw)
	}
	for _, client := range []string{"claude-code", "codex", "openwebui"} {
		smoke := ask("connect", client, "--smoke").Get("smoke")
		if !smoke.Get("ok").Bool() || smoke.Get("tokens").Int() < 2 || smoke.Get("first_token_s").Float() <= 0 || smoke.Get("tok_s").Float() <= 0 {
			t.Errorf("connect %s --smoke: %s", client, smoke.Raw)
		}
	}
}
