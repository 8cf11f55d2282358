package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tidwall/gjson"
)

// Each character of a stream says truly whether the head proposed the token that completed it, however cycles and
// chunks fall, and whatever was cut away around it.
func TestStreamsSayWhatTheHeadProposed(t *testing.T) {
	for _, c := range []struct{ name, reply, shown, extra string }{
		{"plain", "Hello, world.", "Hello, world.", ""},
		{"characters of several bytes", "¡Olé! 日本語 👍", "¡Olé! 日本語 👍", ""},
		{"thoughts", " hm,  well \n</think>\n\n Hello. \n", "hm,  wellHello. \n", `,"enable_thinking":true`},
		{"a stop string", "one two three", "one t", `,"stop":["wo t","xx"]`},
		{"a text that ends inside a character", "ab\xe6\x97", "ab\ufffd\ufffd", ""},
		{"a text that only begins like a call", "a <tool_call> b", "a <tool_call> b", `,"tools":[` + weatherTool + `]`},
		{"a limit of tokens", "日本語", "日\ufffd\ufffd", `,"max_tokens":5`},
	} {
		for per := 1; per <= 7; per++ {
			t.Run(fmt.Sprintf("%s, %d tokens a cycle", c.name, per), func(t *testing.T) {
				r := newRig(t, nil)
				r.engine.perStep = per
				r.engine.reply = func(string) string { return c.reply }
				res, body := r.do(t, "POST", "/v1/chat/completions", `{"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_mtplx":true}`+c.extra+`}`)
				if res.StatusCode != http.StatusOK {
					t.Fatal(body)
				}
				// The fake engine's cycles are drafts and one token of the model's own.
				var proposed []bool // by byte
				for i, id := range r.engine.tok.Encode(nil, c.reply, true) {
					for range r.engine.tok.Bytes(id) {
						proposed = append(proposed, i%per < per-1)
					}
				}
				shown, at := "", 0
				for line := range strings.Lines(body) {
					choice := gjson.Get(strings.TrimPrefix(line, "data: "), "choices.0")
					text := choice.Get("delta.content").Str + choice.Get("delta.reasoning_content").Str
					if text == "" {
						continue
					}
					shown += text
					var joined strings.Builder
					for i, p := range choice.Get("mtplx.pieces").Array() {
						joined.WriteString(p.Str)
						drafted := choice.Get(fmt.Sprintf("mtplx.drafted.%d", i)).Bool()
						for _, char := range p.Str {
							want, next := following(c.reply, at, char, proposed)
							if drafted != want {
								t.Errorf("%q in %q is drafted: %v, want %v", char, shown, drafted, want)
							}
							at = next
						}
					}
					if joined.String() != text {
						t.Errorf("pieces make %q of %q", joined.String(), text)
					}
				}
				if shown != c.shown {
					t.Errorf("shown is %q, want %q", shown, c.shown)
				}
			})
		}
	}
}

// following finds a character in the reply from a place on: whether its last byte's token was proposed, and what
// follows. What stands for a broken character belongs to the last token.
func following(reply string, at int, char rune, proposed []bool) (bool, int) {
	i := strings.IndexRune(reply[at:], char)
	if char == '\ufffd' || i < 0 {
		return proposed[at-1], at
	}
	end := at + i + len(string(char))
	return proposed[end-1], end
}
