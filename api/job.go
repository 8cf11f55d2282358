package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"mtplx/api/output"
	"mtplx/api/request"
	"mtplx/api/sse"
	"mtplx/sched"
	"mtplx/stages/commit"
)

// encoder writes a stream in a dialect: whole frames, appended to a buffer.
type encoder interface {
	Open(dst []byte) []byte
	Piece(dst []byte, choice int, p output.Piece) []byte
	Finish(dst []byte, choice int, f output.Finish) []byte
	Close(dst []byte, u *output.Usage) []byte
	Fail(dst []byte, e *request.Error) []byte
}

// job is a request's sessions on their way.
type job struct {
	srv     *Server
	req     *request.Request
	flight  *flight
	started time.Time
	choices []*choice

	mu    sync.Mutex // guards what follows, and the receiver's calls
	usage output.Usage
}

// choice is one answer.
type choice struct {
	session Session
	split   *output.Splitter
	echo    string // comes first
	last    time.Time
	begun   bool
	prompt  *prompt
	budget  budget
	origins *origins // nil where nobody asked
}

// errCancelled ends answers that an operator cancelled.
var errCancelled = &request.Error{Kind: request.Internal, Code: "cancelled", Message: "the request was cancelled"}

// errDeadline ends an answer as its budget does.
var errDeadline = errors.New("the request's deadline has passed")

// start admits a request and starts its sessions. The caller runs the job, or abandons it.
func (s *Server) start(c *call, r *request.Request, id string) (*job, error) {
	if err := s.known(r.Model); err != nil {
		return nil, err
	}
	c.headers(r)
	prompts, err := s.prompts.prompts(r, &s.cfg.Defaults)
	if err != nil {
		return nil, err
	}
	j := &job{srv: s, req: r, started: c.started}
	j.flight = &flight{
		ID: id, Request: c.id, Route: string(c.Path()), Key: c.key, Session: r.Session,
		Started: c.started, Sessions: len(prompts) * r.N, Stream: r.Stream, cancel: func(error) {},
	}
	for i := range prompts {
		n := len(prompts[i].tokens)
		if n >= s.cfg.Model.Context {
			return nil, tooLong(n, s.cfg.Model.Context)
		}
		j.usage.Prompt += n
	}
	j.flight.Prompt = j.usage.Prompt
	position, err := s.queue.enter(j.flight)
	if position > 0 {
		c.Response.Header.Set("X-Mtplx-Queue-Position", itoa(position))
	}
	if err != nil {
		return nil, err
	}
	for i := range prompts {
		for range r.N {
			if err := j.begin(&prompts[i]); err != nil {
				j.abandon()
				return nil, err
			}
		}
	}
	return j, nil
}

// begin starts the next choice.
func (j *job) begin(p *prompt) error {
	s := j.srv
	q, err := s.session(j.req, p, len(j.choices)%j.req.N)
	if err != nil {
		return err
	}
	session, err := s.cfg.Model.Engine.Start(q)
	if err != nil {
		if errors.Is(err, sched.ErrClosed) && !s.draining.Load() && !s.broken.Swap(true) {
			s.cfg.Log.Error("the engine has stopped", "error", err)
		}
		return engineError(err)
	}
	j.usage.Mode, j.usage.Depth = "ar", q.Depth
	if q.Speculate {
		j.usage.Mode = "mtp"
	}
	o := output.Options{NewID: func() string { return j.req.CallIDs + s.cfg.NewID() }}
	if j.req.Messages != nil {
		o.Thoughts, o.Thinking = s.prompts.thoughts, p.thinking
		if len(j.req.Tools) > 0 && j.req.ToolMode != request.ToolsNone {
			o.Tools = map[string]string{}
			for _, t := range j.req.Tools {
				o.Tools[t.Name] = t.Parameters
			}
		}
	}
	ch := &choice{session: session, split: output.NewSplitter(o), prompt: p}
	if p.thinking && (j.req.MaxTokens == 0 || j.req.MaxTokens > j.req.ThinkingBudget) {
		ch.budget.left = j.req.ThinkingBudget
	}
	if j.req.Provenance {
		ch.origins = &origins{detok: s.prompts.detok(j.req)}
	}
	if j.req.Echo {
		ch.echo = p.text
	}
	j.choices = append(j.choices, ch)
	return nil
}

// abandon gives up a job that does not run.
func (j *job) abandon() {
	for _, c := range j.choices {
		c.session.Cancel()
	}
	j.srv.queue.leave(j.flight, j.srv.cfg.Now().Sub(j.started))
}

// receiver takes an answer as it comes. Its methods are called one at a time.
type receiver interface {
	piece(choice int, p output.Piece) error
	finished(choice int, f output.Finish) error
}

// run reads every choice until it is finished. The first error ends them all: the context's cause, the
// engine's, or the receiver's.
func (j *job) run(ctx context.Context, to receiver) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	j.srv.queue.watch(j.flight, cancel)
	if j.req.Deadline > 0 {
		timer := time.AfterFunc(j.req.Deadline, func() { cancel(errDeadline) })
		defer timer.Stop()
	}
	errs := make(chan error, len(j.choices))
	read := func(i int) error {
		err := j.read(ctx, i, to)
		if err != nil {
			cancel(err) // the others' reads then end with it too
		}
		return err
	}
	for i := 1; i < len(j.choices); i++ {
		go func() { errs <- read(i) }()
	}
	first := read(0)
	for range len(j.choices) - 1 {
		if err := <-errs; first == nil {
			first = err
		}
	}
	j.usage.Elapsed = j.srv.cfg.Now().Sub(j.started)
	j.usage.Cached = min(j.usage.Cached, j.usage.Prompt) // choices share a prompt, which counts once
	j.srv.queue.leave(j.flight, j.usage.Elapsed)
	j.srv.metrics.done(j, first)
	j.log(ctx, first)
	return first
}

// read takes one choice's chunks to the receiver.
func (j *job) read(ctx context.Context, i int, to receiver) error {
	c := j.choices[i]
	c.last = j.started
	if c.echo != "" {
		if err := j.deliver(to, i, output.Piece{Events: []output.Event{{Kind: output.Content, Text: c.echo}}}); err != nil {
			c.session.Cancel()
			return err
		}
	}
	var chunk commit.Chunk
	for {
		if err := c.session.Next(ctx, &chunk); err != nil {
			c.session.Cancel()
			cause := context.Cause(ctx)
			if errors.Is(cause, errDeadline) {
				return j.end(to, i, output.Finish{Reason: "length", Stop: "deadline"})
			}
			if cause == nil {
				cause = err
			}
			return cause
		}
		if c.budget.left > 0 && c.split.Thinking() {
			rest, cut := c.budget.spend(&chunk, j.decode)
			if cut {
				if err := j.take(to, i, &chunk); err != nil {
					return err
				}
				if c.split.Thinking() {
					if err := j.endThoughts(to, i); err != nil {
						return err
					}
					chunk = commit.Chunk{}
					continue
				}
				chunk = rest // they had ended by themselves
			}
		}
		if err := j.take(to, i, &chunk); err != nil {
			return err
		}
		switch chunk.Finish {
		case "":
		case "error":
			if errors.Is(chunk.Err, sched.ErrDeadline) {
				return j.end(to, i, output.Finish{Reason: "length", Stop: "deadline"})
			}
			return chunk.Err
		default:
			return j.end(to, i, output.Finish{Reason: chunk.Finish, Stop: chunk.Stop})
		}
	}
}

// take gives a chunk to the receiver.
func (j *job) take(to receiver, i int, chunk *commit.Chunk) error {
	c := j.choices[i]
	j.count(c, chunk)
	p := output.Piece{Events: c.split.Write(string(chunk.Text)), Tokens: chunk.Tokens}
	if c.origins != nil {
		c.origins.add(chunk)
		c.origins.mark(p.Events)
	}
	if j.req.Logprobs {
		p.Logprobs = output.TokensOf(chunk.Logprobs, j.srv.cfg.Model.Tokenizer.Bytes)
	}
	err := j.deliver(to, i, p)
	if err != nil {
		c.session.Cancel()
	}
	return err
}

// end gives out what was held back and finishes a choice.
func (j *job) end(to receiver, i int, f output.Finish) error {
	c := j.choices[i]
	if events := c.split.Close(); len(events) > 0 {
		if c.origins != nil {
			c.origins.mark(events)
		}
		if err := j.deliver(to, i, output.Piece{Events: events}); err != nil {
			return err
		}
	}
	if f.Reason == "stop" && c.split.Calls() > 0 {
		f.Reason = "tool_calls"
	}
	j.book(c)
	j.mu.Lock()
	defer j.mu.Unlock()
	j.srv.metrics.finished(f.Reason)
	return to.finished(i, f)
}

func (j *job) deliver(to receiver, i int, p output.Piece) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return to.piece(i, p)
}

// count books a chunk's tokens and its time.
func (j *job) count(c *choice, chunk *commit.Chunk) {
	n := len(chunk.Tokens)
	if n == 0 {
		return
	}
	now := j.srv.cfg.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.usage.Completion += n
	if c.split.Thinking() {
		j.usage.Reasoning += n
	}
	if !c.begun {
		c.begun = true
		first := now.Sub(j.started)
		if j.usage.FirstToken == 0 {
			j.usage.FirstToken = first
		}
		j.srv.metrics.firstToken(first)
		n--
	}
	j.srv.metrics.tokens(len(chunk.Tokens), n, now.Sub(c.last))
	c.last = now
	j.flight.add(len(chunk.Tokens))
}

// asRequestError makes what ended a job an error for its client. nil says that there is no client.
func (j *job) asRequestError(err error) *request.Error {
	var e *request.Error
	switch {
	case errors.Is(err, sse.ErrGone):
		return nil
	case errors.Is(err, ErrShutdown):
		return &request.Error{Kind: request.Draining, RetryAfter: 5, Message: "the server is shutting down"}
	case errors.As(err, &e):
		return e
	}
	if translated := engineError(err); errors.As(translated, &e) {
		return e
	}
	j.srv.cfg.Log.Error("answer failed", "request", j.flight.Request, "error", err)
	return &request.Error{Kind: request.Internal, Message: "the answer failed: " + err.Error()}
}
