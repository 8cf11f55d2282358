package api

import (
	"strings"

	"mtplx/api/request"
)

// sessions is GET /admin/sessions: conversations that have answers in work, and what the session bank holds.
func (s *Server) sessions(c *call) error {
	by := map[string]int{}
	for _, f := range s.queue.list() {
		if f.Session != "" {
			by[f.Session] += f.Sessions
		}
	}
	out := map[string]any{"active": by}
	if s.cfg.Model.Load != nil {
		if load := s.cfg.Model.Load(); load.Bank != nil {
			out["bank"] = load.Bank
		}
	}
	return c.encode(out)
}

// clearCache is POST /admin/cache/clear.
func (s *Server) clearCache(c *call) error {
	b, err := s.bank()
	if err != nil {
		return err
	}
	n := b.ClearBank()
	s.cfg.Log.Info("session bank cleared", "request", c.id, "cleared", n)
	return c.encode(map[string]any{"cleared": n})
}

// clearSession is POST /admin/sessions/{id}/clear. The id may hold slashes, as clients may name sessions as they
// like.
func (s *Server) clearSession(c *call) error {
	id, ok := strings.CutSuffix(c.tail, "/clear")
	if !ok || id == "" {
		return &request.Error{Kind: request.NotFound, Message: "there is no " + request.Quote(string(c.Path())) + " here; POST /admin/sessions/ID/clear forgets what a session left"}
	}
	b, err := s.bank()
	if err != nil {
		return err
	}
	n := b.ClearSession(id)
	s.cfg.Log.Info("session cleared", "request", c.id, "cleared", n)
	return c.encode(map[string]any{"session_id": id, "cleared": n})
}

func (s *Server) bank() (Bank, error) {
	if s.cfg.Model.Bank == nil {
		return nil, &request.Error{Kind: request.NotFound, Message: "this server keeps no session bank; it was started without one"}
	}
	return s.cfg.Model.Bank, nil
}
