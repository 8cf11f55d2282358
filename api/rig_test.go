package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// patience is far above every expected delay; only a fault reaches it.
const patience = time.Minute

// rig is a server over a fake engine, on a loopback socket.
type rig struct {
	*Server
	engine *fakeEngine
	clock  *clock
	addr   string
	client *http.Client
}

// answers are what the fake model says: the reply to a prompt is the first whose key is in it.
var answers = []struct{ key, reply string }{
	{"weather", "I look.\n<tool_call>\n<function=weather>\n<parameter=city>\nOslo\n</parameter>\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>"},
	{"hermes", "<tool_call>{\"name\": \"weather\", \"arguments\": {\"city\": \"Oslo\"}}</tool_call>"},
	{"hang", "hang on"},
	{"break", "break here"},
	{"unicode", "¡Olé! 日本語 👍"},
	{"\n</think>\n\n", "Done."},
	{"<think>\n", "hm, well\n</think>\n\nHello."},
	{"empty", ""},
}

func reply(prompt string) string {
	for _, a := range answers {
		if strings.Contains(prompt, a.key) {
			return a.reply
		}
	}
	return "Hello, world."
}

func newRig(t testing.TB, change func(*Config)) *rig {
	t.Helper()
	tok := newTokenizer(true)
	e := &fakeEngine{tok: tok, reply: reply, perStep: 4, context: 2000}
	clk := &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	var ids atomic.Int64
	cfg := Config{
		Model: Model{
			Name: "tiny", Context: e.context, Depth: 8, HasHead: true, Tokenizer: tok, Engine: e,
			NewDetok: func() commit.Detokenizer { return &bytesDetok{t: tok} },
			Template: mustParse(chatml), StopTokens: []int32{imEnd},
		},
		Defaults: Defaults{Sampler: sample.Sampler{Temperature: 0.6, TopP: 0.95, TopK: 20}, Depth: 3, Speculate: true},
		Version:  "test", Now: clk.now, NewID: func() string { return itoa(int(ids.Add(1))) },
	}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	transport := &http.Transport{DisableCompression: true}
	r := &rig{Server: s, engine: e, clock: clk, addr: ln.Addr().String(), client: &http.Client{Transport: transport, Timeout: patience}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
		if n := e.running(); n != 0 {
			t.Errorf("%d sessions were left in the engine", n)
		}
	})
	return r
}

// do sends a request. A header is "Name: value".
func (r *rig) do(t testing.TB, method, path, body string, headers ...string) (*answered, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+r.addr+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			req.Host = value
		}
		req.Header.Set(name, value)
	}
	res, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s %s: %v after %q", method, path, err, b)
	}
	return &answered{res.StatusCode, res.Status, res.Header}, string(b)
}

// answered is a response without its body.
type answered struct {
	StatusCode int
	Status     string
	Header     http.Header
}

// dial opens a connection for requests that no client library would send.
func (r *rig) dial(t testing.TB) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c, bufio.NewReader(c)
}

// post writes a POST by hand.
func post(c net.Conn, path, body string) {
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

func until(t testing.TB, in *bufio.Reader, want string) {
	t.Helper()
	for {
		l, err := in.ReadString('\n')
		if strings.Contains(l, want) {
			return
		}
		if err != nil {
			t.Fatalf("waiting for %q: %v", want, err)
		}
	}
}
