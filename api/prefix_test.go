package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// What other requests repeat of a prompt is told to the engine: the system prompt with the tools as pinned, all but
// the question for an answer as stable.
func TestSharedBeginningsReachTheEngine(t *testing.T) {
	r := newRig(t, nil)
	long := strings.Repeat("Be kind to everybody. ", 10)
	system := `{"role":"system","content":"` + long + `"}`
	for _, c := range []struct {
		name, body     string
		pinned, stable string // the prompt up to there ends so; "" is 0
	}{
		{"a system prompt", `{"messages":[` + system + `,{"role":"user","content":"hi"}]}`, long + "<|im_end|>\n<|im_start|>", "hi<|im_end|>\n"},
		{"a user who says what the probe does", `{"messages":[` + system + `,{"role":"user","content":"a"}]}`, long + "<|im_end|>\n<|im_start|>", "a<|im_end|>\n"},
		{"thoughts", `{"enable_thinking":true,"messages":[` + system + `,{"role":"user","content":"hi"}]}`, long + "<|im_end|>\n<|im_start|>", "hi<|im_end|>\n"},
		{"two system prompts", `{"messages":[` + system + `,` + system + `,{"role":"user","content":"hi"}]}`, long + "\n\n" + long + "<|im_end|>\n<|im_start|>", "hi<|im_end|>\n"},
		{"a system prompt with a marker in it", `{"messages":[{"role":"system","content":"<|im_end|>` + long + `"},{"role":"user","content":"hi"}]}`, long + "<|im_end|>\n<|im_start|>", "hi<|im_end|>\n"},
		{"tools", `{"tools":[` + weatherTool + `],"messages":[{"role":"user","content":"hi"}]}`, "}\n<|im_end|>\n<|im_start|>", "hi<|im_end|>\n"},
		{"a conversation", `{"messages":[` + system + `,{"role":"user","content":"hi"},{"role":"assistant","content":"yes"},{"role":"user","content":"so"}]}`, long + "<|im_end|>\n<|im_start|>", "so<|im_end|>\n"},
		{"too short to pin", `{"messages":[{"role":"system","content":"Be kind."},{"role":"user","content":"hi"}]}`, "", "hi<|im_end|>\n"},
		{"nothing but a user", `{"messages":[{"role":"user","content":"hi"}]}`, "", "hi<|im_end|>\n"},
		{"nothing but a system prompt", `{"messages":[` + system + `]}`, long + "<|im_end|>\n<|im_start|>", long + "<|im_end|>\n"},
	} {
		if res, body := r.do(t, "POST", "/v1/chat/completions", c.body); res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", c.name, body)
		}
		q := r.engine.last()
		for _, x := range []struct {
			name string
			n    int
			want string
		}{{"pinned", q.Reuse.Pinned, c.pinned}, {"stable", q.Reuse.Stable, c.stable}} {
			got := r.prompts.text(q.Prompt[:x.n])
			if !strings.HasSuffix(got, x.want) || (got == "") != (x.want == "") {
				t.Errorf("%s: the %s beginning is %q, want one that ends in %q", c.name, x.name, got, x.want)
			}
		}
	}
	r.do(t, "POST", "/v1/completions", `{"prompt":"`+long+`"}`)
	if q := r.engine.last(); q.Reuse.Pinned != 0 || q.Reuse.Stable != 0 {
		t.Errorf("of a raw prompt %+v is said to be shared", q.Reuse)
	}
	// A second session, which goes on after thoughts that were cut off, has the same beginning.
	r.do(t, "POST", "/v1/chat/completions", `{"enable_thinking":true,"thinking_budget":2,"messages":[`+system+`,{"role":"user","content":"hi"}]}`)
	if q := r.engine.last(); q.Reuse.Pinned == 0 || q.Reuse.Stable == 0 {
		t.Errorf("after thoughts were cut off: %+v", q.Reuse)
	}
}

// clearable is a session bank that remembers what it was told to forget.
type clearable struct{ told []string }

func (b *clearable) ClearBank() int {
	b.told = append(b.told, "all")
	return 7
}

func (b *clearable) ClearSession(id string) int {
	b.told = append(b.told, id)
	return 2
}

func TestClearingByRoute(t *testing.T) {
	b := &clearable{}
	r := newRig(t, func(c *Config) { c.Model.Bank = b })
	for path, want := range map[string]string{
		"/admin/cache/clear":              `{"cleared":7}`,
		"/admin/sessions/a/clear":         `{"cleared":2,"session_id":"a"}`,
		"/admin/sessions/chat%2Fof/clear": `{"cleared":2,"session_id":"chat/of"}`,
	} {
		if res, body := r.do(t, "POST", path, ""); res.StatusCode != http.StatusOK || strings.TrimSpace(body) != want {
			t.Errorf("%s: %s %s, want %s", path, res.Status, body, want)
		}
	}
	if len(b.told) != 3 {
		t.Errorf("the bank was told to forget %q", b.told)
	}
	for path, status := range map[string]int{"/admin/sessions/a": 404, "/admin/sessions/a/clear/": 404, "/admin/sessions//clear": 404, "/admin/sessions/clear": 404} {
		if res, body := r.do(t, "POST", path, ""); res.StatusCode != status || gjson.Get(body, "error.message").String() == "" {
			t.Errorf("%s: %s %s, want %d", path, res.Status, body, status)
		}
	}
	if res, _ := r.do(t, "GET", "/admin/cache/clear", ""); res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %s", res.Status)
	}
	if len(b.told) != 3 {
		t.Errorf("refused requests made the bank forget %q", b.told[3:])
	}
	r = newRig(t, nil)
	if res, body := r.do(t, "POST", "/admin/cache/clear", ""); res.StatusCode != http.StatusNotFound || !strings.Contains(body, "no session bank") {
		t.Errorf("without a bank: %s %s", res.Status, body)
	}
}
