package remote

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mtplx/cmd/mtplx/runtime"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const small = `{"totals":{},"server":{"model":"demo"}}`

// ask asks a server for its snapshot.
func ask(t *testing.T, f Flags) (*Snapshot, error) {
	t.Helper()
	if f.Timeout == 0 {
		f.Timeout = time.Minute
	}
	s, err := f.Server()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Snapshot(t.Context())
}

// fails checks a failure's kind and text.
func fails(t *testing.T, err error, kind runtime.Kind, text string) {
	t.Helper()
	if f, ok := errors.AsType[*runtime.Failure](err); !ok || f.Kind != kind || !strings.Contains(err.Error(), text) {
		t.Errorf("%v, want kind %v and %q", err, kind, text)
	}
}

func TestUnixSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(small)) }))
	server.Listener = ln
	server.Start()
	defer server.Close()
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	for _, url := range []string{"unix:" + path, "unix://" + path} {
		if s, err := ask(t, Flags{URL: url}); err != nil || s.Server.Model != "demo" {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestCertificatesThatNobodyTrusts(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	server.Config.ErrorLog = nil
	defer server.Close()
	_, err := ask(t, Flags{URL: server.URL})
	fails(t, err, runtime.Environment, "set SSL_CERT_FILE")
	_, err = ask(t, Flags{URL: strings.Replace(server.URL, "https", "http", 1)})
	fails(t, err, runtime.Integration, "is no mtplx")
}

// Guarantee 1: an answer without an end, or one that never comes to it, ends a call.
func TestAnswersAreBounded(t *testing.T) {
	done := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer slow" {
			_, _ = w.Write([]byte("{"))
			_ = http.NewResponseController(w).Flush()
			<-done
			return
		}
		blank := []byte(strings.Repeat(" ", 1<<20))
		for range longest>>20 + 1 {
			if _, err := w.Write(blank); err != nil {
				return
			}
		}
		_, _ = w.Write([]byte(small))
	}))
	defer server.Close()
	_, err := ask(t, Flags{URL: server.URL})
	fails(t, err, runtime.Integration, "more than 16 MiB")
	_, err = ask(t, Flags{URL: server.URL, APIKey: []string{"slow"}, Timeout: 50 * time.Millisecond})
	fails(t, err, runtime.Environment, "nothing answers at "+server.URL+" within 50ms")

	s, err := (&Flags{URL: server.URL, APIKey: []string{"slow"}, Timeout: time.Minute}).Server()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(0, cancel)
	if _, err := s.Snapshot(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was given up: %v", err)
	}
	s.Close()
	close(done)
}

// What an mtplx says when it refuses comes through, without what would paint.
func TestRefusals(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "mtplx")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"error":{"message":"too many \u001b[31mrequests\u202e: the limit is 3` + strings.Repeat("x", 300) + `"}}`))
	}))
	defer server.Close()
	_, err := ask(t, Flags{URL: server.URL})
	fails(t, err, runtime.Integration, "answers GET /v1/mtplx/snapshot with 429: too many [31mrequests : the limit is 3xxx")
	if strings.ContainsAny(err.Error(), "\x1b\u202e") || len(err.Error()) > 400 {
		t.Errorf("%q", err)
	}
}

// A server that ends, or is full, is still there.
func TestHealthOfServersThatTakeNothing(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"ok":false,"status":"unavailable","model":"demo","context_window":7}`))
	}))
	defer server.Close()
	s, err := (&Flags{URL: server.URL, Timeout: time.Minute}).Server()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if h, err := s.Health(t.Context()); err != nil || h.OK || h.Model != "demo" || h.Context != 7 {
		t.Errorf("%+v, %v", h, err)
	}
}
