package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mtplx/model/hub/hubtest"
)

func TestMain(m *testing.M) {
	if os.Getenv("HUB_TEST_PULL") != "" {
		os.Exit(childPull())
	}
	goleak.VerifyTestMain(m)
}

const piece = 1000 // of the tests' downloads

// weightsFile is a safetensors file of 10,000 bytes of data.
func weightsFile() []byte {
	head := `{"a":{"dtype":"U8","shape":[10000],"data_offsets":[0,10000]}}`
	out := append([]byte{byte(len(head)), 0, 0, 0, 0, 0, 0, 0}, head...)
	for i := range 10000 {
		out = append(out, byte(i*7+i/251))
	}
	return out
}

func files() map[string][]byte {
	return map[string][]byte{
		"config.json": []byte(`{"model_type":"x"}`), "tokenizer.json": []byte(`{}`), "chat_template.jinja": []byte("x"),
		"model.safetensors": weightsFile(), "pytorch_model.bin": []byte("old"), "README.md": []byte("text"), "onnx/config.json": []byte("{}"),
	}
}

var ref = Ref{Owner: "acme", Name: "tiny"}

// client is one of a server, which does not wait between attempts.
func client(t *testing.T, s *hubtest.Server, env ...string) *Client {
	t.Helper()
	vars := map[string]string{"HF_ENDPOINT": s.URL}
	for i := 0; i < len(env); i += 2 {
		vars[env[i]] = env[i+1]
	}
	c, err := NewClient(func(k string) string { return vars[k] })
	if err != nil {
		t.Fatal(err)
	}
	c.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	t.Cleanup(c.http.CloseIdleConnections)
	return c
}

func hub(t *testing.T) *hubtest.Server {
	t.Helper()
	s := hubtest.New(t)
	s.Add("acme/tiny", files())
	return s
}

func pull(t *testing.T, c *Client, st *Store) (*Model, error) {
	t.Helper()
	m, _, err := st.Pull(t.Context(), c, ref, PullOptions{piece: piece})
	return m, err
}

// wantWhole checks that a model's folder has what is needed, byte for byte, and nothing else.
func wantWhole(t *testing.T, m *Model) {
	t.Helper()
	want := []string{"chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json"}
	var got []string
	err := filepath.WalkDir(m.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			got = append(got, d.Name())
			data, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(data, files()[d.Name()]) {
				t.Errorf("%s differs from the hub's (%v)", d.Name(), err)
			}
		}
		return err
	})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the model has %v (%v), want %v", got, err, want)
	}
}

func wantNothing(t *testing.T, st *Store) {
	t.Helper()
	if m, err := st.Find(ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("the store finds %+v (%v) after a failed pull", m, err)
	}
	if list, err := st.List(); err != nil || len(list) != 0 {
		t.Errorf("the store lists %v (%v)", list, err)
	}
}

func wantFix(t *testing.T, err, kind error, parts ...string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || !errors.Is(err, kind) || e.Fix == "" {
		t.Fatalf("error is %v, want one of kind %q with a remedy", err, kind)
	}
	for _, p := range parts {
		if text := e.Error() + "; " + e.Fix; !strings.Contains(text, p) {
			t.Errorf("error %q does not mention %q", text, p)
		}
	}
}

func TestPullBringsTheNeededFilesAndReportsThem(t *testing.T) {
	s := hub(t)
	st := NewStore(t.TempDir())
	var kinds []EventKind
	m, reused, err := st.Pull(t.Context(), client(t, s), ref, PullOptions{piece: piece, Report: func(e Event) { kinds = append(kinds, e.Kind) }, Tick: make(chan time.Time)})
	if err != nil || reused {
		t.Fatal(reused, err)
	}
	wantWhole(t, m)
	if fmt.Sprint(kinds) != "[start complete]" {
		t.Errorf("events are %v", kinds)
	}
	ranges := map[string]bool{}
	for _, r := range s.Requests() {
		if strings.HasSuffix(r.Path, ".bin") || strings.HasSuffix(r.Path, ".md") || strings.Contains(r.Path, "onnx") {
			t.Errorf("%s was asked for", r.Path)
		}
		if r.Where == hubtest.CDN {
			ranges[r.Range] = true
		}
	}
	if len(ranges) != 11 {
		t.Errorf("%d ranges were asked for, want 11: %v", len(ranges), ranges)
	}
	if _, reused, err = st.Pull(t.Context(), client(t, s), ref, PullOptions{}); err != nil || !reused {
		t.Errorf("a second pull: reused %v, %v", reused, err)
	}
	if _, err := os.Stat(filepath.Join(st.Root(), "acme", "tiny", "partial")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("partial is left: %v", err)
	}
}

// status answers with a code.
func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

// body answers with a code, headers and a body, whatever the headers say of its length.
func body(code int, data []byte, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status(code, header...)(w, r)
		_, _ = w.Write(data)
	}
}

// cut sends half of the range that was asked for and breaks the connection.
func cut(data []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var from, to int
		_, _ = fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(data)))
		w.Header().Set("Content-Length", strconv.Itoa(to-from+1))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(data[from : from+(to-from+1)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
}

func TestPullSurvivesWhatPasses(t *testing.T) {
	data := weightsFile()
	for name, fault := range map[string]func(hubtest.Request) http.HandlerFunc{
		"a cut in every piece": func(r hubtest.Request) http.HandlerFunc {
			if r.Where == hubtest.CDN && r.Nth%2 == 1 {
				return cut(data)
			}
			return nil
		},
		"errors of the hub": func(r hubtest.Request) http.HandlerFunc {
			if r.Nth == 1 {
				return status([]int{500, 502, 503, 504}[len(r.Path)%4])
			}
			return nil
		},
		"429 with Retry-After": func(r hubtest.Request) http.HandlerFunc {
			if r.Nth <= 2 {
				return status(429, "Retry-After", "3")
			}
			return nil
		},
		"200 instead of 206": func(r hubtest.Request) http.HandlerFunc {
			if r.Where == hubtest.CDN {
				return body(200, data)
			}
			return nil
		},
		"200 in the middle": func(r hubtest.Request) http.HandlerFunc {
			if r.Where == hubtest.CDN && r.Nth > 4 {
				return body(200, data)
			}
			return nil
		},
		"connections that break at once": func(r hubtest.Request) http.HandlerFunc {
			if r.Nth == 1 {
				return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
			}
			return nil
		},
		"a redirect on the hub itself": func(r hubtest.Request) http.HandlerFunc {
			if r.Where == hubtest.API && r.Nth == 1 {
				return status(307, "Location", r.Path+"?blobs=true")
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := hub(t)
			s.Fail(fault)
			m, err := pull(t, client(t, s), NewStore(t.TempDir()))
			if err != nil {
				t.Fatal(err)
			}
			wantWhole(t, m)
		})
	}
}

func TestPullRefusesWhatStays(t *testing.T) {
	data := weightsFile()
	other := bytes.Clone(data)
	other[5000] ^= 1
	on := func(where string, h http.HandlerFunc) func(hubtest.Request) http.HandlerFunc {
		return func(r hubtest.Request) http.HandlerFunc {
			if r.Where == where {
				return h
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		fault func(hubtest.Request) http.HandlerFunc
		kind  error
		parts []string
	}{
		"401":                   {on(hubtest.API, status(401)), ErrDenied, []string{"acme/tiny", "HF_TOKEN"}},
		"403":                   {on(hubtest.Resolve, status(403)), ErrDenied, []string{"accept the model's terms"}},
		"404":                   {on(hubtest.API, status(404)), ErrNotFound, []string{"spelling"}},
		"404 of a file":         {on(hubtest.CDN, status(404)), ErrNotFound, []string{"model.safetensors"}},
		"416":                   {on(hubtest.CDN, status(416)), ErrDamaged, []string{"fewer bytes than the 10069"}},
		"429 for an hour":       {on(hubtest.API, status(429, "Retry-After", "3600")), ErrLimited, []string{"wait 1h0m0s"}},
		"500 for ever":          {on(hubtest.API, status(500)), ErrServer, []string{"HTTP 500", "HF_ENDPOINT"}},
		"a loop":                {on(hubtest.API, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.String(), http.StatusFound) }), ErrUnsafe, []string{"redirects more than 5 times"}},
		"a redirect to nowhere": {on(hubtest.Resolve, status(302)), ErrUnsafe, []string{"redirects to"}},
		"a redirect to a file":  {on(hubtest.Resolve, status(302, "Location", "file:///etc/passwd")), ErrUnsafe, []string{"file:///etc/passwd"}},
		"no JSON":               {on(hubtest.API, body(200, []byte("<html>"))), ErrUnsafe, []string{"check HF_ENDPOINT"}},
		"deep JSON":             {on(hubtest.API, body(200, bytes.Repeat([]byte("["), 1<<20))), ErrUnsafe, []string{"nested"}},
		"a name that leaves":    {on(hubtest.API, body(200, []byte(`{"sha":"`+hubtest.Commit+`","siblings":[{"rfilename":"../x.json","size":1}]}`))), ErrUnsafe, []string{"../x.json"}},
		"names that collide":    {on(hubtest.API, body(200, []byte(`{"sha":"`+hubtest.Commit+`","siblings":[{"rfilename":"a.json"},{"rfilename":"A.json"}]}`))), ErrUnsafe, []string{"a.json"}},
		"sizes that overflow":   {on(hubtest.API, body(200, []byte(`{"sha":"`+hubtest.Commit+`","siblings":[{"rfilename":"a","size":9223372036854775807},{"rfilename":"b","size":1}]}`))), ErrUnsafe, []string{"size"}},
		"no weights":            {on(hubtest.API, body(200, []byte(`{"sha":"`+hubtest.Commit+`","siblings":[]}`))), ErrUnusable, []string{"no safetensors"}},
		"another commit":        {on(hubtest.Resolve, body(200, data, "X-Repo-Commit", strings.Repeat("f", 40))), ErrDamaged, []string{"of commit fff"}},
		"another etag": {on(hubtest.Resolve, func(w http.ResponseWriter, r *http.Request) {
			status(200, "X-Linked-Etag", `"`+strings.Repeat("a", 64)+`"`)(w, r)
		}), ErrDamaged, []string{"hash aaa"}},
		"a wrong range":    {on(hubtest.CDN, body(206, data[:1000], "Content-Range", "bytes 1-1000/10069")), ErrDamaged, []string{"bytes 1-1000/10069"}},
		"no Content-Range": {on(hubtest.CDN, body(206, data[:1000])), ErrDamaged, []string{`""`}},
		"wrong bytes": {on(hubtest.CDN, func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "x.bin", time.Time{}, bytes.NewReader(other))
		}), ErrDamaged, []string{"hash"}},
		"a wrong length": {on(hubtest.CDN, body(200, data[:9000], "Content-Length", "9000")), ErrDamaged, []string{"9000 bytes where the hub lists 10069"}},
		"an early end":   {on(hubtest.CDN, body(200, data[:9000])), ErrNetwork, []string{"ended after 9000 of 10069"}},
		"a body longer than said": {on(hubtest.CDN, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(data)
			_ = http.NewResponseController(w).Flush()
			_, _ = w.Write(data)
		}), ErrDamaged, []string{"more than the 10069"}},
		"a small file that lies": {func(r hubtest.Request) http.HandlerFunc {
			if strings.HasSuffix(r.Path, "tokenizer.json") {
				return body(200, []byte("[]"))
			}
			return nil
		}, ErrDamaged, []string{"tokenizer.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := hub(t)
			s.Fail(c.fault)
			if name == "another commit" || name == "another etag" {
				f := c.fault
				s.Fail(func(r hubtest.Request) http.HandlerFunc {
					if strings.HasSuffix(r.Path, "model.safetensors") {
						return f(r)
					}
					return nil
				})
			}
			st := NewStore(t.TempDir())
			_, err := pull(t, client(t, s), st)
			wantFix(t, err, c.kind, c.parts...)
			wantNothing(t, st)
		})
	}
}

func TestSilentServerIsLeft(t *testing.T) {
	s := hub(t)
	s.Fail(func(r hubtest.Request) http.HandlerFunc {
		if r.Where != hubtest.CDN || r.Nth > 1 {
			return nil
		}
		return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	})
	c := client(t, s)
	c.quiet = time.Second // far above what the others of this server take
	m, err := pull(t, c, NewStore(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, m)
}

func TestTokenStaysWithTheHub(t *testing.T) {
	s := hub(t)
	s.Token = "hf_secret"
	m, err := pull(t, client(t, s, "HF_TOKEN", "hf_secret"), NewStore(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, m)
	met := map[string]bool{}
	for _, r := range s.Requests() {
		met[r.Where] = true
		if want := map[bool]string{true: "", false: "hf_secret"}[r.Where == hubtest.CDN]; r.Token != want {
			t.Errorf("%s %s got the token %q, want %q", r.Where, r.Path, r.Token, want)
		}
	}
	if !met[hubtest.CDN] || !met[hubtest.Resolve] {
		t.Errorf("requests reached %v only", met)
	}
}

func TestResumeAsksOnlyForWhatIsMissing(t *testing.T) {
	s := hub(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var once sync.Once
	s.Fail(func(r hubtest.Request) http.HandlerFunc {
		if r.Where == hubtest.CDN && r.Nth == 5 && ctx.Err() == nil {
			return func(_ http.ResponseWriter, r *http.Request) {
				once.Do(cancel)
				<-r.Context().Done()
			}
		}
		return nil
	})
	st := NewStore(t.TempDir())
	c := client(t, s)
	_, _, err := st.Pull(ctx, c, ref, PullOptions{piece: piece})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("a cancelled pull ends with %v", err)
	}
	wantNothing(t, st)
	before := len(s.Requests())
	var first Event
	m, _, err := st.Pull(t.Context(), c, ref, PullOptions{piece: piece, Tick: make(chan time.Time), Report: func(e Event) {
		if first.Kind == "" {
			first = e
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, m)
	if first.Kind != Resume || first.Done < piece {
		t.Errorf("the second pull begins with %v", first)
	}
	for _, r := range s.Requests()[before:] {
		if r.Range == "bytes=0-999" && r.Where == hubtest.CDN {
			t.Error("the first piece was asked for again")
		}
	}
}

func TestLyingJournalCostsADownloadAndNoByte(t *testing.T) {
	s := hub(t)
	st := NewStore(t.TempDir())
	dir := st.partial(ref, hubtest.Commit)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	data := weightsFile()
	f := File{Name: "model.safetensors", Size: int64(len(data)), SHA256: hubtest.SHA256(data)}
	part := filepath.Join(dir, "model.safetensors.part")
	for path, text := range map[string]string{part: strings.Repeat("x", len(data)), part + ".pieces": f.identity(piece) + "\n0\n1\n2\n3\n1"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m, err := pull(t, client(t, s), st)
	if err != nil {
		t.Fatal(err)
	}
	wantWhole(t, m)
}

func TestPreflightComesBeforeTheFirstLargeByte(t *testing.T) {
	s := hub(t)
	st := NewStore(t.TempDir())
	no := errors.New("no")
	_, _, err := st.Pull(t.Context(), client(t, s), ref, PullOptions{Preflight: func(ctx context.Context, src *Remote, total, missing int64) error {
		if total != missing || total < 10000 {
			t.Errorf("preflight is told %d of %d", missing, total)
		}
		if head, err := src.ReadAt(ctx, "model.safetensors", 0, 8); err != nil || head[0] == 0 {
			t.Errorf("preflight reads %v, %v", head, err)
		}
		return no
	}})
	if !errors.Is(err, no) {
		t.Fatalf("error is %v", err)
	}
	wantNothing(t, st)
	for _, r := range s.Requests() {
		if r.Where == hubtest.CDN && r.Range != "bytes=0-7" {
			t.Errorf("%s %s was downloaded", r.Path, r.Range)
		}
	}
	if _, err := os.Stat(filepath.Join(st.Root(), "acme", "tiny")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused pull leaves a folder: %v", err)
	}
}

func TestTwoPullsDownloadOnce(t *testing.T) {
	s := hub(t)
	st := NewStore(t.TempDir())
	release, err := st.lock(ref, "pull", false)
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, reused, err := NewStore(st.Root()).Pull(t.Context(), client(t, s), ref, PullOptions{piece: piece, Report: func(e Event) {
			if e.Kind == Waiting {
				close(waiting)
			}
		}})
		if err == nil && !reused {
			err = errors.New("the second pull downloaded what the first one had")
		}
		done <- err
	}()
	<-waiting
	// What the process that holds the lock does, then lets go.
	c := client(t, s)
	snap, err := c.List(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	src, err := c.Open(t.Context(), snap)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.fetch(t.Context(), c, src, PullOptions{piece: piece}, func(Event) {}); err != nil {
		t.Fatal(err)
	}
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestOffline(t *testing.T) {
	s := hub(t)
	st := NewStore(t.TempDir())
	_, err := pull(t, client(t, s, "HF_HUB_OFFLINE", "1"), st)
	wantFix(t, err, ErrOffline, "HF_HUB_OFFLINE")
	if _, err := pull(t, client(t, s), st); err != nil {
		t.Fatal(err)
	}
	n := len(s.Requests())
	if m, err := pull(t, client(t, s, "HF_HUB_OFFLINE", "1"), st); err != nil || m.Commit != hubtest.Commit || len(s.Requests()) != n {
		t.Errorf("offline, what is here gives %v, %v", m, err)
	}
}
