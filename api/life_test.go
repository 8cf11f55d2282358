package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"mtplx/sched"
)

const (
	hang       = `{"messages":[{"role":"user","content":"hang"}]}`
	hangStream = `{"messages":[{"role":"user","content":"hang"}],"stream":true}`
)

// soon waits for a condition that must come true.
func soon(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

// A client that goes ends its sessions, streamed or not, though the engine writes nothing meanwhile; another
// stream is not touched.
func TestVanishedClient(t *testing.T) {
	for name, body := range map[string]string{"stream": hangStream, "whole": hang, "two choices": strings.Replace(hangStream, "{", `{"n":2,`, 1)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			other, in := r.dial(t)
			post(other, "/v1/chat/completions", hangStream)
			until(t, in, "hang")
			c, _ := r.dial(t)
			post(c, "/v1/chat/completions", body)
			soon(t, "the start", func() bool { return r.engine.running() >= 2 })
			time.Sleep(10 * time.Millisecond) // until the sessions are being read
			start := time.Now()
			_ = c.Close()
			soon(t, "the end", func() bool { return r.engine.running() == 1 })
			t.Logf("the sessions left %v after the client", time.Since(start))
			soon(t, "the end of the request", func() bool { running, _ := r.queue.counts(); return running == 1 })
			_ = other.Close()
			soon(t, "the end of the other", func() bool { return r.engine.running() == 0 })
		})
	}
}

func TestStormOfVanishingClients(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Running, c.Waiting = 4, 100 })
	for i := range 60 {
		c, in := r.dial(t)
		post(c, "/v1/chat/completions", hangStream)
		if i%3 == 0 {
			until(t, in, "hang")
		}
		_ = c.Close()
	}
	soon(t, "the end of all", func() bool { running, waiting := r.queue.counts(); return r.engine.running()+running+waiting == 0 })
	if res, body := r.do(t, "POST", "/v1/chat/completions", hi); res.StatusCode != http.StatusOK {
		t.Fatalf("afterwards: %s %s", res.Status, body)
	}
}

func TestPipelinedAfterAStream(t *testing.T) {
	r := newRig(t, nil)
	c, in := r.dial(t)
	post(c, "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"stream":true}`)
	post(c, "/v1/completions", `{"prompt":"a","max_tokens":50}`)
	until(t, in, "[DONE]")
	until(t, in, `"text":"Hello, world."`)
	post(c, "/v1/chat/completions", hi)
	until(t, in, "Hello, world.")
}

// A full queue refuses at once, says where one would stand, and does not lose count.
func TestFullQueue(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Running, c.Waiting = 1, 1 })
	var open []net.Conn
	for range 2 {
		c, in := r.dial(t)
		post(c, "/v1/chat/completions", hangStream)
		until(t, in, "hang")
		open = append(open, c)
	}
	res, body := r.do(t, "POST", "/v1/chat/completions", hi)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || gjson.Get(body, "error.queue_position").Int() != 2 {
		t.Errorf("OpenAI: %s, Retry-After %q, %s", res.Status, res.Header.Get("Retry-After"), body)
	}
	res, body = r.do(t, "POST", "/v1/messages", `{"max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`)
	if res.StatusCode != 529 || res.Header.Get("Retry-After") == "" || gjson.Get(body, "error.type").String() != "overloaded_error" {
		t.Errorf("Anthropic: %s, Retry-After %q, %s", res.Status, res.Header.Get("Retry-After"), body)
	}
	if res, _ := r.do(t, "GET", "/health/ready", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready: %s", res.Status)
	}
	if res, _ := r.do(t, "GET", "/health/live", ""); res.StatusCode != http.StatusOK {
		t.Errorf("live: %s", res.Status)
	}
	_, body = r.do(t, "GET", "/v1/mtplx/snapshot", "")
	if gjson.Get(body, "running").Int() != 1 || gjson.Get(body, "waiting").Int() != 1 || gjson.Get(body, "requests.#").Int() != 2 || gjson.Get(body, "requests.0.completion_tokens").Int() != 4 {
		t.Errorf("snapshot: %s", body)
	}
	for _, c := range open {
		_ = c.Close()
	}
	soon(t, "room", r.Ready)
	if res, body := r.do(t, "POST", "/v1/chat/completions", hi); res.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %s %s", res.Status, body)
	}
}

// What the engine refuses is a status, and leaves nothing behind.
func TestEngineRefuses(t *testing.T) {
	r := newRig(t, nil)
	for _, c := range []struct {
		err    error
		status int
	}{{fmt.Errorf("start: %w", sched.ErrBusy), 503}, {sched.ErrClosed, 503}, {&sched.TooLongError{Prompt: 5, Context: 4}, 400}, {errors.New("secret detail"), 500}} {
		r.engine.refuse = c.err
		res, body := r.do(t, "POST", "/v1/chat/completions", hi)
		if res.StatusCode != c.status || strings.Contains(body, "secret") {
			t.Errorf("%v: %s %s, want %d", c.err, res.Status, body, c.status)
		}
		if running, waiting := r.queue.counts(); running+waiting != 0 {
			t.Errorf("%v: %d requests are still counted", c.err, running+waiting)
		}
	}
	for _, path := range []string{"/health/live", "/health/ready", "/health"} { // an engine that has stopped does not come back
		if res, body := r.do(t, "GET", path, ""); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s with a stopped engine: %s %s", path, res.Status, body)
		}
	}
	r.engine.refuse = nil
	if res, body := r.do(t, "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"break"}]}`); res.StatusCode != http.StatusInternalServerError || gjson.Get(body, "error.type").String() != "server_error" {
		t.Errorf("an answer that fails: %s %s", res.Status, body)
	}
}

func TestCancelById(t *testing.T) {
	r := newRig(t, nil)
	c, in := r.dial(t)
	post(c, "/v1/chat/completions", hangStream)
	until(t, in, "hang")
	_, body := r.do(t, "GET", "/v1/mtplx/snapshot", "")
	id := gjson.Get(body, "requests.0.id").String()
	if res, body := r.do(t, "POST", "/v1/mtplx/cancel/"+id, "{}"); res.StatusCode != http.StatusOK {
		t.Fatalf("cancel: %s %s", res.Status, body)
	}
	until(t, in, `"code":"cancelled"`)
	until(t, in, "[DONE]")
	if res, _ := r.do(t, "POST", "/v1/mtplx/cancel/"+id, "{}"); res.StatusCode != http.StatusNotFound {
		t.Fatalf("cancel again: %s", res.Status)
	}
}

func TestDeadlineEndsAnAnswerAsItsBudgetDoes(t *testing.T) {
	r := newRig(t, nil)
	var body string
	var c gjson.Result
	for ms := 20; ms < 20_000 && c.Get("message.content").String() == ""; ms *= 4 { // until it is enough for the first cycle
		_, body = r.do(t, "POST", "/v1/chat/completions", fmt.Sprintf(`{"t_max_predict_ms":%d,"messages":[{"role":"user","content":"hang"}]}`, ms))
		c = gjson.Get(body, "choices.0")
	}
	if c.Get("finish_reason").String() != "length" || c.Get("stop_reason").String() != "deadline" || c.Get("message.content").String() != "hang" {
		t.Fatal(body)
	}
}

// Drain refuses new work, lets what runs finish, and aborts what does not.
func TestDrain(t *testing.T) {
	r := newRig(t, nil)
	c, in := r.dial(t)
	post(c, "/v1/chat/completions", hangStream)
	until(t, in, "hang")
	m, inM := r.dial(t)
	post(m, "/v1/messages", `{"max_tokens":5,"messages":[{"role":"user","content":"hang"}],"stream":true}`)
	until(t, inM, "hang")
	idle, idleIn := r.dial(t)
	fmt.Fprint(idle, "GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
	until(t, idleIn, "ok")
	ctx, abort := context.WithCancel(t.Context())
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(ctx) }()
	soon(t, "the drain", r.draining.Load)
	if res, _ := r.do(t, "GET", "/health/ready", ""); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready while draining: %s", res.Status)
	}
	res, body := r.do(t, "POST", "/v1/chat/completions", hi)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("a new request while draining: %s %s", res.Status, body)
	}
	select {
	case err := <-drained:
		t.Fatalf("the drain did not wait for the streams: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	abort()
	until(t, in, "shutting down")
	until(t, in, "[DONE]")
	until(t, inM, "event: error")
	if err := <-drained; !errors.Is(err, context.Canceled) {
		t.Fatalf("the drain that aborted returned %v", err)
	}
	if _, err := idleIn.ReadByte(); !errors.Is(err, io.EOF) {
		t.Fatalf("an idle connection after the drain: %v", err)
	}
}

func TestDrainWaitsForAnAnswer(t *testing.T) {
	r := newRig(t, nil)
	c, in := r.dial(t)
	post(c, "/v1/chat/completions", hangStream)
	until(t, in, "hang")
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(t.Context()) }()
	soon(t, "the drain", r.draining.Load)
	_ = c.Close() // the last answer ends
	if err := <-drained; err != nil {
		t.Fatal(err)
	}
}

// A reader that stalls is dropped; its session leaves the engine.
func TestSlowReaderIsDropped(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Stall = 200 * time.Millisecond })
	r.engine.reply = func(string) string { return strings.Repeat("x", 4<<20) }
	r.engine.context, r.cfg.Model.Context = 8<<20, 8<<20
	r.engine.perStep = 32 << 10
	c, _ := r.dial(t) // and never reads
	post(c, "/v1/completions", `{"prompt":"a","stream":true,"max_tokens":8000000}`)
	soon(t, "the start", func() bool { return r.engine.running() == 1 })
	soon(t, "the drop", func() bool { return r.engine.running() == 0 })
}

func TestSlowSender(t *testing.T) {
	r := newRig(t, func(c *Config) { c.ReadTimeout = 50 * time.Millisecond })
	for name, text := range map[string]string{"header": "POST /v1/chat", "body": "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"} {
		c, in := r.dial(t)
		fmt.Fprint(c, text)
		if _, err := io.ReadAll(in); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("slow %s: %v", name, err)
		}
	}
}

func TestLimitsOfBytes(t *testing.T) {
	r := newRig(t, func(c *Config) { c.MaxBody = 10000 })
	for _, c := range []struct {
		name, text, status, words string
	}{
		{"body", "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n", "413", "larger than 10000 bytes"},
		{"Anthropic's body", "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20000\r\n\r\n", "413", "request_too_large"},
		{"header", "GET / HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 20000) + "\r\n\r\n", "431", "16 KiB"},
		{"nonsense", "\x00\x01\x02\r\n\r\n", "400", "malformed"},
		{"length and chunks", "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", ""},
	} {
		conn, in := r.dial(t)
		fmt.Fprint(conn, c.text)
		b, _ := io.ReadAll(in)
		if !strings.HasPrefix(string(b), "HTTP/1.1 "+c.status) || !strings.Contains(string(b), c.words) {
			t.Errorf("%s: %.300q, want %s with %q", c.name, b, c.status, c.words)
		}
	}
}
