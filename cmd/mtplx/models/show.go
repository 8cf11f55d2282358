package models

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/sheet"
	"mtplx/cmd/mtplx/terminal"
	"mtplx/model/hub"
	"mtplx/model/inspect"
)

// shower tells of a download: lines of JSON, a bar on a terminal, or a sentence here and there.
type shower struct {
	s         command.Streams
	ref       hub.Ref
	json, bar bool
	began     bool  // sizes are known, and bytes may be on the disk
	resumed   bool  // some were there before
	had       int64 // how many
	drawn     bool  // a bar stands on the line
}

func newShower(s command.Streams, ref hub.Ref, json bool) *shower {
	return &shower{s: s, ref: ref, json: json, bar: terminal.Draws(s.Err, os.Getenv)}
}

// line is an event of pull --json.
type line struct {
	Event   string  `json:"event"`
	Path    string  `json:"path,omitempty"`
	Message string  `json:"message,omitempty"`
	Size    int64   `json:"size_bytes"`
	Delta   int64   `json:"delta_bytes"`
	Total   int64   `json:"total_bytes"`
	Elapsed float64 `json:"elapsed_s"`
}

func (w *shower) write(v any) error {
	e := json.NewEncoder(w.s.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// event implements hub.PullOptions.Report.
func (w *shower) event(e hub.Event) {
	if e.Kind == hub.Start || e.Kind == hub.Resume {
		w.began, w.resumed, w.had = true, e.Kind == hub.Resume, e.Done
	}
	if w.json {
		_ = w.write(line{string(e.Kind), e.Path, "", e.Done, e.Delta, e.Total, e.Elapsed.Seconds()})
		return
	}
	switch e.Kind {
	case hub.Waiting:
		fmt.Fprintf(w.s.Err, "another process downloads %s: waiting for it\n", w.ref)
	case hub.Start:
		fmt.Fprintf(w.s.Err, "pulling %s: %s\n", w.ref.Pinned(), sheet.Bytes(e.Total))
	case hub.Resume:
		fmt.Fprintf(w.s.Err, "pulling %s: %s, of which %s are here already\n", w.ref.Pinned(), sheet.Bytes(e.Total), sheet.Bytes(e.Done))
	case hub.Progress:
		w.draw(e)
	case hub.Complete:
	}
}

// draw shows how far a download is, in place.
func (w *shower) draw(e hub.Event) {
	if !w.bar || e.Total <= 0 {
		return
	}
	rate := ""
	if t := e.Elapsed.Seconds(); t > 0 {
		rate = sheet.Bytes(int64(float64(max(0, e.Done-w.had))/t)) + "/s"
	}
	const width = 24
	full := int(width * e.Done / e.Total)
	fmt.Fprintf(w.s.Err, "\r\x1b[K[%-*.*s] %3d%%  %s of %s  %s", width, full, "========================", 100*e.Done/e.Total, sheet.Bytes(e.Done), sheet.Bytes(e.Total), rate)
	w.drawn = true
}

// end takes the bar away.
func (w *shower) end() {
	if w.drawn {
		fmt.Fprint(w.s.Err, "\r\x1b[K")
	}
	w.drawn = false
}

func (w *shower) warn(text string) {
	if w.json {
		_ = w.write(line{Event: "warning", Message: text})
		return
	}
	fmt.Fprintln(w.s.Err, "mtplx:", text)
}

// result ends the command.
func (w *shower) result(m *hub.Model, reused bool, r *inspect.Report) error {
	if w.json {
		return w.write(struct {
			Event       string       `json:"event"`
			Repo        string       `json:"repo_id"`
			Revision    string       `json:"revision"`
			Path        string       `json:"path"`
			Root        string       `json:"cache_dir"`
			Reused      bool         `json:"reused_existing"`
			Resumed     bool         `json:"resumed_existing"`
			StartedSize int64        `json:"started_size_bytes"`
			Size        int64        `json:"size_bytes"`
			Contract    bool         `json:"has_runtime_contract"`
			Config      bool         `json:"has_config"`
			Validation  inspect.Tier `json:"validation"`
		}{
			"result", m.Ref.String(), m.Commit, m.Dir, filepath.Join(m.Dir, "..", "..", "..", ".."), reused, w.resumed, w.had, m.Size,
			r.ContractPath != "", r.ConfigExists, r.Compatibility.Tier,
		})
	}
	what := "is here"
	if reused {
		what = "was here already"
	}
	_, err := fmt.Fprintf(w.s.Out, "%s %s (%s, %s). Run it: mtplx chat --model %s\n", m.Ref.Pinned(), what, sheet.Bytes(m.Size), r.Compatibility.Tier, m.Ref.Pinned())
	return err
}
