package web_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"mtplx/api"
	"mtplx/api/web"
	"mtplx/model/chat"
	"mtplx/sched"
	"mtplx/stages/commit"
)

// silent stands for a model that nobody asks anything.
type silent struct{}

func (silent) Start(sched.Request) (api.Session, error)                { return nil, sched.ErrBusy }
func (silent) Encode(dst []int32, _ string, _ bool) []int32            { return dst }
func (silent) Size() int                                               { return 1 }
func (silent) ID(string) (int32, bool)                                 { return 0, false }
func (silent) Token(int32) (string, bool)                              { return "", false }
func (silent) Bytes(int32) string                                      { return "" }
func (silent) IsSpecial(int32) bool                                    { return false }
func (silent) RenderChat([]chat.Message, chat.Options) (string, error) { return "", nil }
func (silent) Append(dst []byte, _ int32) []byte                       { return dst }
func (silent) Flush(dst []byte) []byte                                 { return dst }

// Every page is served to those without a key, since it is where they give one, under the strict policy and with a tag.
func TestEveryPageIsServed(t *testing.T) {
	s, err := api.New(api.Config{
		Model: api.Model{
			Name: "m", Context: 10, Engine: silent{}, Tokenizer: silent{}, Template: silent{},
			NewDetok: func() commit.Detokenizer { return silent{} },
		},
		Keys: []string{"a-long-secret"}, Pages: web.Pages(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	get := func(at, tag string) (int, http.Header) {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+ln.Addr().String()+at, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("If-None-Match", tag)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode, res.Header
	}
	for at, p := range web.Pages() {
		status, header := get(at, "")
		policy := header.Get("Content-Security-Policy")
		switch {
		case status != http.StatusOK, header.Get("Content-Type") != p.ContentType:
			t.Errorf("%s: %d as %s, want %s", at, status, header.Get("Content-Type"), p.ContentType)
		case !strings.HasPrefix(policy, "default-src 'none';"), strings.Contains(policy, "unsafe"):
			t.Errorf("%s has the policy %q", at, policy)
		case header.Get("X-Content-Type-Options") != "nosniff":
			t.Errorf("%s may be taken for another type", at)
		}
		if status, _ := get(at, header.Get("ETag")); status != http.StatusNotModified {
			t.Errorf("%s asked for again: %d", at, status)
		}
	}
}
