package api

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"runtime"
	"testing"

	"github.com/tidwall/gjson"
)

// Connections that wait for their next request cost little, whatever the last one was: 2,000 of them, with the
// client's ends in the same process, less than 40 MB of heap and stacks.
func TestIdleConnectionsCostLittle(t *testing.T) {
	const count, most = 2000, 40 << 20
	r := newRig(t, func(c *Config) { c.Connections = count + 10 })
	used := func() uint64 {
		runtime.GC()
		runtime.GC() // pools let go at the second
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before := used()
	for i := range count {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		defer func() { _ = c.Close() }()
		// Half of them have seen a stream.
		body := `{"messages":[{"role":"user","content":"hi"}],"stream":` + map[bool]string{true: "true", false: "false"}[i%2 == 0] + `}`
		post(c, "/v1/chat/completions", body)
		res, err := http.ReadResponse(bufio.NewReaderSize(c, 512), nil)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusOK || res.Close {
			t.Fatalf("connection %d: %s, close %v, %v", i, res.Status, res.Close, err)
		}
		_ = res.Body.Close()
	}
	r.engine.mu.Lock()
	r.engine.requests = nil // the fake engine's own memory
	r.engine.mu.Unlock()
	if n := r.http.GetOpenConnectionsCount(); n < count {
		t.Fatalf("%d connections are open, want %d", n, count)
	}
	if took := int64(used()) - int64(before); took > most {
		t.Errorf("%d idle connections take %d bytes, want at most %d", count, took, most)
	} else {
		t.Logf("%d idle connections take %d bytes", count, took)
	}
}

// A client has its share of the queue and no more; others do not notice.
func TestShareOfTheQueue(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Keys, c.Each = []string{keyA, keyB}, 2 })
	var open []net.Conn
	for range 2 {
		c, in := r.dial(t)
		fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-API-Key: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", keyA, len(hangStream), hangStream)
		until(t, in, "hang")
		open = append(open, c)
	}
	res, body := r.do(t, "POST", "/v1/chat/completions", hi, "X-API-Key: "+keyA)
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" || gjson.Get(body, "error.message").String() == "" {
		t.Errorf("a third answer: %s, Retry-After %q, %s", res.Status, res.Header.Get("Retry-After"), body)
	}
	if res, body := r.do(t, "POST", "/v1/messages", `{"max_tokens":5,"messages":[{"role":"user","content":"hi"}]}`, "X-API-Key: "+keyA); res.StatusCode != http.StatusTooManyRequests || gjson.Get(body, "error.type").String() != "rate_limit_error" {
		t.Errorf("a third answer in Anthropic's dialect: %s %s", res.Status, body)
	}
	if res, body := r.do(t, "POST", "/v1/chat/completions", hi, "X-API-Key: "+keyB); res.StatusCode != http.StatusOK {
		t.Errorf("another client: %s %s", res.Status, body)
	}
	if res, body := r.do(t, "POST", "/v1/chat/completions", `{"n":3,"messages":[{"role":"user","content":"hi"}]}`, "X-API-Key: "+keyB); res.StatusCode != http.StatusBadRequest || gjson.Get(body, "error.param").String() != "n" {
		t.Errorf("more at once than a client may ever have: %s %s", res.Status, body)
	}
	for _, c := range open {
		_ = c.Close()
	}
	soon(t, "room for the client", func() bool {
		res, _ := r.do(t, "POST", "/v1/chat/completions", hi, "X-API-Key: "+keyA)
		return res.StatusCode == http.StatusOK
	})
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	if len(r.queue.by) != 0 {
		t.Errorf("the queue still counts %v", r.queue.by)
	}
}

// Whoever must wait is told their place, whether they are admitted or refused.
func TestQueuePosition(t *testing.T) {
	r := newRig(t, func(c *Config) { c.Running, c.Waiting = 1, 2 })
	for i, want := range []string{"", "1", "2", "3"} {
		c, in := r.dial(t)
		post(c, "/v1/chat/completions", hangStream)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = c.Close() // first: a body is read to its end when it is closed
			_ = res.Body.Close()
		})
		status := http.StatusOK
		if i == 3 {
			status = http.StatusServiceUnavailable
		}
		if got := res.Header.Get("X-Mtplx-Queue-Position"); got != want || res.StatusCode != status {
			t.Errorf("request %d: %s, position %q; want %d and %q", i+1, res.Status, got, status, want)
		}
	}
}

// The comparison of keys does not depend on which key is right or how much of it: every key's hash is compared, by a
// comparison in constant time, and the loop is never left early.
func TestKeysAreComparedInConstantTime(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "guard.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	loops := 0
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Name.Name != "check" {
			continue
		}
		ast.Inspect(f.Body, func(n ast.Node) bool {
			loop, ok := n.(*ast.RangeStmt)
			if !ok {
				return true
			}
			loops++
			compared := false
			ast.Inspect(loop, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ReturnStmt, *ast.BranchStmt:
					t.Errorf("the loop over the keys is left early")
				case *ast.CallExpr:
					s, ok := n.Fun.(*ast.SelectorExpr)
					if !ok || s.Sel.Name != "ConstantTimeCompare" {
						t.Errorf("the loop over the keys calls something else than ConstantTimeCompare")
						return true
					}
					compared = true
				}
				return true
			})
			if !compared {
				t.Error("the loop over the keys does not compare in constant time")
			}
			return true
		})
	}
	if loops != 1 {
		t.Errorf("check has %d loops over the keys, want 1", loops)
	}
	keys := newKeyring([]string{keyA, keyB})
	for key, want := range map[string]string{keyA: "key-1", keyB: "key-2", keyA + "x": "", keyA[:len(keyA)-1]: "", "": ""} {
		if name, ok := keys.check(key); name != want || ok != (want != "") {
			t.Errorf("key %q is %q, %v; want %q", key, name, ok, want)
		}
	}
}
