package api

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/tidwall/gjson"
)

const hi = `{"messages":[{"role":"user","content":"hi"}]}`

const (
	keyA = "correct-horse-battery"
	keyB = "another-good-key"
)

func TestEveryRouteButHealthNeedsTheKey(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Keys = []string{keyA, keyB} })
	for path, route := range r.routes {
		for method := range route.methods {
			at := path
			if strings.HasSuffix(at, "/") && at != "/" {
				at += "x"
			}
			body := ""
			if method == "POST" {
				body = hi
			}
			for _, h := range [][]string{nil, {"Authorization: Bearer wrong-key-here"}, {"X-API-Key: " + keyA + "x"}, {"Authorization: Basic " + keyA}} {
				res, _ := r.do(t, method, at, body, h...)
				if got, want := res.StatusCode == http.StatusUnauthorized, !route.public; got != want {
					t.Errorf("%s %s with %v: %s", method, at, h, res.Status)
				}
				if res.StatusCode == http.StatusUnauthorized && res.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s: 401 without WWW-Authenticate", method, at)
				}
			}
		}
	}
	for _, path := range []string{"/v1/chat/completions?api_key=" + keyA, "//v1/chat/completions", "/v1/./chat/completions", "/%761/chat/completions", "/nothing"} {
		if res, _ := r.do(t, "POST", path, hi); res.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a key in a header: %s", path, res.Status)
		}
	}
	for _, h := range []string{"Authorization: Bearer " + keyA, "Authorization: bearer " + keyB, "X-API-Key: " + keyB} {
		if res, body := r.do(t, "POST", "/v1/chat/completions", hi, h); res.StatusCode != http.StatusOK {
			t.Errorf("with %s: %s %s", h, res.Status, body)
		}
	}
	if _, body := r.do(t, "GET", "/health", ""); gjson.Get(body, "model").Exists() {
		t.Errorf("health tells strangers %s", body)
	}
	if _, body := r.do(t, "GET", "/health", "", "X-API-Key: "+keyA); gjson.Get(body, "model").String() != "tiny" {
		t.Errorf("health tells those with a key %s", body)
	}
}

// Strangers cannot make the server read what it will refuse.
func TestStrangersBodiesAreSmall(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Keys = []string{keyA} })
	for _, header := range []string{"", "X-API-Key: wrong-key-here\r\n"} {
		conn, in := r.dial(t)
		// The body never comes: whoever waits for it has not refused it.
		fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: 1000000\r\n\r\n", header)
		line, err := in.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "HTTP/1.1 401") {
			t.Errorf("with %q: %q, %v; want 401", header, line, err)
		}
	}
	large := strings.TrimSuffix(hi, "}") + `,"metadata":{"x":"` + strings.Repeat("x", 100000) + `"}}`
	if res, body := r.do(t, "POST", "/v1/chat/completions", large, "X-API-Key: "+keyA); res.StatusCode != http.StatusOK {
		t.Errorf("a large body with the key: %s %s", res.Status, body)
	}
}

func TestHostAndOrigin(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Hosts, c.Origins = []string{"box.lan"}, []string{"https://chat.example"} })
	for _, c := range []struct {
		headers []string
		status  int
	}{
		{[]string{"Host: localhost:8000"}, 200},
		{[]string{"Host: 127.0.0.1"}, 200},
		{[]string{"Host: [::1]:8000"}, 200},
		{[]string{"Host: BOX.lan:1"}, 200},
		{[]string{"Host: evil.example"}, 403},
		{[]string{"Host: localhost.evil.example:8000"}, 403},
		{[]string{"Host: evil.example", "Origin: http://evil.example"}, 403},
		{[]string{"Host: localhost:8000", "Origin: http://localhost:8000"}, 200},
		{[]string{"Host: localhost:8000", "Origin: http://localhost:9000"}, 403},
		{[]string{"Host: localhost:8000", "Origin: https://evil.example"}, 403},
		{[]string{"Host: localhost:8000", "Origin: null"}, 403},
		{[]string{"Host: localhost:8000", "Origin: https://chat.example"}, 200},
	} {
		res, body := r.do(t, "POST", "/v1/chat/completions", hi, c.headers...)
		if res.StatusCode != c.status {
			t.Errorf("%v: %s %s, want %d", c.headers, res.Status, body, c.status)
		}
		allowed := res.Header.Get("Access-Control-Allow-Origin")
		if want := strings.Contains(strings.Join(c.headers, " "), "chat.example"); (allowed != "") != want {
			t.Errorf("%v: Access-Control-Allow-Origin is %q", c.headers, allowed)
		}
	}
	res, _ := r.do(t, "OPTIONS", "/v1/chat/completions", "", "Origin: https://chat.example")
	if res.StatusCode != http.StatusNoContent || !strings.Contains(res.Header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight: %s %v", res.Status, res.Header)
	}
	if res, _ := r.do(t, "OPTIONS", "/v1/chat/completions", "", "Origin: https://evil.example"); res.StatusCode != http.StatusForbidden {
		t.Errorf("preflight of a stranger: %s", res.Status)
	}
	// A form of a web page needs no preflight, but cannot send JSON's type.
	if res, _ := r.do(t, "POST", "/v1/chat/completions", hi, "Content-Type: text/plain"); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain: %s, want 415", res.Status)
	}
}

func TestRateLimit(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Keys, c.Rate = []string{keyA, keyB}, 2 })
	get := func(key string) *answered {
		res, _ := r.do(t, "GET", "/v1/models", "", "X-API-Key: "+key)
		return res
	}
	for range 2 {
		if res := get(keyA); res.StatusCode != http.StatusOK {
			t.Fatal(res.Status)
		}
	}
	if res := get(keyA); res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "30" {
		t.Fatalf("the third request: %s, Retry-After %q; want 429 and 30", res.Status, res.Header.Get("Retry-After"))
	}
	if res := get(keyB); res.StatusCode != http.StatusOK {
		t.Fatalf("another key: %s", res.Status)
	}
	r.clock.advance(30 * time.Second)
	if res := get(keyA); res.StatusCode != http.StatusOK {
		t.Fatalf("after the wait: %s", res.Status)
	}
	if res, _ := r.do(t, "GET", "/health/live", ""); res.StatusCode != http.StatusOK {
		t.Fatalf("health is limited: %s", res.Status)
	}
}

func TestLimiterForgets(t *testing.T) {
	l := newLimiter(60, func() time.Time { return time.Unix(0, 0) })
	for i := range 3 * maxNames {
		l.take(itoa(i))
	}
	if len(l.by) > maxNames {
		t.Fatalf("the limiter remembers %d names, want at most %d", len(l.by), maxNames)
	}
}

func TestMethodsAndUnknownRoutes(t *testing.T) {
	r := newRig(t, nil)
	res, _ := r.do(t, "GET", "/v1/chat/completions", "")
	if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != "POST" {
		t.Errorf("GET: %s, Allow %q", res.Status, res.Header.Get("Allow"))
	}
	if res, body := r.do(t, "HEAD", "/", ""); res.StatusCode != http.StatusOK || body != "" {
		t.Errorf("HEAD /: %s %q", res.Status, body)
	}
	if res, _ := r.do(t, "POST", "/v1/chat/completions", hi, "Content-Encoding: gzip"); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("an encoded body: %s, want 415", res.Status)
	}
}

func TestModels(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Model.Aliases = []string{"gpt-5", "org/name"} })
	_, body := r.do(t, "GET", "/v1/models", "")
	if ids := gjson.Get(body, "data.#.id").String(); ids != `["tiny","mtplx","gpt-5","org/name"]` {
		t.Errorf("ids %s", ids)
	}
	if slugs := gjson.Get(body, "models.#.slug").String(); slugs != `["tiny","mtplx","gpt-5","org/name"]` {
		t.Errorf("slugs %s", slugs)
	}
	for _, id := range []string{"tiny", "mtplx", "gpt-5", "org/name"} {
		_, body := r.do(t, "GET", "/v1/models/"+id, "")
		if gjson.Get(body, "id").String() != id || gjson.Get(body, "context_length").Int() != 2000 {
			t.Errorf("model %s: %s", id, body)
		}
		if res, body := r.do(t, "POST", "/v1/completions", `{"model":"`+id+`","prompt":"x"}`); res.StatusCode != http.StatusOK || gjson.Get(body, "model").String() != id {
			t.Errorf("asking %s: %s %s", id, res.Status, body)
		}
	}
	if res, body := r.do(t, "GET", "/v1/models/nope", ""); res.StatusCode != http.StatusNotFound || gjson.Get(body, "error.code").String() != "model_not_found" {
		t.Errorf("an unknown model: %s %s", res.Status, body)
	}
}

func TestCompression(t *testing.T) {
	r := newRig(t, nil)
	_, plain := r.do(t, "GET", "/metrics", "")
	if !strings.Contains(plain, "vllm:num_requests_running{") || !strings.Contains(plain, "mtplx_requests_running{") {
		t.Fatalf("metrics lack a name or its alias:\n%s", plain)
	}
	res, body := r.do(t, "GET", "/v1/models", "", "Accept-Encoding: gzip;q=0, zstd")
	d, err := zstd.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(d); err != nil || res.Header.Get("Content-Encoding") != "zstd" || !gjson.ValidBytes(out.Bytes()) {
		t.Errorf("zstd: %v, %q, %q", err, res.Header.Get("Content-Encoding"), out.String())
	}
	res, body = r.do(t, "GET", "/v1/models", "", "Accept-Encoding: br, gzip")
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if _, err := out.ReadFrom(z); err != nil || res.Header.Get("Content-Encoding") != "gzip" || !gjson.ValidBytes(out.Bytes()) {
		t.Errorf("gzip: %v, %q, %q", err, res.Header.Get("Content-Encoding"), out.String())
	}
	if res, _ := r.do(t, "GET", "/v1/models", "", "Accept-Encoding: gzip;q=0"); res.Header.Get("Content-Encoding") != "" {
		t.Errorf("refused codings were used: %q", res.Header.Get("Content-Encoding"))
	}
	res, body = r.do(t, "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"stream":true}`, "Accept-Encoding: gzip, zstd")
	if res.Header.Get("Content-Encoding") != "" || !strings.HasPrefix(body, "data: {") {
		t.Errorf("a stream was encoded: %q %q", res.Header.Get("Content-Encoding"), body)
	}
}

// lockedBuffer is a log's text that tests read while the server writes.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestLogsHoldNoPromptsAndNoKeys(t *testing.T) {
	for _, prompts := range []bool{false, true} {
		var log lockedBuffer
		r := newRig(t, func(c *Config) {
			c.Keys, c.LogPrompts = []string{keyA}, prompts
			c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		})
		r.do(t, "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"canary"}]}`, "X-API-Key: "+keyA)
		r.do(t, "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"canary"}],"stream":true}`, "X-API-Key: "+keyA)
		r.do(t, "POST", "/v1/chat/completions", `{"model":"a\nlevel=ERROR canary","messages":[{"role":"user","content":"canary"}]}`, "X-API-Key: "+keyA)
		r.do(t, "GET", "/canary%0alevel=ERROR", "", "X-API-Key: wrong-"+keyA)
		got := log.String()
		if strings.Contains(got, "canary") != prompts || strings.Contains(got, keyA) || strings.Contains(got, "Hello") {
			t.Errorf("with LogPrompts %v the log is\n%s", prompts, got)
		}
		if n := strings.Count(got, "msg=answer"); n != 2 {
			t.Errorf("%d answers are in the log, want 2:\n%s", n, got)
		}
		for line := range strings.Lines(got) {
			if !strings.HasPrefix(line, "time=") {
				t.Errorf("a client broke a line of the log: %q", line)
			}
		}
	}
}
