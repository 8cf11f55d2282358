package serve

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// engine is a fake whose requests take a second each, and a server that adds a tenth.
type engine struct {
	mu       sync.Mutex
	order    []string
	replayed int
	fail     error
	differ   bool
}

func (e *engine) Emissions(seed uint64) []Emission { return []Emission{{time.Duration(seed), 3}} }

func (e *engine) Replay(_ context.Context, _ uint64) (int, bool, error) {
	time.Sleep(time.Second)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.order = append(e.order, "direct")
	e.replayed++
	return 3, !e.differ || e.replayed != 5, e.fail
}

func (e *engine) generate(_ context.Context, plan []Conversation, _ Load) ([]Trace, error) {
	e.order = append(e.order, "http")
	var traces []Trace
	for i := range plan {
		seed := plan[i].Turns[0].Seed
		traces = append(traces, Trace{Seed: seed, Ended: 1100 * time.Millisecond, Events: []Event{{time.Duration(seed) + 2*time.Millisecond, 3}}})
	}
	return traces, nil
}

func TestMeasureCost(t *testing.T) {
	plan := []Conversation{{Turns: []Turn{{Seed: 1}}}, {Turns: []Turn{{Seed: 2}}}}
	synctest.Test(t, func(t *testing.T) {
		e := &engine{}
		c, err := MeasureCost(t.Context(), e.generate, e, plan, 2, 2, []float64{50})
		if err != nil {
			t.Fatal(err)
		}
		if c.Tokens != 6 || c.Percent < 9.99 || c.Percent > 10.01 || !c.Identical || c.Added.N != 4 || c.Added.P["50"] != 2 {
			t.Errorf("cost is %+v", c)
		}
		// The first round is not measured, and the order alternates.
		if got := strings.Join(e.order, " "); got != "http direct direct direct direct http http direct direct" {
			t.Errorf("ran %s", got)
		}
		e = &engine{differ: true}
		if c, err = MeasureCost(t.Context(), e.generate, e, plan, 2, 2, nil); err != nil || c.Identical {
			t.Errorf("other tokens were taken for the same: %v", err)
		}
		e = &engine{fail: errors.New("no memory")}
		if _, err = MeasureCost(t.Context(), e.generate, e, plan, 2, 2, nil); !errors.Is(err, e.fail) {
			t.Errorf("the engine failed and so did the measurement: %v", err)
		}
	})
}

// Idle connections are open when OpenIdle returns, and closed by shut.
func TestOpenIdle(t *testing.T) {
	var mu sync.Mutex
	states := map[net.Conn]http.ConnState{}
	count := func(s http.ConnState) (n int) {
		mu.Lock()
		defer mu.Unlock()
		for _, have := range states {
			if have == s {
				n++
			}
		}
		return n
	}
	closed := make(chan struct{}, 64)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" || r.Header.Get("Authorization") != "Bearer key" {
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	server.Config.ConnState = func(c net.Conn, s http.ConnState) {
		mu.Lock()
		states[c] = s
		mu.Unlock()
		if s == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	sizes := []int64{1000, 41_000}
	rss := func() (int64, error) {
		n := sizes[0]
		sizes = sizes[1:]
		return n, nil
	}
	i, shut, err := OpenIdle(t.Context(), &Client{Base: server.URL, Key: "key"}, 40, rss)
	if err != nil {
		t.Fatal(err)
	}
	if *i != (Idle{Connections: 40, Before: 1000, After: 41_000, Each: 1000}) || count(http.StateClosed) != 0 {
		t.Errorf("%+v, %d closed", *i, count(http.StateClosed))
	}
	shut()
	for range 40 {
		<-closed
	}
	if _, _, err := OpenIdle(t.Context(), &Client{Base: server.URL}, 2, func() (int64, error) { return 0, errors.New("unknown") }); err == nil || !strings.Contains(err.Error(), "status 418") {
		t.Errorf("a server that closes connections gives %v", err)
	}
}
