package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"
	"github.com/tidwall/gjson"
)

// footprint is what a server's process holds.
type footprint struct {
	resident, goroutines int64
	pages                int64 // that neither are free nor lie in the bank
}

// footprint asks the server until its last request has left.
func (s *served) footprint() (f footprint) {
	s.t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); { // those that were cut off leave at the next border of cycles
		now := gjson.Parse(s.get("/v1/mtplx/snapshot"))
		f.pages = now.Get("memory.Pages").Int() - now.Get("memory.FreePages").Int() - now.Get("memory.Bank.Pages").Int()
		if f.pages == 0 && now.Get("running").Int() == 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for line := range strings.Lines(s.get("/metrics")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		v, err := strconv.ParseFloat(value, 64)
		switch {
		case err != nil:
		case name == "process_resident_memory_bytes":
			f.resident = int64(v)
		case name == "go_goroutines":
			f.goroutines = int64(v)
		}
	}
	if f.goroutines == 0 {
		s.t.Fatal("the metrics do not tell the goroutines")
	}
	return f
}

// A server that has answered very many short requests, each of another text, a part of them cut off by their clients,
// holds what it held after the first of them: memory, goroutines, pages. 300 requests, or as many as MTPLX_SESSIONS
// says.
func TestServerStaysFlatOverManySessions(t *testing.T) {
	if testing.Short() {
		t.Skip("hundreds of requests to another process")
	}
	n := 300
	if v, err := strconv.Atoi(os.Getenv("MTPLX_SESSIONS")); err == nil {
		n = v
	}
	const (
		growth  = 24 << 20 // bytes that the runtime's own heap may swing by
		clients = 8
	)
	s := serve(t, "--log-level", "warn", "--warmup-tokens", "0", "--sessions", "8")
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	var failed atomic.Int64
	rounds := func(from, to int) {
		workers := pool.New().WithMaxGoroutines(clients)
		for i := from; i < to; i++ {
			workers.Go(func() {
				body := fmt.Sprintf(`{"model":"mtplx","prompt":"Number %d of %d: %x","max_tokens":%d,"stream":%v}`, i, i*7919%1000, i*i, 1+i%3, i%2 == 0)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/completions", strings.NewReader(body))
				if err != nil {
					failed.Add(1)
					return
				}
				req.Header.Set("Content-Type", "application/json")
				res, err := client.Do(req)
				if err != nil {
					failed.Add(1)
					return
				}
				if i%10 != 0 { // the others are closed before they are read
					_, err = io.Copy(io.Discard, res.Body)
				}
				if _ = res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
					failed.Add(1)
				}
			})
		}
		workers.Wait()
	}
	rounds(0, max(n/4, 200)) // until the bank is full and every buffer has been used
	before := s.footprint()
	rounds(n, 2*n)
	after := s.footprint()
	t.Logf("after %d requests %+v, before %+v", n, after, before)
	if failed.Load() > 0 {
		t.Errorf("%d requests failed:\n%s", failed.Load(), s.log)
	}
	if after.resident > before.resident+growth {
		t.Errorf("%d bytes resident after %d requests, %d before", after.resident, n, before.resident)
	}
	if after.goroutines > before.goroutines+clients { // a connection's goroutine rests a while before it ends
		t.Errorf("%d goroutines after %d requests, %d before", after.goroutines, n, before.goroutines)
	}
	if after.pages != 0 {
		t.Errorf("%d pages belong to nobody", after.pages)
	}
}
