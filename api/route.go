package api

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"mtplx/api/anthropic"
	"mtplx/api/openai"
	"mtplx/api/request"
)

// dialect is whose error shape a route has.
type dialect uint8

const (
	openaiDialect dialect = iota
	anthropicDialect
)

func dialectOf(path string) dialect {
	if strings.HasPrefix(path, "/v1/messages") {
		return anthropicDialect
	}
	return openaiDialect
}

// handler answers a request or returns the error that refuses it.
type handler func(*call) error

// route is what a path answers to.
type route struct {
	methods map[string]handler
	public  bool // without a key
	quiet   bool // not logged: polled by machines
}

// call is one request while its handler runs.
type call struct {
	*fasthttp.RequestCtx
	srv     *Server
	dialect dialect
	id      string // of the request
	key     string // who: a name for the API key or the address, never the key itself
	tail    string // what follows a route's prefix
	started time.Time
	authed  bool
}

// table lists every route. Prefix routes end in "/".
func (s *Server) table() map[string]*route {
	get := func(h handler) *route { return &route{methods: map[string]handler{"GET": h, "HEAD": h}} }
	post := func(h handler) *route { return &route{methods: map[string]handler{"POST": h}} }
	public := func(r *route) *route { r.public, r.quiet = true, true; return r }
	quiet := func(r *route) *route { r.quiet = true; return r }
	t := map[string]*route{
		"/health":                    public(get(s.health)),
		"/health/live":               public(get(s.live)),
		"/health/ready":              public(get(s.ready)),
		"/":                          public(get(s.root)),
		"/v1":                        get(s.card),
		"/v1/models":                 get(s.models),
		"/v1/models/":                get(s.model),
		"/v1/chat/completions":       post(s.chat),
		"/v1/completions":            post(s.completions),
		"/v1/responses":              post(s.responses),
		"/v1/responses/input_tokens": post(s.inputTokens),
		"/v1/messages":               post(s.messages),
		"/v1/messages/count_tokens":  post(s.countTokens),
		"/tokenize":                  post(s.tokenize),
		"/detokenize":                post(s.detokenize),
		"/apply-template":            post(s.applyTemplate),
		"/metrics":                   quiet(get(s.exposition)),
		"/slots":                     quiet(get(s.slots)),
		"/props":                     get(s.props),
		"/v1/mtplx/snapshot":         quiet(get(s.snapshot)),
		"/v1/mtplx/cancel/":          post(s.cancel),
		"/admin/sessions":            get(s.sessions),
		"/admin/sessions/":           post(s.clearSession), // {id}/clear
		"/admin/cache/clear":         post(s.clearCache),
	}
	for path := range s.cfg.Pages {
		if path != "/" {
			t[path] = public(get(s.page))
		}
	}
	return t
}

// find looks a path up.
func (s *Server) find(path string) (*route, string) {
	if r, ok := s.routes[path]; ok && (path == "/" || !strings.HasSuffix(path, "/")) {
		return r, ""
	}
	if i := strings.LastIndexByte(path, '/'); i > 0 && i+1 < len(path) {
		if r, ok := s.routes[path[:i+1]]; ok {
			return r, path[i+1:]
		}
		if id, ok := strings.CutPrefix(path, "/admin/sessions/"); ok {
			return s.routes["/admin/sessions/"], id
		}
		// Names of models may hold a slash.
		if name, ok := strings.CutPrefix(path, "/v1/models/"); ok {
			return s.routes["/v1/models/"], name
		}
	}
	return nil, ""
}

// handle is the handler of every request.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	c := &call{RequestCtx: ctx, srv: s, dialect: dialectOf(path), id: "req_" + s.cfg.NewID(), started: s.cfg.Now()}
	ctx.Response.Header.Set("X-Request-Id", c.id)
	ctx.Response.Header.Set("X-Content-Type-Options", "nosniff")
	r, tail := s.find(path)
	c.tail = tail
	name := "unknown"
	if r != nil {
		name = strings.TrimSuffix(path, tail)
	}
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("panic", "request", c.id, "path", name, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			s.refuse(ctx, c.dialect, internal())
		}
		// The response's own time to be written. fasthttp's would count from the request, and end streams.
		_ = ctx.Conn().SetWriteDeadline(time.Now().Add(s.cfg.Stall))
		status := ctx.Response.StatusCode()
		s.metrics.request(name, status)
		if r == nil || !r.quiet || status >= 500 {
			s.logRequest(c, name, status)
		}
	}()
	if err := s.dispatch(c, r); err != nil {
		s.refuse(ctx, c.dialect, s.asError(c, err))
	}
}

func (s *Server) dispatch(c *call, r *route) error {
	if done, err := s.guard(c, r); done || err != nil {
		return err
	}
	if r == nil {
		return &request.Error{Kind: request.NotFound, Message: fmt.Sprintf("there is no %s here; GET /v1 lists what there is", request.Quote(string(c.Path())))}
	}
	h, ok := r.methods[string(c.Method())]
	if !ok {
		allowed := slices.Sorted(keysOf(r.methods))
		c.Response.Header.Set("Allow", strings.Join(allowed, ", "))
		return &request.Error{Kind: request.MethodNotAllowed, Message: fmt.Sprintf("%s does not take %s; use %s", c.Path(), request.Quote(string(c.Method())), strings.Join(allowed, " or "))}
	}
	return h(c)
}

// asError makes any error one that a client may see.
func (s *Server) asError(c *call, err error) *request.Error {
	if e, ok := errors.AsType[*request.Error](err); ok {
		return e
	}
	s.cfg.Log.Error("internal error", "request", c.id, "error", err)
	return internal()
}

func internal() *request.Error {
	return &request.Error{Kind: request.Internal, Message: "something went wrong in the server; its log has the request's id"}
}

// refuse answers with an error.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, d dialect, e *request.Error) {
	headers := &ctx.Response.Header
	id := string(headers.Peek("X-Request-Id"))
	ctx.Response.ResetBody()
	headers.SetContentType("application/json")
	if e.RetryAfter > 0 {
		headers.Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	if e.Kind == request.Unauthorised {
		headers.Set("WWW-Authenticate", `Bearer realm="mtplx"`)
	}
	if d == anthropicDialect {
		ctx.SetStatusCode(anthropic.Status(e))
		ctx.SetBody(anthropic.AppendError(nil, e, id))
		return
	}
	ctx.SetStatusCode(openai.Status(e))
	ctx.SetBody(openai.AppendError(nil, e))
}

// json answers with a JSON body, ended by a line break for those who read it in a terminal.
func (c *call) json(body []byte) error {
	if len(body) == 0 || body[len(body)-1] != '\n' {
		body = append(body, '\n')
	}
	c.SetContentType("application/json")
	c.SetBody(body)
	c.compress()
	return nil
}
