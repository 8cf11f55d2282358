package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// served is a running `mtplx serve`.
type served struct {
	t   *testing.T
	cmd *exec.Cmd
	url string
	log *logBuffer
}

type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// binary is this test's own program under the name by which it runs commands: see TestMain.
func binary(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "mtplx")
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// patience is far above every expected delay, also on a machine that is busy with other tests; only a fault reaches it.
const patience = 3 * time.Minute

func serve(t *testing.T, args ...string) *served {
	t.Helper()
	s := &served{t: t, log: &logBuffer{}}
	s.cmd = exec.CommandContext(t.Context(), binary(t), append([]string{"serve", "--port", "0", "--log-level", "debug"}, args...)...)
	s.cmd.Stderr = s.log
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("serve said %q, %v:\n%s", line, err, s.log)
	}
	_, s.url, _ = strings.Cut(strings.TrimSpace(line), " at ")
	return s
}

// post sends a request and returns its whole answer.
func (s *served) post(path, body string) (int, string) {
	s.t.Helper()
	status, answer, err := s.try(path, body)
	if err != nil {
		s.t.Fatalf("POST %s: %v\n%s", path, err, s.log)
	}
	return status, answer
}

func (s *served) try(path, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := (&http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, string(b), err
}

// get reads a page.
func (s *served) get(path string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

// vanish sends a chat and goes after a while.
func (s *served) vanish(body string, after time.Duration) {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Error(err)
		return
	}
	fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	time.Sleep(after)
	_ = conn.Close()
}

func (s *served) chat(body string) gjson.Result {
	s.t.Helper()
	status, answer := s.post("/v1/chat/completions", body)
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", body, status, answer)
	}
	return gjson.Parse(answer)
}

func (s *served) exit(sig ...syscall.Signal) int {
	s.t.Helper()
	for _, x := range sig {
		if err := s.cmd.Process.Signal(x); err != nil {
			s.t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond) // two of the same kind at once are one
	}
	done := make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		s.t.Fatalf("serve did not end:\n%s", s.log)
	}
	return s.cmd.ProcessState.ExitCode()
}

const prime = `"messages":[{"role":"user","content":"Write a Python function that checks if a number is prime."}]`

// text joins what a stream says.
func text(stream string) string {
	var b strings.Builder
	for line := range strings.Lines(stream) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			b.WriteString(gjson.Get(data, "choices.0.delta.content").String())
		}
	}
	return b.String()
}

// The model, over HTTP: the same text in every dialect, streamed or not, alone or among others, and with
// everything that other servers switch speculation off for.
func TestServeTheDefaultModel(t *testing.T) {
	s := serve(t, "--sessions", "4", "--alias", "gpt-5")
	greedy := s.chat(`{` + prime + `,"temperature":0,"max_tokens":120,"depth":3}`)
	want := greedy.Get("choices.0.message.content").String()
	if !strings.Contains(want, "def is_prime(n):") || greedy.Get("timings.draft_n_accepted").Int() == 0 {
		t.Fatalf("greedy: %s", greedy)
	}
	if got := s.chat(`{` + prime + `,"temperature":0,"max_tokens":120}`).Get("choices.0.message.content").String(); got != want { // as deep as pays here and now
		t.Errorf("greedy at the server's own depth: %q, want %q", got, want)
	}
	if got := s.chat(`{` + prime + `,"temperature":0,"max_tokens":120,"depth":0}`); got.Get("choices.0.message.content").String() != want || got.Get("timings.draft_n").Int() != 0 {
		t.Errorf("plain decoding: %s", got)
	}
	if _, stream := s.post("/v1/chat/completions", `{"model":"gpt-5",`+prime+`,"temperature":0,"max_tokens":120,"stream":true}`); text(stream) != want {
		t.Errorf("streamed: %q, want %q", text(stream), want)
	}
	if _, m := s.post("/v1/messages", `{"model":"mtplx",`+prime+`,"temperature":0,"max_tokens":120}`); gjson.Get(m, "content.0.text").String() != want {
		t.Errorf("Anthropic: %s", m)
	}
	if _, r := s.post("/v1/responses", `{"input":"Write a Python function that checks if a number is prime.","temperature":0,"max_output_tokens":120}`); gjson.Get(r, "output.0.content.0.text").String() != want {
		t.Errorf("responses: %s", r)
	}

	seeded := `{` + prime + `,"temperature":0.8,"seed":11,"max_tokens":60,"stream":true}`
	_, alone := s.post("/v1/chat/completions", seeded)
	var group sync.WaitGroup
	for i := range 6 {
		group.Go(func() {
			body := seeded
			if i%2 == 1 {
				body = fmt.Sprintf(`{%s,"temperature":1,"seed":%d,"max_tokens":80,"stream":true}`, prime, i)
			}
			_, got, err := s.try("/v1/chat/completions", body)
			if err != nil {
				t.Error(err)
			}
			if i%2 == 0 && text(got) != text(alone) {
				t.Errorf("among others: %q\nalone: %q", text(got), text(alone))
			}
		})
	}
	group.Go(func() { // clients that vanish at any moment
		for i := range 12 {
			s.vanish(fmt.Sprintf(`{%s,"max_tokens":500,"stream":%v,"n":2}`, prime, i%2 == 0), time.Duration(i)*7*time.Millisecond)
		}
	})
	group.Wait()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		snapshot := s.get("/v1/mtplx/snapshot")
		if gjson.Get(snapshot, "running").Int()+gjson.Get(snapshot, "waiting").Int() == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("left in the server: %s", snapshot)
		}
	}

	for name, extra := range map[string]string{
		"logprobs": `"logprobs":true,"top_logprobs":2`, "penalties": `"frequency_penalty":0.1,"presence_penalty":0.1,"repetition_penalty":1.01`,
		"bias": `"logit_bias":{"100":-1}`, "min_p": `"min_p":0.05`, "stop": `"stop":["zzzz"]`,
		"regex": `"structured_outputs":{"regex":"[a-z ]{40,60}"}`,
	} {
		if got := s.chat(`{` + prime + `,"seed":3,"max_tokens":40,"depth":3,` + extra + `}`); got.Get("timings.draft_n").Int() == 0 {
			t.Errorf("%s: nothing was drafted: %s", name, got)
		}
	}
	logprobs := s.chat(`{` + prime + `,"seed":3,"max_tokens":20,"logprobs":true,"top_logprobs":2}`).Get("choices.0.logprobs.content")
	if n := len(logprobs.Array()); n != 20 || len(logprobs.Get("0.top_logprobs").Array()) != 2 || logprobs.Get("0.logprob").Float() > 0 {
		t.Errorf("log probabilities of %d tokens: %s", n, logprobs)
	}

	brief := s.chat(`{` + prime + `,"seed":3,"max_tokens":300,"stop":["e"]}`)
	least := brief.Get("usage.completion_tokens").Int() + 20
	for _, depth := range []string{"3", "0"} {
		long := s.chat(fmt.Sprintf(`{%s,"seed":3,"max_tokens":300,"stop":["e"],"min_tokens":%d,"depth":%s}`, prime, least, depth))
		if n := long.Get("usage.completion_tokens").Int(); n <= least || !strings.HasPrefix(long.Get("choices.0.message.content").String(), brief.Get("choices.0.message.content").String()+"e") {
			t.Errorf("at least %d tokens, depth %s: %s", least, depth, long)
		}
	}

	var person struct {
		Name string `json:"name"`
		Age  int    `json:"age"`
	}
	content := s.chat(`{` + prime + `,"seed":5,"max_tokens":400,"response_format":{"type":"json_schema","json_schema":{"name":"p","schema":{"type":"object","properties":{"name":{"type":"string","maxLength":20},"age":{"type":"integer","minimum":0,"maximum":120}},"required":["name","age"],"additionalProperties":false}}}}`).Get("choices.0.message.content").String()
	if err := json.Unmarshal([]byte(content), &person); err != nil || person.Age < 0 || person.Age > 120 {
		t.Errorf("by a schema: %q, %v", content, err)
	}
	if got := s.chat(`{` + prime + `,"seed":5,"max_tokens":40,"structured_outputs":{"choice":["yes","no"]}}`).Get("choices.0.message.content").String(); got != "yes" && got != "no" {
		t.Errorf("a choice of yes and no: %q", got)
	}
	called := s.chat(`{` + prime + `,"seed":5,"max_tokens":400,"tool_choice":"required","parallel_tool_calls":false,"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object","properties":{"n":{"type":"integer","minimum":1,"maximum":9}},"required":["n"],"additionalProperties":false}}}]}`).Get("choices.0")
	n := gjson.Get(called.Get("message.tool_calls.0.function.arguments").String(), "n").Int()
	if called.Get("finish_reason").String() != "tool_calls" || called.Get("message.tool_calls.0.function.name").String() != "look" || n < 1 || n > 9 {
		t.Errorf("a call that was required: %s", called)
	}
	either := s.chat(`{` + prime + `,"seed":5,"max_tokens":400,"response_format":{"type":"json_schema","json_schema":{"name":"p","schema":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false}}},"tools":[{"type":"function","function":{"name":"look"}}]}`).Get("choices.0")
	if reason := either.Get("finish_reason").String(); reason == "tool_calls" && either.Get("message.tool_calls.0.function.name").String() != "look" || reason == "stop" && !gjson.Get(either.Get("message.content").String(), "n").Exists() || reason == "length" {
		t.Errorf("a format or a call: %s", either)
	}
	for _, bad := range []string{`{"type":"object","properties":{"a":{"$ref":"#/nowhere"}}}`, `{"type":"string","pattern":"(a{1000}){1000}"}`, `{"type":"color"}`} {
		if status, body := s.post("/v1/chat/completions", `{`+prime+`,"response_format":{"type":"json_schema","json_schema":{"name":"p","schema":`+bad+`}}}`); status != 400 || gjson.Get(body, "error.param").String() != "response_format.json_schema.schema" {
			t.Errorf("schema %s: %d %s", bad, status, body)
		}
	}
	if code := s.exit(syscall.SIGTERM); code != 0 {
		t.Errorf("after SIGTERM the exit code is %d:\n%s", code, s.log)
	}
}

// A unix socket, keys from a file, and who has the port.
func TestServeListens(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(keys, []byte("# two\na-first-long-key\n\na-second-long-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "s")
	serve(t, "--unix", socket, "--api-key-file", keys, "--warmup-tokens", "0")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
	for key, want := range map[string]int{"": 401, "a-second-long-key": 200, "# two": 401} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://any.name/v1/models", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("with key %q: %s, want %d", key, res.Status, want)
		}
	}

	s := serve(t, "--warmup-tokens", "0")
	foreign, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = foreign.Close() }()
	for addr, want := range map[string]string{
		strings.TrimPrefix(s.url, "http://"): "mtplx serves mtplx-default at " + s.url + " already",
		foreign.Addr().String():              "another program listens at " + foreign.Addr().String(),
		"unix":                               "another program listens at " + socket,
	} {
		args := []string{"serve", "--unix", socket}
		if addr != "unix" {
			args = []string{"serve", "--port", addr[strings.LastIndexByte(addr, ':')+1:]}
		}
		out, err := exec.CommandContext(t.Context(), binary(t), args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, %s; want exit code 2 and %q", args, err, out, want)
		}
	}
}

// SIGTERM lets an answer finish; a second one cuts it off, and the exit code says so.
func TestServeEnds(t *testing.T) {
	for _, c := range []struct {
		name   string
		sig    []syscall.Signal
		tokens int
		end    string
		code   int
	}{
		{"one signal", []syscall.Signal{syscall.SIGTERM}, 100, `"finish_reason":"length"`, 0},
		{"two signals", []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, 3000, "shutting down", 130},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t)
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/completions",
				strings.NewReader(fmt.Sprintf(`{"prompt":"a b c","ignore_eos":true,"max_tokens":%d,"stream":true}`, c.tokens)))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "application/json")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			in := bufio.NewReader(res.Body)
			if _, err := in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
			rest := make(chan string, 1)
			go func() {
				b, _ := io.ReadAll(in)
				rest <- string(b)
			}()
			code := s.exit(c.sig...)
			if got := <-rest; !strings.Contains(got, c.end) || !strings.HasSuffix(got, "data: [DONE]\n\n") {
				t.Errorf("the stream ended with %q", got[max(0, len(got)-300):])
			}
			if code != c.code {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, s.log)
			}
		})
	}
}
