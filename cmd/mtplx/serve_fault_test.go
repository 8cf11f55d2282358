package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tidwall/gjson"
)

// raw sends bytes as they are and returns what comes back until the server closes or says no more.
func (s *served) raw(text string) string {
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		s.t.Error(err)
		return ""
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, text); err != nil {
		return ""
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	b, _ := io.ReadAll(conn) // a reset is an answer, too
	return string(b)
}

// said is everything of a stream that does not depend on how tokens fell into events: its text and how it ended.
func said(stream string) string {
	var b strings.Builder
	b.WriteString(text(stream))
	for line := range strings.Lines(stream) {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			if f := gjson.Get(data, "choices.0.finish_reason"); f.String() != "" {
				fmt.Fprintf(&b, "\nfinish: %s", f)
			}
			if gjson.Get(data, "error").Exists() {
				fmt.Fprintf(&b, "\nerror: %s", data)
			}
		}
	}
	if strings.HasSuffix(stream, "data: [DONE]\n\n") {
		b.WriteString("\ndone")
	}
	return b.String()
}

// hostile are requests that must be refused, each by a status, whatever runs beside them.
func hostile() map[string]struct {
	text   string
	status string
} {
	type h = struct{ text, status string }
	body := func(b string) string {
		return fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(b), b)
	}
	user := `"messages":[{"role":"user","content":"hi"}]`
	return map[string]h{
		// 1: parsing
		"truncated":          {body(`{"messages":[`), "400"},
		"given twice":        {body(`{` + user + `,"seed":1,"seed":2}`), "400"},
		"no object":          {body(`[1]`), "400"},
		"a million deep":     {body(strings.Repeat("[", 1_000_000)), "400"},
		"a huge number":      {body(`{` + user + `,"max_tokens":1e400}`), "400"},
		"NaN":                {body(`{` + user + `,"temperature":NaN}`), "400"},
		"no UTF-8":           {body("{" + user + ",\"user\":\"\xff\xfe\"}"), "400"},
		"100 MB":             {"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 104857600\r\n\r\n", "413"},
		"another type":       {"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", "415"},
		"length and chunks":  {"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
		"a chunk that lies":  {"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", "400"},
		"a flood of headers": {"GET / HTTP/1.1\r\nHost: localhost\r\n" + strings.Repeat("X-A: aaaaaaaaaaaaaaaa\r\n", 2000) + "\r\n", "431"},
		"a path with tricks": {"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404"},
		"an encoded path":    {"GET /%2e%2e/%2e%2e/etc/passwd%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404"},
		"a foreign name":     {"GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", "403"}, // 12
		"a foreign page":     {"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", "403"},
		// 4: bounds
		"129 answers at once":   {body(`{` + user + `,"n":129}`), "400"},
		"alternatives":          {body(`{` + user + `,"logprobs":true,"top_logprobs":1000}`), "400"},
		"a million biases":      {body(`{` + user + `,"logit_bias":{` + strings.Repeat(`"1":1,`, 100_000) + `"2":1}}`), "400"},
		"100,000 stops":         {body(`{` + user + `,"stop":[` + strings.Repeat(`"a",`, 99_999) + `"b"]}`), "400"},
		"an empty stop":         {body(`{` + user + `,"stop":[""]}`), "400"},
		"temperature -1":        {body(`{` + user + `,"temperature":-1}`), "400"},
		"temperature 1e9":       {body(`{` + user + `,"temperature":1e9}`), "400"},
		"an exponential regex":  {body(`{` + user + `,"structured_outputs":{"regex":"((a{100}){100}){100}"}}`), "400"},
		"a reference to itself": {body(`{` + user + `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"$ref":"#"}}}}`), "400"},
		"a schema of 10 MB":     {body(`{` + user + `,"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"enum":["` + strings.Repeat("a", 10<<20) + `"]}}}}`), "400"},
		// 5: the context
		"longer than the context": {body(`{"messages":[{"role":"user","content":"` + strings.Repeat("word ", 50_000) + `"}]}`), "400"},
	}
}

// Whatever clients do, the text of every stream beside them is byte for byte what it is alone: with malformed and hostile requests, with
// clients that vanish at any moment, read slowly or send slowly, with and without drafts, and none has words of another's.
func TestStreamsBesideFaults(t *testing.T) {
	s := serve(t, "--sessions", "6", "--queue", "500")
	requests := make([]string, 4)
	alone := make([]string, len(requests))
	for i := range requests {
		requests[i] = fmt.Sprintf(`{"messages":[{"role":"user","content":"Write a Python function named canary_%d that sorts a list."}],"temperature":0.7,"seed":%d,"max_tokens":90,"depth":%d,"stream":true,"cache_prompt":%v}`, i, i+1, []int{3, 0, 1, 8}[i], i%2 == 0)
		_, stream := s.post("/v1/chat/completions", requests[i])
		alone[i] = said(stream)
		if !strings.HasSuffix(stream, "data: [DONE]\n\n") || len(text(stream)) < 40 {
			t.Fatalf("alone: %q", stream)
		}
	}
	var quiet atomic.Bool
	var streams, faults sync.WaitGroup
	run := func(f func(i int)) {
		faults.Go(func() {
			for i := 0; !quiet.Load(); i++ {
				f(i)
			}
		})
	}
	hostiles := hostile()
	for name, h := range hostiles {
		faults.Go(func() {
			got := s.raw(h.text)
			if !strings.HasPrefix(got, "HTTP/1.1 "+h.status) {
				t.Errorf("%s: %.300q, want %s", name, got, h.status)
			}
		})
	}
	run(func(i int) { // 3: while queued, in prefill, in drafts
		s.vanish(fmt.Sprintf(`{"messages":[{"role":"user","content":"%s"}],"max_tokens":300,"depth":%d,"stream":%v,"n":2}`, strings.Repeat("a b ", i*37%200), i%4, i%3 > 0), time.Duration(i*7%60)*time.Millisecond)
	})
	run(func(int) { // 2: a header that does not end, and an answer that nobody reads
		half, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(half, "POST /v1/chat/completions HTTP/1.1\r\nHost: localh")
		s.vanish(`{"messages":[{"role":"user","content":"count"}],"ignore_eos":true,"max_tokens":60,"stream":true}`, 150*time.Millisecond)
		_ = half.Close()
	})
	for i, r := range requests {
		streams.Go(func() {
			for range 3 {
				_, got, err := s.try("/v1/chat/completions", r)
				if err != nil {
					t.Error(err)
					return
				}
				if got := said(got); got != alone[i] {
					t.Errorf("beside faults, stream %d is\n%s\nalone\n%s", i, got, alone[i])
				}
				for other := range requests { // 7
					if canary := fmt.Sprintf("canary_%d", other); other != i && strings.Contains(text(got), canary) {
						t.Errorf("stream %d has %s", i, canary)
					}
				}
			}
		})
	}
	streams.Wait()
	quiet.Store(true)
	faults.Wait()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		snapshot := s.get("/v1/mtplx/snapshot")
		if gjson.Get(snapshot, "running").Int()+gjson.Get(snapshot, "waiting").Int() == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("left in the server: %s", snapshot)
		}
	}
	if got := s.log.String(); strings.Contains(got, "panic") || strings.Contains(got, "internal error") {
		t.Errorf("the log has\n%s", got)
	}
	if code := s.exit(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d:\n%s", code, s.log)
	}
}

// 11: a server that was killed at work leaves a session bank that the next one uses, or does not, and the same text; two
// servers share it.
func TestKilledServerLeavesNoHarm(t *testing.T) {
	dir := t.TempDir()
	args := []string{"--bank-dir", dir, "--warmup-tokens", "0"}
	system := strings.Repeat("You write short and plain Python, and you never explain it. ", 12)
	body := `{"messages":[{"role":"system","content":"` + system + `"},{"role":"user","content":"Sort a list."}],"temperature":0,"max_tokens":40}`
	first := serve(t, args...)
	want := first.chat(body).Get("choices.0.message.content").String()
	beside := serve(t, args...)
	if got := beside.chat(body).Get("choices.0.message.content").String(); got != want {
		t.Errorf("a second server with the same directory: %q, want %q", got, want)
	}
	for i := range 4 { // killed while it answers and writes
		go first.vanish(fmt.Sprintf(`{"messages":[{"role":"system","content":"%s %d"},{"role":"user","content":"Count."}],"max_tokens":200}`, system, i), 300*time.Millisecond)
	}
	first.chat(body)
	if code := first.exit(syscall.SIGKILL); code == 0 {
		t.Errorf("exit code %d after SIGKILL", code)
	}
	if got := beside.exit(syscall.SIGTERM); got != 0 { // writes what it has
		t.Errorf("the second server's exit code is %d", got)
	}
	again := serve(t, args...)
	answer := again.chat(body)
	if got := answer.Get("choices.0.message.content").String(); got != want {
		t.Errorf("after a kill: %q, want %q", got, want)
	}
	if n := answer.Get("usage.prompt_tokens_details.cached_tokens").Int(); n == 0 {
		t.Errorf("after a restart nothing came from disk: %s", answer.Get("usage"))
	}
	// An operator forgets it, and the text stays the same.
	if status, got := again.post("/admin/cache/clear", ""); status != http.StatusOK || gjson.Get(got, "cleared").Int() == 0 {
		t.Errorf("clear: %d %s", status, got)
	}
	answer = again.chat(body)
	if got, n := answer.Get("choices.0.message.content").String(), answer.Get("usage.prompt_tokens_details.cached_tokens").Int(); got != want || n != 0 {
		t.Errorf("after a clear: %q with %d tokens from the bank, want %q and 0", got, n, want)
	}
}
