package status

import (
	"context"
	"encoding/json"
	"strings"

	"mtplx/api"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/remote"
	"mtplx/cmd/mtplx/sheet"
)

// Cmd says what a server does.
type Cmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
	remote.Flags
}

// Help is what mtplx status --help says above the flags.
func (c *Cmd) Help() string {
	return "Exit codes: 0 an mtplx answers, 5 nobody does, 7 somebody does who is no mtplx, 2 it wants another key."
}

// Run implements the command.
func (c *Cmd) Run(ctx context.Context, s command.Streams) error {
	server, err := c.Server()
	if err != nil {
		return err
	}
	defer server.Close()
	snapshot, err := server.Snapshot(ctx)
	if err != nil {
		return err
	}
	r := newReport(server.URL, snapshot)
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetEscapeHTML(false)
		return e.Encode(r)
	}
	return r.sheet().Print(s.Out)
}

// report is the documented object of status --json. Times are seconds, sizes bytes.
type report struct {
	Running    bool             `json:"running"` // always: what does not run is an error
	URL        string           `json:"url"`
	Version    string           `json:"version"`
	Ready      bool             `json:"ready"` // takes new requests
	Model      string           `json:"model"`
	Device     string           `json:"device,omitempty"`
	Context    int              `json:"context_window"`
	Drafts     bool             `json:"mtp"`
	MaxDepth   int              `json:"max_depth"`
	Depth      int              `json:"depth"` // -1 is chosen for every cycle
	Uptime     float64          `json:"uptime_s"`
	Answers    answers          `json:"answers"`
	Tokens     tokens           `json:"tokens"`
	Drafted    []int            `json:"drafted_by_depth"`
	Accepted   []int            `json:"accepted_by_depth"`
	Acceptance []float64        `json:"acceptance_by_depth"`
	Bank       *bank            `json:"bank"` // null: there is none
	Memory     memory           `json:"memory"`
	Requests   []remote.Request `json:"requests"`
}

type answers struct {
	Running    int `json:"running"`
	Waiting    int `json:"waiting"`
	MaxRunning int `json:"max_running"`
	MaxWaiting int `json:"max_waiting"`
	Finished   int `json:"finished"`
	Failed     int `json:"failed"`
}

type tokens struct {
	Prompt  int `json:"prompt"`
	Cached  int `json:"cached"`
	Written int `json:"completion"`
}

type bank struct {
	Checkpoints int    `json:"checkpoints"`
	Pages       int    `json:"pages"`
	Bytes       int64  `json:"bytes"`
	MaxBytes    int64  `json:"max_bytes"`
	Hits        uint64 `json:"hits"`
	Misses      uint64 `json:"misses"`
	Reused      uint64 `json:"reused_tokens"`
	DiskBytes   int64  `json:"disk_bytes"`
}

type memory struct {
	Pages      int    `json:"pages,omitempty"`
	FreePages  int    `json:"free_pages,omitempty"`
	PageTokens int    `json:"page_tokens,omitempty"`
	Resident   uint64 `json:"resident_bytes,omitempty"`
}

func newReport(url string, v *remote.Snapshot) *report {
	r := &report{
		Running: true, URL: url, Version: v.Server.Version, Ready: v.Ready, Model: v.Server.Model, Device: v.Server.Device, Context: v.Server.Context,
		Drafts: v.Server.Head, MaxDepth: v.Server.Depth, Depth: v.Server.Defaults.Depth, Uptime: v.Server.Uptime,
		Answers:    answers{v.Running, v.Waiting, v.Server.Running, v.Server.Waiting, v.Totals.Answers, v.Totals.Failures},
		Tokens:     tokens{v.Totals.Prompt, v.Totals.Cached, v.Totals.Written},
		Drafted:    append([]int{}, v.Totals.Drafted...),
		Accepted:   append([]int{}, v.Totals.Accepted...),
		Acceptance: sheet.Rates(floats(v.Totals.Drafted), floats(v.Totals.Accepted)),
		Requests:   append([]remote.Request{}, v.Requests...),
		Memory:     memory{Resident: v.Process.Resident},
	}
	if m := v.Memory; m != nil {
		r.Memory.Pages, r.Memory.FreePages, r.Memory.PageTokens = m.Pages, m.FreePages, m.PageTokens
		r.Bank = newBank(m)
	}
	return r
}

func newBank(m *api.Load) *bank {
	if m.Bank == nil {
		return nil
	}
	b := &bank{
		Checkpoints: m.Bank.Checkpoints, Pages: m.Bank.Pages, Bytes: m.Bank.Bytes, MaxBytes: m.Bank.MaxBytes,
		Hits: m.Bank.Hits, Reused: m.Bank.Reused, DiskBytes: m.Bank.Disk.Bytes,
	}
	for _, n := range m.Bank.Misses {
		b.Misses += n
	}
	return b
}

func floats(list []int) []float64 {
	out := make([]float64, len(list))
	for i, n := range list {
		out[i] = float64(n)
	}
	return out
}

// sheet is the report for a person.
func (r *report) sheet() *sheet.Sheet {
	count := conversation.Count
	var p sheet.Sheet
	p.Head("mtplx %s runs at %s", r.Version, r.URL)
	if !r.Ready {
		p.Add("State", "takes no new requests now: it is full, ending, or its engine has stopped")
	}
	p.Add("Model", "%s, %s of context", r.Model, count(r.Context, "token"))
	p.Add("Device", "%s", r.Device)
	p.Add("Drafts", "%s", r.drafts())
	p.Add("Up", "%s", sheet.Span(r.Uptime))
	p.Add("Answers", "%d of %d being written, %d of %d waiting, %s finished, %d failed",
		r.Answers.Running, r.Answers.MaxRunning, r.Answers.Waiting, r.Answers.MaxWaiting, conversation.Thousands(r.Answers.Finished), r.Answers.Failed)
	p.Add("Tokens", "%s written, %s read, %s of them from the bank", conversation.Thousands(r.Tokens.Written), conversation.Thousands(r.Tokens.Prompt), conversation.Thousands(r.Tokens.Cached))
	if len(r.Acceptance) > 0 {
		p.Add("Accepted", "%s by depth", sheet.ByDepth(r.Acceptance))
	}
	if b := r.Bank; b != nil {
		disk := ""
		if b.DiskBytes > 0 {
			disk = ", " + sheet.Bytes(b.DiskBytes) + " on disk"
		}
		p.Add("Bank", "%s, %s of %s, %s%s", count(b.Checkpoints, "checkpoint"), sheet.Bytes(b.Bytes), sheet.Bytes(b.MaxBytes), count(int(b.Hits), "hit"), disk)
	} else {
		p.Add("Bank", "none")
	}
	p.Add("Memory", "%s", r.memory())
	for i, q := range r.Requests {
		label := ""
		if i == 0 {
			label = "In work"
		}
		p.Add(label, "%s: %s written in %s", q.ID, count(q.Completed, "token"), sheet.Span(q.Age))
	}
	return &p
}

func (r *report) drafts() string {
	switch {
	case !r.Drafts:
		return "none: it decodes plainly"
	case r.Depth < 0:
		return "as many as pay, at most " + conversation.Count(r.MaxDepth, "draft") + " a cycle"
	default:
		return conversation.Count(r.Depth, "draft") + " a cycle"
	}
}

func (r *report) memory() string {
	var parts []string
	if m := r.Memory; m.Pages > 0 {
		parts = append(parts, conversation.Thousands(m.Pages-m.FreePages)+" of "+conversation.Thousands(m.Pages)+" pages of keys and values")
	}
	if r.Memory.Resident > 0 {
		parts = append(parts, sheet.Bytes(r.Memory.Resident)+" in all")
	}
	return strings.Join(parts, ", ")
}
