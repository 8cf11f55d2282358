package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"mtplx/api/request"
	"mtplx/api/sse"
)

// ErrShutdown is why answers end that a drain could not wait for.
var ErrShutdown = errors.New("the server is shutting down")

// Server serves one model.
type Server struct {
	cfg      Config
	http     *fasthttp.Server
	routes   map[string]*route
	pages    map[string]*served
	keys     keyring
	rates    *limiter
	queue    *admission
	prompts  *prompter
	grammars *grammars
	metrics  *metrics
	started  time.Time

	draining atomic.Bool
	broken   atomic.Bool // the engine has stopped for good
	// Every answer's context comes from base, so that abort ends them all.
	base  context.Context //nolint:containedctx // the server's own life, not a request's
	abort context.CancelCauseFunc
}

// New makes a server. Nothing runs until Serve.
func New(c Config) (*Server, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	s := &Server{cfg: c, started: c.Now()}
	s.keys = newKeyring(c.Keys)
	s.rates = newLimiter(c.Rate, c.Now)
	s.queue = newAdmission(c.Running, c.Waiting, c.Each)
	s.prompts = newPrompter(&s.cfg.Model)
	s.grammars = newGrammars(&s.cfg.Model)
	s.metrics = newMetrics(s)
	s.pages = make(map[string]*served, len(c.Pages))
	for path, p := range c.Pages {
		s.pages[path] = newServed(p)
	}
	s.routes = s.table()
	s.base, s.abort = context.WithCancelCause(context.Background())
	s.http = &fasthttp.Server{
		Name:                         "mtplx",
		Handler:                      s.handle,
		ErrorHandler:                 s.badRequest,
		HeaderReceived:               s.bodyLimit,
		Concurrency:                  c.Connections,
		ReadBufferSize:               16 << 10, // bounds the header
		ReadTimeout:                  c.ReadTimeout,
		IdleTimeout:                  c.IdleTimeout,
		MaxRequestBodySize:           c.MaxBody,
		ReduceMemoryUsage:            true, // idle connections keep no buffers
		DisablePreParseMultipartForm: true,
		NoDefaultDate:                false,
		CloseOnShutdown:              true,
		Logger:                       logAdapter{s.cfg.Log},
	}
	return s, nil
}

// Serve answers connections of ln until Drain or Close; then it returns nil. It may be called for several
// listeners.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.http.Serve(sse.Listener{Listener: ln}); err != nil && !s.draining.Load() {
		return fmt.Errorf("serve %v: %w", ln.Addr(), err)
	}
	return nil
}

// Drain refuses new requests and waits for those that run. When ctx ends it aborts them. It returns when
// nothing runs any more: nil, or ctx's error if something had to be aborted.
func (s *Server) Drain(ctx context.Context) error {
	s.draining.Store(true)
	idle := s.queue.close()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = context.Cause(ctx)
		s.abort(ErrShutdown)
		<-idle
	}
	s.abort(ErrShutdown)
	// What is left is connections without a request. A peer that reads no more must not hold us up.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if closeErr := s.http.ShutdownWithContext(last); closeErr != nil && !errors.Is(closeErr, context.DeadlineExceeded) {
		err = errors.Join(err, closeErr)
	}
	return err
}

// Close aborts what runs and returns when nothing does.
func (s *Server) Close() error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Drain(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// Ready tells whether new requests are welcome.
func (s *Server) Ready() bool { return !s.draining.Load() && !s.broken.Load() && !s.queue.full() }

// strangersBody is how much a request without a valid key may bring: it will be refused, but read first.
const strangersBody = 64 << 10

// bodyLimit decides by its headers how large a request may be.
func (s *Server) bodyLimit(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	limit := s.cfg.MaxBody
	if _, ok := s.keys.check(credential(h)); !ok {
		limit = min(limit, strangersBody)
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: limit}
}

// badRequest answers what fasthttp could not read.
func (s *Server) badRequest(ctx *fasthttp.RequestCtx, err error) {
	e := request.Errorf("", "the request is malformed: %s", request.Quote(err.Error()))
	var small *fasthttp.ErrSmallBuffer
	var netErr net.Error
	switch {
	case errors.As(err, &small):
		e = &request.Error{Kind: request.HeadersTooLarge, Message: "the request's headers are larger than 16 KiB"}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		if _, ok := s.keys.check(credential(&ctx.Request.Header)); !ok {
			e = unauthorised()
			break
		}
		e = &request.Error{Kind: request.BodyTooLarge, Message: "the request's body is larger than " + strconv.Itoa(s.cfg.MaxBody) + " bytes"}
	case errors.As(err, &netErr) && netErr.Timeout():
		e = &request.Error{Kind: request.TimedOut, Message: "the request did not arrive within " + s.cfg.ReadTimeout.String()}
	}
	_ = ctx.Conn().SetWriteDeadline(time.Now().Add(s.cfg.Stall))
	s.refuse(ctx, dialectOf(string(ctx.Path())), e)
	ctx.Response.Header.SetConnectionClose()
	s.metrics.request("malformed", ctx.Response.StatusCode())
}
