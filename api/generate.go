package api

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"mtplx/api/anthropic"
	"mtplx/api/openai"
	"mtplx/api/output"
	"mtplx/api/request"
	"mtplx/sched/bank"
)

// body reads the request's JSON object.
func (c *call) body() (*request.Object, error) {
	ct, _, _ := bytes.Cut(c.Request.Header.ContentType(), []byte(";"))
	if ct = bytes.TrimSpace(ct); len(ct) > 0 && !bytes.EqualFold(ct, []byte("application/json")) && !bytes.HasSuffix(ct, []byte("+json")) {
		return nil, &request.Error{Kind: request.BadMediaType, Message: "the body's type is " + request.Quote(string(ct)) + "; send application/json"}
	}
	if enc := c.Request.Header.ContentEncoding(); len(enc) > 0 {
		return nil, &request.Error{Kind: request.BadMediaType, Message: "the body's encoding is " + request.Quote(string(enc)) + "; send it without one"}
	}
	return request.Parse(c.PostBody())
}

// known refuses models that this server has not loaded. "" is what is loaded.
func (s *Server) known(name string) error {
	if name == "" || slices.Contains(s.names(), name) {
		return nil
	}
	return &request.Error{
		Kind: request.NotFound, Field: "model", Code: "model_not_found",
		Message: fmt.Sprintf("the model %s does not exist here; this server has %s", request.Quote(name), strings.Join(s.names(), ", ")),
	}
}

// names are what the loaded model is called. "mtplx" always stands for it.
func (s *Server) names() []string {
	names := []string{s.cfg.Model.Name}
	for _, n := range append([]string{"mtplx"}, s.cfg.Model.Aliases...) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// headers reads what a request's headers say of its session and of the session bank.
func (c *call) headers(r *request.Request) {
	get := func(name string) string { return strings.TrimSpace(string(c.Request.Header.Peek(name))) }
	for _, h := range []string{"X-Mtplx-Session-Id", "X-Openwebui-Chat-Id", "X-Openwebui-User-Id", "X-Session-Id"} {
		if v := get(h); v != "" {
			r.Session = v
			break
		}
	}
	r.Session = strings.ToValidUTF8(r.Session[:min(len(r.Session), 256)], "")
	switch {
	case request.CacheOff(get("X-Mtplx-Cache-Mode")):
		r.Reuse = bank.Off
	case get("X-Mtplx-Restore-Mode") == "clone" && r.Reuse == bank.Share:
		r.Reuse = bank.Clone
	}
}

func (s *Server) meta(r *request.Request, id string) output.Meta {
	m := output.Meta{ID: id, Created: s.cfg.Now().Unix(), Model: r.Model}
	if m.Model == "" {
		m.Model = s.cfg.Model.Name
	}
	return m
}

// chat is POST /v1/chat/completions.
func (s *Server) chat(c *call) error {
	o, err := c.body()
	if err != nil {
		return err
	}
	r, err := openai.ParseChat(o)
	if err != nil {
		return err
	}
	m := s.meta(r, "chatcmpl-"+s.cfg.NewID())
	j, err := s.start(c, r, m.ID)
	if err != nil {
		return err
	}
	return c.answer(j, openai.NewChatStream(m, r, len(j.choices)), nil, func(choices []output.Choice, u *output.Usage) []byte {
		return openai.AppendChat(nil, m, r, choices, u)
	})
}

// completions is POST /v1/completions.
func (s *Server) completions(c *call) error {
	o, err := c.body()
	if err != nil {
		return err
	}
	r, err := openai.ParseCompletion(o)
	if err != nil {
		return err
	}
	m := s.meta(r, "cmpl-"+s.cfg.NewID())
	j, err := s.start(c, r, m.ID)
	if err != nil {
		return err
	}
	return c.answer(j, openai.NewCompletionStream(m, r, len(j.choices)), nil, func(choices []output.Choice, u *output.Usage) []byte {
		return openai.AppendCompletion(nil, m, r, choices, u)
	})
}

// responses is POST /v1/responses.
func (s *Server) responses(c *call) error {
	o, err := c.body()
	if err != nil {
		return err
	}
	r, err := openai.ParseResponse(o)
	if err != nil {
		return err
	}
	m := s.meta(r, "resp_"+s.cfg.NewID())
	if len(r.Messages) == 0 { // a client that asks whether anybody is there
		if err := s.known(r.Model); err != nil {
			return err
		}
		return c.nothing(r, openai.NewResponseStream(m, o, s.cfg.NewID), openai.AppendResponse(nil, m, o, nil, &output.Usage{}))
	}
	j, err := s.start(c, r, m.ID)
	if err != nil {
		return err
	}
	return c.answer(j, openai.NewResponseStream(m, o, s.cfg.NewID), nil, func(choices []output.Choice, u *output.Usage) []byte {
		return openai.AppendResponse(nil, m, o, &choices[0], u)
	})
}

// inputTokens is POST /v1/responses/input_tokens.
func (s *Server) inputTokens(c *call) error {
	o, err := c.body()
	if err != nil {
		return err
	}
	r, err := openai.ParseResponse(o)
	if err != nil {
		return err
	}
	if err := s.known(r.Model); err != nil {
		return err
	}
	n := 0
	if len(r.Messages) > 0 {
		prompts, err := s.prompts.prompts(r, &s.cfg.Defaults)
		if err != nil {
			return err
		}
		n = len(prompts[0].tokens)
	}
	return c.json([]byte(`{"object":"response.input_tokens","input_tokens":` + itoa(n) + `}`))
}

// messages is POST /v1/messages.
func (s *Server) messages(c *call) error {
	o, err := c.body()
	if err != nil {
		return err
	}
	r, err := anthropic.Parse(o)
	if err != nil {
		return err
	}
	m := s.meta(r, "msg_"+s.cfg.NewID())
	j, err := s.start(c, r, m.ID)
	if err != nil {
		return err
	}
	return c.answer(j, anthropic.NewStream(m, j.usage.Prompt), anthropic.Ping, func(choices []output.Choice, u *output.Usage) []byte {
		return anthropic.AppendMessage(nil, m, &choices[0], u)
	})
}

// countTokens is POST /v1/messages/count_tokens.
func (s *Server) countTokens(c *call) error {
	o, err := c.body()
	if err != nil {
		return err
	}
	r, err := anthropic.ParseCount(o)
	if err != nil {
		return err
	}
	if err := s.known(r.Model); err != nil {
		return err
	}
	prompts, err := s.prompts.prompts(r, &s.cfg.Defaults)
	if err != nil {
		return err
	}
	return c.json([]byte(`{"input_tokens":` + itoa(len(prompts[0].tokens)) + `}`))
}
