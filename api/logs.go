package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"mtplx/api/request"
	"mtplx/api/sse"
	"mtplx/stages"
)

func itoa(n int) string { return strconv.Itoa(n) }

// newID is 24 random hex digits.
func newID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// logAdapter takes what fasthttp logs: faults of connections, which clients cause.
type logAdapter struct{ log *slog.Logger }

func (a logAdapter) Printf(format string, args ...any) {
	a.log.Debug("http", "message", fmt.Sprintf(format, args...))
}

// logRequest logs a request that its handler has dealt with. The model's name, paths and other text of
// clients are values of attributes, which the log's handler quotes.
func (s *Server) logRequest(c *call, route string, status int) {
	level := slog.LevelDebug
	if status >= 400 {
		level = slog.LevelInfo
	}
	s.cfg.Log.LogAttrs(context.Background(), level, "request",
		slog.String("request", c.id), slog.String("method", string(c.Method())), slog.String("route", route),
		slog.Int("status", status), slog.String("client", c.key), slog.Duration("took", s.cfg.Now().Sub(c.started)))
}

// log logs a job's end.
func (j *job) log(ctx context.Context, err error) {
	u, f := &j.usage, j.flight
	attrs := []slog.Attr{
		slog.String("request", f.Request), slog.String("id", f.ID), slog.String("route", f.Route), slog.String("client", f.Key),
		slog.Int("prompt_tokens", u.Prompt), slog.Int("cached_tokens", u.Cached), slog.Int("completion_tokens", u.Completion),
		slog.Int("drafted", u.Drafted), slog.Int("accepted", u.Accepted),
		slog.Duration("first_token", u.FirstToken), slog.Duration("took", u.Elapsed),
	}
	for i, n := range u.BySource.Proposed {
		if from := stages.Source(i); from != stages.FromHead && n > 0 {
			attrs = append(attrs, slog.Group("by_"+from.String(), slog.Int("proposed", n), slog.Int("accepted", u.BySource.Accepted[i])))
		}
	}
	if err != nil {
		attrs = append(attrs, slog.String("ended", causeOf(err)))
	}
	if j.srv.cfg.LogPrompts {
		attrs = append(attrs, slog.Any("messages", j.req.Messages), slog.Any("prompts", j.req.Prompts))
	}
	j.srv.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "answer", attrs...)
}

// causeOf is why a request ended without an answer, in one word.
func causeOf(err error) string {
	var e *request.Error
	switch {
	case errors.Is(err, sse.ErrGone):
		return "client_gone"
	case errors.Is(err, ErrShutdown):
		return "shutdown"
	case errors.As(err, &e) && e.Code != "":
		return e.Code
	}
	return "error"
}
