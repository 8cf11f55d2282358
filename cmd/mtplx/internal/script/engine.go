package script

import (
	"context"
	"sync"
	"testing"
	"time"

	"mtplx/cmd/mtplx/conversation"
	"mtplx/model/chat"
	"mtplx/model/demo"
	"mtplx/model/tokenizer"
	"mtplx/sched"
	"mtplx/sched/bank"
	"mtplx/stages"
	"mtplx/stages/commit"
)

// Engine gives the sessions that are started to the test.
type Engine struct {
	t       testing.TB
	model   *conversation.Model
	started chan *Session
}

// Session is an answer that the test writes.
type Session struct {
	Request sched.Request

	engine *Engine
	chunks chan commit.Chunk
	gone   chan struct{}
	once   sync.Once
	stats  stages.Stats
}

var text = sync.OnceValues(func() (*tokenizer.Tokenizer, error) { return tokenizer.Load(demo.Files()["tokenizer.json"]) })

// New makes a model with a context of so many tokens.
func New(t testing.TB, size int) (*conversation.Model, *Engine) {
	t.Helper()
	tok, err := text()
	if err != nil {
		t.Fatal(err)
	}
	template, err := chat.Parse(string(demo.Files()["chat_template.jinja"]))
	if err != nil {
		t.Fatal(err)
	}
	stop, _ := tok.ID("<|im_end|>")
	e := &Engine{t: t, started: make(chan *Session, 16)}
	e.model = &conversation.Model{
		Name: "scripted", Profile: "performance-cold", Context: size, Depth: 8, HasHead: true, Tokenizer: tok, Template: template,
		StopTokens: []int32{stop}, Engine: e, Live: &conversation.Live{}, Close: func() {},
	}
	return e.model, e
}

// Start implements conversation.Engine.
func (e *Engine) Start(r sched.Request) (conversation.Session, error) {
	if len(r.Prompt) >= e.model.Context {
		return nil, &sched.TooLongError{Prompt: len(r.Prompt), Context: e.model.Context}
	}
	s := &Session{Request: r, engine: e, chunks: make(chan commit.Chunk, 1024), gone: make(chan struct{})}
	e.started <- s
	return s, nil
}

// Next waits for a session to be started.
func (e *Engine) Next() *Session {
	e.t.Helper()
	select {
	case s := <-e.started:
		return s
	case <-time.After(time.Minute):
		e.t.Fatal("no answer was asked for")
		return nil
	}
}

// Prompt is the text that a session goes on from.
func (s *Session) Prompt() string {
	return string(s.engine.model.Tokenizer.Decode(nil, s.Request.Prompt, false))
}

// Write lets the model write a text.
func (s *Session) Write(text string) {
	s.chunks <- commit.Chunk{Text: []byte(text), Tokens: s.engine.model.Tokenizer.Encode(nil, text, true)}
}

// Finish ends the answer.
func (s *Session) Finish(reason string) {
	c := commit.Chunk{Finish: reason}
	if reason == "stop" {
		c.Tokens = s.engine.model.StopTokens
	}
	s.chunks <- c
}

// Fail ends the answer with an error.
func (s *Session) Fail(err error) { s.chunks <- commit.Chunk{Finish: "error", Err: err} }

// Draft says what came of the head's drafts, for those who look while the answer is written.
func (s *Session) Draft(drafted, accepted int) {
	s.stats.Drafted, s.stats.Accepted = []int{drafted}, []int{accepted}
	s.engine.model.Live.Set(conversation.Progress{Prompt: len(s.Request.Prompt), Read: len(s.Request.Prompt), Drafted: drafted, Accepted: accepted})
}

// Cancelled waits until the reader has given the answer up.
func (s *Session) Cancelled() {
	s.engine.t.Helper()
	select {
	case <-s.gone:
	case <-time.After(time.Minute):
		s.engine.t.Fatal("the answer was not cancelled")
	}
}

// Next implements conversation.Session.
func (s *Session) Next(ctx context.Context, c *commit.Chunk) error {
	select {
	case *c = <-s.chunks:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Cancel implements conversation.Session.
func (s *Session) Cancel() { s.once.Do(func() { close(s.gone) }) }

// Stats implements conversation.Session.
func (s *Session) Stats() stages.Stats { return s.stats }

// Reused implements conversation.Session.
func (s *Session) Reused() (int, bank.Reason) { return 0, bank.NewSession }
