package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"mtplx/api/openai"
	"mtplx/api/request"
)

// encode answers with a value as JSON.
func (c *call) encode(v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return c.json(b.Bytes())
}

// live is GET /health/live: the process answers, and need not be started anew.
func (s *Server) live(c *call) error {
	if s.broken.Load() {
		c.SetStatusCode(503)
		return c.encode(map[string]string{"status": "the engine has stopped"})
	}
	return c.encode(map[string]string{"status": "ok"})
}

// ready is GET /health/ready: new requests are welcome.
func (s *Server) ready(c *call) error {
	status := "ok"
	switch {
	case s.draining.Load():
		status = "draining"
	case s.broken.Load():
		status = "the engine has stopped"
	case s.queue.full():
		status = "queue full"
	}
	if status != "ok" {
		c.SetStatusCode(503)
		c.Response.Header.Set("Retry-After", "1")
	}
	return c.encode(map[string]string{"status": status})
}

// health is GET /health: as ready, with details for those who have a key.
func (s *Server) health(c *call) error {
	if !c.authed {
		return s.ready(c)
	}
	running, waiting := s.queue.counts()
	m := &s.cfg.Model
	mode := "ar"
	if s.cfg.Defaults.Speculate && m.HasHead {
		mode = "mtp"
	}
	status := "ok"
	if !s.Ready() {
		status = "unavailable"
		c.SetStatusCode(503)
	}
	return c.encode(struct {
		OK             bool    `json:"ok"`
		Status         string  `json:"status"`
		Server         string  `json:"server"`
		Version        string  `json:"version"`
		Model          string  `json:"model"`
		GenerationMode string  `json:"generation_mode"`
		Depth          int     `json:"depth"`
		ContextWindow  int     `json:"context_window"`
		MaxResponse    int     `json:"max_response_tokens"`
		KeyRequired    bool    `json:"api_key_required"`
		RateLimit      int     `json:"rate_limit_per_minute"`
		Active         int     `json:"active_requests"`
		Waiting        int     `json:"waiting_requests"`
		Uptime         float64 `json:"uptime_s"`
		Device         device  `json:"device"`
		KV             *keep   `json:"kv,omitempty"`
	}{
		status == "ok", status, "mtplx", s.cfg.Version, m.Name, mode, s.cfg.Defaults.Depth, m.Context, s.cfg.MaxTokens,
		len(s.cfg.Keys) > 0, s.cfg.Rate, running, waiting, s.cfg.Now().Sub(s.started).Seconds(),
		device{m.DeviceKind, m.Device, m.DeviceWhy},
		m.kv(),
	})
}

// keep is the memory for keys and values.
type keep struct {
	Stored     string `json:"stored"` // their type
	TokenBytes int    `json:"bytes_per_token"`
	PageTokens int    `json:"page_tokens"`
	Pages      int    `json:"pages"`
	FreePages  int    `json:"free_pages"`
}

func (m *Model) kv() *keep {
	if m.Load == nil {
		return nil
	}
	l := m.Load()
	return &keep{l.Stored, l.TokenBytes, l.PageTokens, l.Pages, l.FreePages}
}

// device is what the model runs on.
type device struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	Why  string `json:"why"` // why that one
}

// root is GET /: the web page where there is one, else the card.
func (s *Server) root(c *call) error {
	if _, ok := s.cfg.Pages["/"]; ok {
		return s.page(c)
	}
	return s.card(c)
}

// card is GET /v1: what there is.
func (s *Server) card(c *call) error {
	paths := make([]string, 0, len(s.routes))
	for p := range s.routes {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	return c.encode(map[string]any{"server": "mtplx", "version": s.cfg.Version, "model": s.cfg.Model.Name, "endpoints": paths})
}

// models is GET /v1/models.
func (s *Server) models(c *call) error {
	return c.json(openai.AppendModels(nil, s.names(), s.cfg.Model.Created.Unix(), s.cfg.Model.Context, s.prompts.thoughts))
}

// model is GET /v1/models/{id}.
func (s *Server) model(c *call) error {
	if err := s.known(c.tail); err != nil {
		return err
	}
	return c.json(openai.AppendModel(nil, c.tail, s.cfg.Model.Created.Unix(), s.cfg.Model.Context))
}

// snapshot is GET /v1/mtplx/snapshot: what is in work.
func (s *Server) snapshot(c *call) error {
	running, waiting := s.queue.counts()
	type entry struct {
		*flight
		Completed int     `json:"completion_tokens"`
		Age       float64 `json:"age_s"`
	}
	flights := s.queue.list()
	list := make([]entry, 0, len(flights))
	for _, f := range flights {
		f.mu.Lock()
		list = append(list, entry{f, f.completed, s.cfg.Now().Sub(f.Started).Seconds()})
		f.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b entry) int { return a.Started.Compare(b.Started) })
	var load *Load
	if s.cfg.Model.Load != nil {
		load = new(s.cfg.Model.Load())
	}
	return c.encode(struct {
		Time     time.Time `json:"time"`
		Ready    bool      `json:"ready"`
		Running  int       `json:"running"`
		Waiting  int       `json:"waiting"`
		Requests []entry   `json:"requests"`
		Memory   *Load     `json:"memory,omitempty"`
		Process  process   `json:"process"`
		Totals   *totals   `json:"totals"`
		Server   about     `json:"server"`
	}{s.cfg.Now().UTC(), s.Ready(), running, waiting, list, load, readProcess(), s.metrics.totals.copy(), s.about()})
}

// cancel is POST /v1/mtplx/cancel/{id}, by the request's or the answer's id.
func (s *Server) cancel(c *call) error {
	if !s.queue.cancel(c.tail, errCancelled) {
		return &request.Error{Kind: request.NotFound, Message: "no request " + request.Quote(c.tail) + " is in work"}
	}
	return c.encode(map[string]any{"cancelled": c.tail})
}

// tokenize is POST /tokenize: {content, add_special, parse_special, with_pieces} as llama.cpp takes it, or
// {prompt} or {messages} as vLLM does.
func (s *Server) tokenize(c *call) error {
	o, err := c.body()
	if err != nil {
		return err
	}
	var ids []int32
	if o.Has("messages") {
		r, err := openai.ParseChat(o)
		if err != nil {
			return err
		}
		prompts, err := s.prompts.prompts(r, &s.cfg.Defaults)
		if err != nil {
			return err
		}
		ids = prompts[0].tokens
	} else {
		field := "content"
		if o.Has("prompt") {
			field = "prompt"
		}
		text, err := o.String(field)
		if err != nil {
			return err
		}
		if !o.Has(field) {
			return request.Errorf("content", "content is missing; give a text, or messages")
		}
		special, err := o.Bool("parse_special", true)
		if err != nil {
			return err
		}
		ids = s.cfg.Model.Tokenizer.Encode(nil, text, special)
	}
	pieces, err := o.Bool("with_pieces", false)
	if err != nil {
		return err
	}
	var tokens any = slices.Concat([]int32{}, ids)
	if pieces {
		type piece struct {
			ID    int32  `json:"id"`
			Piece string `json:"piece"`
		}
		list := make([]piece, len(ids))
		for i, id := range ids {
			list[i] = piece{id, strings.ToValidUTF8(s.cfg.Model.Tokenizer.Bytes(id), "\ufffd")}
		}
		tokens = list
	}
	return c.encode(map[string]any{"tokens": tokens, "count": len(ids), "max_model_len": s.cfg.Model.Context})
}

// detokenize is POST /detokenize: {tokens}.
func (s *Server) detokenize(c *call) error {
	o, err := c.body()
	if err != nil {
		return err
	}
	v, ok := o.Raw("tokens")
	if !ok || !v.IsArray() {
		return request.Errorf("tokens", "tokens is missing; give a list of token ids")
	}
	ids, bad := request.TokenList(v)
	if bad != nil {
		return request.Errorf("tokens", "tokens has %s in it; give token ids", request.Quote(bad.Raw))
	}
	for _, id := range ids {
		if int(id) >= s.cfg.Model.Tokenizer.Size() {
			return request.Errorf("tokens", "tokens has %d in it; this model's are 0 to %d", id, s.cfg.Model.Tokenizer.Size()-1)
		}
	}
	text := strings.ToValidUTF8(s.prompts.text(ids), "\ufffd")
	return c.encode(map[string]any{"content": text, "prompt": text})
}

// applyTemplate is POST /apply-template: a chat's body, answered by its prompt.
func (s *Server) applyTemplate(c *call) error {
	o, err := c.body()
	if err != nil {
		return err
	}
	r, err := openai.ParseChat(o)
	if err != nil {
		return err
	}
	prompts, err := s.prompts.prompts(r, &s.cfg.Defaults)
	if err != nil {
		return err
	}
	return c.encode(map[string]any{"prompt": prompts[0].text})
}
