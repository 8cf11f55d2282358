package api

import (
	"os"
	runtimemetrics "runtime/metrics"
	"strconv"
	"strings"
	"sync"

	"mtplx/stages"
)

// totals are counts since the server began, for pages that draw them.
type totals struct {
	mu       sync.Mutex
	Answers  int   `json:"answers"` // finished ones
	Failures int   `json:"failures"`
	Prompt   int   `json:"prompt_tokens"`
	Cached   int   `json:"cached_tokens"`
	Written  int   `json:"completion_tokens"`
	Cycles   int   `json:"cycles"` // of sessions that have ended, each counting its own
	Drafted  []int `json:"drafted_by_depth"`
	Accepted []int `json:"accepted_by_depth"`
}

func (t *totals) wrote(n int) {
	t.mu.Lock()
	t.Written += n
	t.mu.Unlock()
}

func (t *totals) drafts(s *stages.Stats) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Cycles += s.Cycles
	for len(t.Drafted) < len(s.Drafted) {
		t.Drafted, t.Accepted = append(t.Drafted, 0), append(t.Accepted, 0)
	}
	for i := range s.Drafted {
		t.Drafted[i] += s.Drafted[i]
		t.Accepted[i] += s.Accepted[i]
	}
}

func (t *totals) done(prompt, cached int, failed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Prompt += prompt
	t.Cached += cached
	if failed {
		t.Failures++
	} else {
		t.Answers++
	}
}

// copy is what they are now; its lists are not nil, so that JSON has lists.
func (t *totals) copy() *totals {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &totals{
		Answers: t.Answers, Failures: t.Failures, Prompt: t.Prompt, Cached: t.Cached, Written: t.Written, Cycles: t.Cycles,
		Drafted: append([]int{}, t.Drafted...), Accepted: append([]int{}, t.Accepted...),
	}
}

// process is what this process takes of the machine.
type process struct {
	GoBytes  uint64 `json:"go_bytes"`                 // held by Go's runtime; weights that are mapped from files are not in it
	Resident uint64 `json:"resident_bytes,omitempty"` // where the system says
}

func readProcess() process {
	s := []runtimemetrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	runtimemetrics.Read(s)
	p := process{GoBytes: s[0].Value.Uint64() - s[1].Value.Uint64()}
	if statm, err := os.ReadFile("/proc/self/statm"); err == nil {
		if f := strings.Fields(string(statm)); len(f) > 1 {
			pages, _ := strconv.ParseUint(f[1], 10, 64)
			p.Resident = pages * uint64(os.Getpagesize())
		}
	}
	return p
}

// about is what a page needs to know of the server.
type about struct {
	Version  string  `json:"version"`
	Model    string  `json:"model"`
	Device   string  `json:"device,omitempty"`
	Context  int     `json:"context"`
	Head     bool    `json:"head"` // it can draft
	Depth    int     `json:"max_depth"`
	Thinks   bool    `json:"thinks"`
	Running  int     `json:"max_running"`
	Waiting  int     `json:"max_waiting"`
	Answer   int     `json:"max_tokens"` // 0: as many as fit
	Uptime   float64 `json:"uptime_s"`
	Defaults struct {
		Temperature float64 `json:"temperature"`
		TopP        float64 `json:"top_p"`
		TopK        int     `json:"top_k"`
		MinP        float64 `json:"min_p"`
		Depth       int     `json:"depth"` // -1 is chosen for every cycle
	} `json:"defaults"`
}

func (s *Server) about() about {
	c, m := &s.cfg, &s.cfg.Model
	a := about{
		Version: c.Version, Model: m.Name, Device: m.Device, Context: m.Context, Head: m.HasHead && c.Defaults.Speculate, Depth: m.Depth, Thinks: s.prompts.thoughts,
		Running: c.Running, Waiting: c.Waiting, Answer: c.MaxTokens, Uptime: c.Now().Sub(s.started).Seconds(),
	}
	d := &c.Defaults
	a.Defaults.Temperature, a.Defaults.TopP, a.Defaults.TopK, a.Defaults.MinP = d.Sampler.Temperature, d.Sampler.TopP, d.Sampler.TopK, d.Sampler.MinP
	a.Defaults.Depth = d.Depth
	return a
}
