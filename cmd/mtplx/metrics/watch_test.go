package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/internal/emulator"
	"mtplx/cmd/mtplx/remote"
	"mtplx/cmd/mtplx/runtime"
)

var errGone = runtime.Fail(runtime.Environment, errors.New("gone"), "start it")

// watchAll watches a server that gives these answers, and returns what was shown.
func watchAll(t *testing.T, c watchCmd, answers ...*remote.Counters) (shown []*sample, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		err = c.watch(ctx, func(context.Context) (*remote.Counters, error) {
			n++
			if n > len(answers) {
				cancel()
				return nil, ctx.Err()
			}
			if answers[n-1] == nil {
				return nil, errGone
			}
			return answers[n-1], nil
		}, func(s *sample) error { shown = append(shown, s); return nil })
		cancel()
	})
	return shown, err
}

func TestRatesAreBetweenSamplesOfOneProcess(t *testing.T) {
	shown, err := watchAll(t, watchCmd{Interval: 2 * time.Second},
		&remote.Counters{Started: 1, Written: 100, Prompt: 10, Drafted: []float64{4, 2}, Accepted: []float64{2, 1}, FirstTokens: remote.Sum{Count: 1, Total: 9}},
		&remote.Counters{Started: 1, Written: 300, Prompt: 10, Drafted: []float64{4, 2}, Accepted: []float64{2, 1}, FirstTokens: remote.Sum{Count: 1, Total: 9}},
		&remote.Counters{Started: 1, Written: 301, Prompt: 20, Drafted: []float64{8, 2, 0}, Accepted: []float64{5, 1, 0}, FirstTokens: remote.Sum{Count: 3, Total: 10}},
		nil,
		&remote.Counters{Started: 1, Written: 400, Prompt: 20},
		&remote.Counters{Started: 2, Written: 500, Prompt: 20},
		&remote.Counters{Started: 2, Written: 10, Prompt: 20},
		&remote.Counters{Started: 2, Written: 12, Prompt: 20},
	)
	if err != nil || len(shown) != 8 {
		t.Fatalf("%d samples, %v", len(shown), err)
	}
	for i, want := range []*float64{nil, new(100.), new(.5), nil, nil, nil, nil, new(1.)} {
		got := shown[i].Rate
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("sample %d: %v tokens a second, want %v", i, show(got), show(want))
		}
		if up := i != 3; shown[i].Up != up || (shown[i].Error == "") != up {
			t.Errorf("sample %d: %+v", i, shown[i])
		}
	}
	if got := shown[3].Error; got != "gone" {
		t.Errorf("the error is %q", got)
	}
	if shown[1].FirstToken != nil || shown[2].FirstToken == nil || *shown[2].FirstToken != .5 {
		t.Errorf("first tokens after %v, %v", show(shown[1].FirstToken), show(shown[2].FirstToken))
	}
	if shown[1].Recent != nil || !slices.Equal(shown[2].Recent, []float64{.75}) || !slices.Equal(shown[2].Acceptance, []float64{.625, .5, 0}) {
		t.Errorf("acceptance: lately %v, %v; ever %v", shown[1].Recent, shown[2].Recent, shown[2].Acceptance)
	}
}

func show(f *float64) any {
	if f == nil {
		return "none"
	}
	return *f
}

func TestEnds(t *testing.T) {
	up := &remote.Counters{Written: 1}
	for _, c := range []struct {
		count   int
		answers []*remote.Counters
		shown   int
		fails   bool
	}{
		{1, []*remote.Counters{up}, 1, false},
		{3, []*remote.Counters{up, nil, up}, 3, false},
		{2, []*remote.Counters{up, nil}, 1, true}, // the last of a counted watch
		{0, []*remote.Counters{nil}, 0, true},     // the first of any
		{0, []*remote.Counters{up, nil, nil}, 3, false},
	} {
		shown, err := watchAll(t, watchCmd{Interval: time.Second, Count: c.count}, c.answers...)
		if len(shown) != c.shown || (err != nil) != c.fails {
			t.Errorf("count %d of %v: %d samples, %v", c.count, c.answers, len(shown), err)
		}
	}
	full := errors.New("full")
	err := (&watchCmd{Interval: time.Second}).watch(t.Context(), func(context.Context) (*remote.Counters, error) { return up, nil }, func(*sample) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("a sample that cannot be shown: %v", err)
	}
}

// On a terminal, however narrow, figures stay in place; a server that is gone shows as such; Ctrl-C ends and leaves the last figures.
func TestTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	var written atomic.Int64
	var gone atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if gone.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		text, _ := json.Marshal(written.Add(1))
		_, _ = w.Write([]byte("mtplx_generated_tokens_total{model_name=\"demo\"} " + string(text) + "000\nmtplx_ready 1\nprocess_start_time_seconds 5\n"))
	}))
	defer s.Close()
	term := emulator.New(t, 40, 12)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	cmd := watchCmd{Interval: shortest, Flags: remote.Flags{URL: s.URL, Timeout: time.Minute}}
	go func() { done <- cmd.Run(ctx, command.Streams{Out: term.TTY}) }()
	term.Wait("a rate, in one place", func(screen string) bool {
		return strings.Contains(screen, "tok/s  ") && strings.Count(screen, "Writing") == 1 && strings.Contains(screen, "3,000 written, 0 read, 0 from\n")
	})
	gone.Store(true)
	term.See("with 502 Bad\n")
	if strings.Contains(term.Screen(), "Writing") {
		t.Errorf("figures of a server that is gone:\n%s", term.Screen())
	}
	gone.Store(false)
	term.See("Writing")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	term.Restored()
	if strings.Contains(term.Written(), "\x1b[3") {
		t.Errorf("colour in spite of NO_COLOR: %q", term.Written())
	}
	// A terminal that cannot draw gets sample after sample.
	t.Setenv("TERM", "dumb")
	dumb := emulator.New(t, 40, 24)
	cmd.Count = 2
	if err := cmd.Run(t.Context(), command.Streams{Out: dumb.TTY}); err != nil {
		t.Error(err)
	}
	dumb.Wait("two samples", func(screen string) bool { return strings.Count(screen, "Writing") == 2 })
	if strings.Contains(dumb.Written(), "\x1b") {
		t.Errorf("escape sequences for a dumb terminal: %q", dumb.Written())
	}
}

func TestBars(t *testing.T) {
	var h history
	if h.bars() != "" || h.with(new(0.)).bars() != "" {
		t.Error("bars of nothing")
	}
	for i := range 2 * shown {
		h = h.with(new(float64(i)))
	}
	if got := []rune(h.with(nil).bars()); len(got) != shown || got[shown-1] != '█' || got[0] != '▅' {
		t.Errorf("%s", string(got))
	}
}
