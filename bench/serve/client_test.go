package serve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidwall/gjson"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func source(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fake is a server in the test's time: it answers each request with what script writes.
type fake struct {
	script func(w io.Writer, body string)

	serving sync.WaitGroup
	mu      sync.Mutex
	bodies  []string
}

// client is a client of the fake. Call it in a bubble.
func (f *fake) client(t *testing.T) *Client {
	t.Helper()
	t.Cleanup(f.serving.Wait)
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		f.serving.Go(func() {
			defer func() { _ = far.Close() }()
			req, err := http.ReadRequest(bufio.NewReader(far))
			if err != nil {
				return
			}
			body, _ := io.ReadAll(req.Body)
			f.mu.Lock()
			f.bodies = append(f.bodies, req.URL.Path+" "+string(body))
			f.mu.Unlock()
			f.script(far, string(body))
		})
		return near, nil
	}}
	return &Client{Base: "http://fake/v1/", Endpoint: Completions, Epoch: time.Now(), HTTP: &http.Client{Transport: transport}, CountTokens: true, IgnoreEOS: true}
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"

// steps writes pieces, each after a millisecond.
func steps(w io.Writer, pieces ...string) {
	for _, p := range pieces {
		time.Sleep(time.Millisecond)
		if _, err := io.WriteString(w, p); err != nil {
			return
		}
	}
}

func token(text string, ids string) string {
	return fmt.Sprintf(`data: {"choices":[{"text":%q,"token_ids":%s}]}`+"\n\n", text, ids)
}

const usage = `data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":2}}}` + "\n\n"

func TestAsk(t *testing.T) {
	for _, c := range []struct {
		name   string
		pieces []string
		events []Event // in ms
		kind   string
		text   string // of the failure
	}{
		{name: "tokens", pieces: []string{head, token("a", "[1]"), token("bc", "[2,3]"), usage, "data: [DONE]\n\n"}, events: []Event{{2, 1}, {3, 2}}},
		{name: "a role is no token", pieces: []string{head, `data: {"choices":[{"delta":{"role":"assistant","content":""}}]}` + "\n\n", `data: {"choices":[{"delta":{"content":"x"}}]}` + "\n\n", "data: [DONE]\n\n"}, events: []Event{{3, 0}}},
		{name: "thoughts and calls are", pieces: []string{head, `data: {"choices":[{"delta":{"reasoning_content":"x"}}]}` + "\n\n", `data: {"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}` + "\n\n", "data: [DONE]\n\n"}, events: []Event{{2, 0}, {3, 0}}},
		{name: "split lines and comments", pieces: []string{head, ": ping\n\nda", `ta: {"choices":[{"te`, `xt":"a"}]}` + "\r", "\n\r\n", ":x\n\ndata: [DO", "NE]\n\n"}, events: []Event{{5, 0}}},
		{name: "usage in each chunk", pieces: []string{head, `data: {"choices":[{"text":"a"}],"usage":{"completion_tokens":2}}` + "\n\n", `data: {"choices":[{"text":"b"}],"usage":{"completion_tokens":5}}` + "\n\n", "data: [DONE]\n\n"}, events: []Event{{2, 2}, {3, 3}}},
		{name: "text-less ids", pieces: []string{head, token("", "[1]"), "data: [DONE]\n\n"}, events: []Event{{2, 1}}},
		{name: "error mid-stream", pieces: []string{head, token("a", "[1]"), `data: {"error":{"message":"lost the model"}}` + "\n\n", "data: [DONE]\n\n"}, events: []Event{{2, 1}}, kind: "stream_error", text: "lost the model"},
		{name: "early close", pieces: []string{head, token("a", "[1]")}, events: []Event{{2, 1}}, kind: "early_close", text: "1 events"},
		{name: "cut in an event", pieces: []string{head, token("a", "[1]"), "data: {"}, events: []Event{{2, 1}}, kind: "early_close"},
		{name: "cut chunked body", pieces: []string{"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n", "ff\r\ndata: {"}, kind: "early_close"},
		{name: "no JSON", pieces: []string{head, "data: hello\n\n"}, kind: "malformed", text: "hello"},
		{name: "no object", pieces: []string{head, "data: [1]\n\n"}, kind: "malformed"},
		{name: "no stream", pieces: []string{"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"}, kind: "malformed", text: "application/json"},
		{name: "no tokens", pieces: []string{head, usage, "data: [DONE]\n\n"}, kind: "no_tokens"},
		{name: "refused", pieces: []string{"HTTP/1.1 429 Too Many\r\nContent-Length: 29\r\n\r\n" + `{"error":{"message":"later"}}`}, kind: "status_429", text: "later"},
		{name: "no HTTP", pieces: []string{"SSH-2.0-x\r\n\r\n"}, kind: "disconnect"},
		{name: "hangs up", kind: "disconnect"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fake{script: func(w io.Writer, _ string) { steps(w, c.pieces...) }}
				cl := f.client(t)
				got, _ := cl.Ask(t.Context(), "", nil, &Turn{Text: "q", Output: 4, Seed: 9}, 0, false)
				if c.kind == "" && got.Failure != nil || c.kind != "" && (got.Failure == nil || got.Failure.Kind != c.kind || !strings.Contains(got.Failure.Text, c.text)) {
					t.Fatalf("failed with %v, want %q %q", got.Failure, c.kind, c.text)
				}
				if len(got.Events) != len(c.events) {
					t.Fatalf("events %v, want %v ms", got.Events, c.events)
				}
				for i, want := range c.events {
					if e := got.Events[i]; ms(e.At) != float64(want.At) || e.Tokens != want.Tokens {
						t.Errorf("event %d is %v, want %v ms", i, e, want)
					}
				}
				if c.name == "tokens" && (got.Prompt != 5 || got.Cached != 2 || got.Completion != 3 || got.Seed != 9 || got.Ended != 5*time.Millisecond) {
					t.Errorf("trace is %+v", got)
				}
			})
		})
	}
}

func TestAskEnds(t *testing.T) {
	slow := func(w io.Writer, _ string) {
		steps(w, head, token("a", "[1]"))
		time.Sleep(time.Hour)
	}
	synctest.Test(t, func(t *testing.T) {
		cl := (&fake{script: slow}).client(t)
		cl.Timeout = time.Second
		got, _ := cl.Ask(t.Context(), "", nil, &Turn{Output: 4}, 0, false)
		if got.Failure == nil || got.Failure.Kind != "timeout" || got.Ended != time.Second {
			t.Errorf("timed out as %v at %v", got.Failure, got.Ended)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Minute, cancel)
		cl.Timeout = 0
		if got, _ := cl.Ask(ctx, "", nil, &Turn{Output: 4}, 0, false); got.Failure == nil || got.Failure.Kind != Cancelled || len(got.Events) != 1 {
			t.Errorf("cancelled as %v with %v", got.Failure, got.Events)
		}
	})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close() // nobody listens there now
	cl := &Client{Base: "http://" + ln.Addr().String(), HTTP: NewHTTP(1)}
	if got, _ := cl.Ask(t.Context(), "", nil, &Turn{}, 0, false); got.Failure == nil || got.Failure.Kind != "connect" {
		t.Errorf("nobody there: %v", got.Failure)
	}
}

// What is sent: both endpoints, the history, and no field that the server has refused.
func TestBody(t *testing.T) {
	cl := &Client{Model: "m", Endpoint: Chat, IgnoreEOS: true, CountTokens: true, refused: map[string]bool{"seed": true}}
	history := []Message{{"user", "a"}, {"assistant", "b"}}
	data, path := cl.body("s", history, &Turn{Text: "c", Output: 7, Seed: 3})
	v := gjson.ParseBytes(data)
	if path != "/v1/chat/completions" || v.Get("messages.#").Int() != 4 || v.Get("messages.3.content").String() != "c" || v.Get("messages.0.role").String() != "system" ||
		v.Get("max_tokens").Int() != 7 || v.Get("seed").Exists() || !v.Get("ignore_eos").Bool() || !v.Get("return_token_ids").Bool() || !v.Get("stream_options.include_usage").Bool() {
		t.Errorf("%s %s", path, data)
	}
	cl.Endpoint = Completions
	if data, path = cl.body("s", history, &Turn{Text: "c"}); path != "/v1/completions" || gjson.GetBytes(data, "prompt").String() != "s\na\nb\nc" {
		t.Errorf("%s %s", path, data)
	}
}

// The probe leaves out what a server refuses, and finds how many tokens a word is.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: func(w io.Writer, body string) {
			if gjson.Get(body, "ignore_eos").Exists() {
				steps(w, "HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n"+`{"error":{"message":"Unrecognized request argument supplied: ignore_eos"}}`)
				return
			}
			n := 10 + 3*len(strings.Fields(gjson.Get(body, "prompt").String()))
			steps(w, head, token("a", "[1]"), fmt.Sprintf(`data: {"choices":[],"usage":{"prompt_tokens":%d}}`+"\n\n", n), "data: [DONE]\n\n")
		}}
		perWord, notices, err := f.client(t).Probe(t.Context(), Workload{Input: 40})
		if err != nil || perWord != 3 || len(notices) != 1 || !strings.Contains(notices[0], "ignore_eos") || len(f.bodies) != 3 {
			t.Errorf("%v tokens a word, %q, %v after %d requests", perWord, notices, err, len(f.bodies))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{script: func(w io.Writer, _ string) {
			steps(w, "HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n"+`{"error":"the model is gone"}`)
		}}
		if _, _, err := f.client(t).Probe(t.Context(), Workload{Input: 40}); err == nil || !strings.Contains(err.Error(), "the model is gone") {
			t.Errorf("probed: %v", err)
		}
	})
}
