package api

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/tidwall/gjson"
)

func TestPages(t *testing.T) {
	text := strings.Repeat("<p>hello</p>\n", 200)
	r := newRig(t, func(c *Config) {
		c.Keys = []string{"a-long-secret"}
		c.Pages = map[string]Page{"/": {"text/html; charset=utf-8", []byte(text)}, "/web/x.mjs": {"text/javascript", []byte("1")}}
	})
	tags := map[string]bool{}
	for _, coding := range []string{"", "gzip", "zstd", "gzip, zstd", "zstd;q=0, gzip"} {
		res, body := r.do(t, "GET", "/", "", "Accept-Encoding: "+coding)
		if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/html; charset=utf-8" || res.Header.Get("Vary") != "Accept-Encoding" {
			t.Fatalf("with %q: %d %v", coding, res.StatusCode, res.Header)
		}
		policy := res.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "require-trusted-types-for 'script'") {
			t.Errorf("policy is %q", policy)
		}
		switch got := res.Header.Get("Content-Encoding"); got {
		case "gzip":
			z, err := gzip.NewReader(strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(z)
			if err != nil || string(b) != text {
				t.Errorf("gzip holds %q, %v", b, err)
			}
		case "zstd":
			z, err := zstd.NewReader(nil)
			if err != nil {
				t.Fatal(err)
			}
			defer z.Close()
			b, err := z.DecodeAll([]byte(body), nil)
			if err != nil || !bytes.Equal(b, []byte(text)) {
				t.Errorf("zstd holds %q, %v", b, err)
			}
		case "":
			if coding != "" || body != text {
				t.Errorf("with %q: %d bytes as they are", coding, len(body))
			}
		}
		tag := res.Header.Get("ETag")
		tags[tag] = true
		for _, ask := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			again, body := r.do(t, "GET", "/", "", "Accept-Encoding: "+coding, "If-None-Match: "+ask)
			if again.StatusCode != http.StatusNotModified || body != "" || again.Header.Get("ETag") != tag || again.Header.Get("Content-Encoding") != "" {
				t.Errorf("if none match %s: %d, %d bytes, %v", ask, again.StatusCode, len(body), again.Header)
			}
		}
		if again, _ := r.do(t, "GET", "/", "", "Accept-Encoding: "+coding, `If-None-Match: "other"`); again.StatusCode != http.StatusOK {
			t.Errorf("if none match another: %d", again.StatusCode)
		}
	}
	if len(tags) != 3 {
		t.Errorf("three representations have the tags %v", tags)
	}
	if res, body := r.do(t, "GET", "/web/x.mjs", ""); res.StatusCode != http.StatusOK || body != "1" || res.Header.Get("Content-Encoding") != "" {
		t.Errorf("a small file: %d %q", res.StatusCode, body)
	}
	if res, body := r.do(t, "HEAD", "/", ""); res.StatusCode != http.StatusOK || body != "" {
		t.Errorf("HEAD: %d %q", res.StatusCode, body)
	}
}

func TestSnapshotTellsWhatWasDone(t *testing.T) {
	r := newRig(t, nil)
	before := gjson.Parse(second(r.do(t, "GET", "/v1/mtplx/snapshot", "")))
	if n := before.Get("totals.completion_tokens").Int(); n != 0 || before.Get("totals.drafted_by_depth").Raw != "[]" {
		t.Errorf("before: %s", before.Get("totals"))
	}
	r.do(t, "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}]}`)
	r.do(t, "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"break"}]}`)
	got := gjson.Parse(second(r.do(t, "GET", "/v1/mtplx/snapshot", "")))
	// "Hello, world." and its end are 14 tokens in cycles of 3 drafts and 1 token; the failed answer wrote 4 and books no drafts.
	want := `{"answers":1,"failures":1,"prompt_tokens":45,"cached_tokens":0,"completion_tokens":18,"cycles":4,"drafted_by_depth":[4,4,3],"accepted_by_depth":[4,4,3]}`
	if raw := got.Get("totals").Raw; raw != want {
		t.Errorf("totals are\n%s, want\n%s", raw, want)
	}
	want = `{"version":"test","model":"tiny","context":2000,"head":true,"max_depth":8,"thinks":true,"max_running":8,"max_waiting":64,"max_tokens":0,"uptime_s":0,"defaults":{"temperature":0.6,"top_p":0.95,"top_k":20,"min_p":0,"depth":3}}`
	if raw := got.Get("server").Raw; raw != want {
		t.Errorf("server is\n%s, want\n%s", raw, want)
	}
	if got.Get("process.go_bytes").Int() == 0 {
		t.Errorf("process is %s", got.Get("process"))
	}
}

func second[A, B any](_ A, b B) B { return b }
