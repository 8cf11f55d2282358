package remote

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mtplx/api"
)

// Snapshot is what a server does at one moment.
type Snapshot struct {
	Time     time.Time `json:"time"`
	Ready    bool      `json:"ready"` // it takes new requests
	Running  int       `json:"running"`
	Waiting  int       `json:"waiting"`
	Requests []Request `json:"requests"`
	Memory   *api.Load `json:"memory"` // nil: not shown
	Process  struct {
		GoBytes  uint64 `json:"go_bytes"`
		Resident uint64 `json:"resident_bytes"` // 0: not known
	} `json:"process"`
	Totals *Totals `json:"totals"`
	Server About   `json:"server"`
}

// Request is one in work.
type Request struct {
	ID        string  `json:"id"`
	Session   string  `json:"session_id,omitempty"`
	Prompt    int     `json:"prompt_tokens"`
	Completed int     `json:"completion_tokens"`
	Age       float64 `json:"age_s"`
}

// Totals are counts since the server began.
type Totals struct {
	Answers  int   `json:"answers"`
	Failures int   `json:"failures"`
	Prompt   int   `json:"prompt_tokens"`
	Cached   int   `json:"cached_tokens"`
	Written  int   `json:"completion_tokens"`
	Drafted  []int `json:"drafted_by_depth"`
	Accepted []int `json:"accepted_by_depth"`
}

// About is what the server is.
type About struct {
	Version  string  `json:"version"`
	Model    string  `json:"model"`
	Device   string  `json:"device"` // empty: it does not say
	Context  int     `json:"context"`
	Head     bool    `json:"head"` // it drafts
	Depth    int     `json:"max_depth"`
	Running  int     `json:"max_running"`
	Waiting  int     `json:"max_waiting"`
	Uptime   float64 `json:"uptime_s"`
	Defaults struct {
		Depth int `json:"depth"` // -1 is chosen for every cycle
	} `json:"defaults"`
}

// mostDepths bounds the lists by depth that are believed: mtplx drafts at most 8.
const mostDepths = 64

// Snapshot asks what the server does.
func (s *Server) Snapshot(ctx context.Context) (*Snapshot, error) {
	body, err := s.get(ctx, "/v1/mtplx/snapshot")
	if err != nil {
		return nil, err
	}
	var v Snapshot
	if err := json.Unmarshal(body, &v); err != nil {
		return nil, s.foreign(fmt.Sprintf("answers GET /v1/mtplx/snapshot with what is no snapshot (%s)", Clean(err.Error())))
	}
	switch {
	case v.Server.Model == "" || v.Totals == nil:
		return nil, s.foreign("answers GET /v1/mtplx/snapshot without a model or its counts")
	case len(v.Totals.Drafted) != len(v.Totals.Accepted) || len(v.Totals.Drafted) > mostDepths:
		return nil, s.foreign("counts drafts by depth in lists that do not fit together")
	}
	v.Server.Model, v.Server.Version, v.Server.Device = Clean(v.Server.Model), Clean(v.Server.Version), Clean(v.Server.Device)
	for i := range v.Requests {
		v.Requests[i].ID, v.Requests[i].Session = Clean(v.Requests[i].ID), Clean(v.Requests[i].Session)
	}
	return &v, nil
}
