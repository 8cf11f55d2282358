package models

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/demo"
	"mtplx/model/hub"
	"mtplx/model/hub/hubtest"
)

// at replaces a function for a test.
func at[T any](t *testing.T, f *T, with T) {
	t.Helper()
	old := *f
	*f = with
	t.Cleanup(func() { *f = old })
}

func newHub(t *testing.T) (s *hubtest.Server, home string) {
	t.Helper()
	s, home = hubtest.New(t), t.TempDir()
	s.Add("acme/demo", demo.Files())
	for k, v := range map[string]string{"HF_ENDPOINT": s.URL, "MTPLX_HOME": home, "HF_TOKEN": "", "HF_HUB_OFFLINE": "", "HF_HOME": t.TempDir()} {
		t.Setenv(k, v)
	}
	return s, home
}

// Without room nothing large is asked for, and nothing is left behind.
func TestNoRoomIsSaidBeforeTheDownload(t *testing.T) {
	s, home := newHub(t)
	at(t, &freeSpace, func(string) (int64, error) { return margin + 1000, nil })
	var out, errs bytes.Buffer
	err := (&PullCmd{Model: "acme/demo"}).Run(t.Context(), command.Streams{Out: &out, Err: &errs})
	f, ok := errors.AsType[*runtime.Failure](err)
	if !ok || f.Kind != runtime.NoResource || !strings.Contains(err.Error(), "has 268 MB free") || f.Fix == "" {
		t.Errorf("%v", err)
	}
	for _, r := range s.Requests() {
		if r.Where == hubtest.CDN && (r.Range == "" || len(r.Range) > len("bytes=16384-99999")) {
			t.Errorf("%s %s was asked for", r.Path, r.Range)
		}
	}
	if _, err := os.Stat(filepath.Join(home, "models", "acme", "demo")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something is left: %v", err)
	}
}

// A machine with too little memory is told so, and gets the model.
func TestLittleMemoryIsAWarning(t *testing.T) {
	newHub(t)
	at(t, &memorySize, func() int64 { return 10 << 20 })
	at(t, &freeSpace, func(string) (int64, error) { return 1 << 40, nil })
	var out, errs bytes.Buffer
	if err := (&PullCmd{Model: "acme/demo", JSON: true}).Run(t.Context(), command.Streams{Out: &out, Err: &errs}); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if !strings.Contains(lines[0], `"event":"warning"`) || !strings.Contains(lines[1], `"event":"start"`) ||
		!strings.Contains(lines[len(lines)-1], `"validation":"verified"`) || errs.Len() > 0 {
		t.Errorf("%s%s", out.String(), errs.String())
	}
}

// The bar says how far a download is, and goes away.
func TestBar(t *testing.T) {
	var errs bytes.Buffer
	w := &shower{s: command.Streams{Err: &errs}, bar: true}
	w.event(hub.Event{Kind: hub.Resume, Done: 1e6, Total: 4e6})
	errs.Reset()
	w.event(hub.Event{Kind: hub.Progress, Done: 3e6, Total: 4e6, Elapsed: 2 * time.Second})
	if got, want := errs.String(), "\r\x1b[K[==================      ]  75%  3.0 MB of 4.0 MB  1.0 MB/s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.end()
	if !strings.HasSuffix(errs.String(), "\r\x1b[K") {
		t.Errorf("%q stays", errs.String())
	}
}
