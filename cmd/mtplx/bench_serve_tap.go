package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"mtplx/api"
	load "mtplx/bench/serve"
	"mtplx/sched"
	"mtplx/stages/commit"
)

// tap stands between a server and its engine. It keeps each request by its seed, so that the request can run again
// without the server, and when the engine gave which tokens. It may be used by many goroutines.
type tap struct {
	engine *sched.Engine
	detok  func() commit.Detokenizer
	epoch  time.Time

	mu   sync.Mutex
	seen map[uint64]*tapped
}

func newTap(e *sched.Engine, detok func() commit.Detokenizer) *tap {
	return &tap{engine: e, detok: detok, seen: map[uint64]*tapped{}}
}

// tapped is a session under way, and what is kept of it. The server's goroutine alone writes it.
type tapped struct {
	api.Session
	request sched.Request
	epoch   time.Time

	mu      sync.Mutex
	emitted []load.Emission
	tokens  []int32
}

// Start implements api.Engine.
func (t *tap) Start(r sched.Request) (api.Session, error) {
	s, err := engine{t.engine}.Start(r)
	if err != nil {
		return nil, err
	}
	kept := &tapped{Session: s, request: r, epoch: t.epoch, tokens: make([]int32, 0, r.Limits.MaxTokens)}
	t.mu.Lock()
	t.seen[r.Seed] = kept
	t.mu.Unlock()
	return kept, nil
}

// Next implements api.Session.
func (s *tapped) Next(ctx context.Context, c *commit.Chunk) error {
	err := s.Session.Next(ctx, c)
	if err == nil && len(c.Tokens) > 0 {
		s.mu.Lock()
		s.emitted = append(s.emitted, load.Emission{At: time.Since(s.epoch), Tokens: len(c.Tokens)})
		s.tokens = append(s.tokens, c.Tokens...)
		s.mu.Unlock()
	}
	return err
}

func (t *tap) find(seed uint64) *tapped {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[seed]
}

// Emissions implements load.Inside.
func (t *tap) Emissions(seed uint64) []load.Emission {
	s := t.find(seed)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.emitted)
}

// Replay implements load.Inside.
func (t *tap) Replay(ctx context.Context, seed uint64) (n int, same bool, err error) {
	kept := t.find(seed)
	if kept == nil {
		return 0, false, fmt.Errorf("replay the request with seed %d: the server has not seen it", seed)
	}
	q := kept.request
	q.Detok = t.detok()
	s, err := t.engine.Start(q)
	if err != nil {
		return 0, false, fmt.Errorf("replay the request with seed %d: %w", seed, err)
	}
	defer s.Stats() // until the session has left the engine
	var c commit.Chunk
	same = true
	for c.Finish == "" {
		if err := s.Next(ctx, &c); err != nil {
			s.Cancel()
			return n, false, err
		}
		same = same && n+len(c.Tokens) <= len(kept.tokens) && slices.Equal(c.Tokens, kept.tokens[n:n+len(c.Tokens)])
		n += len(c.Tokens)
	}
	return n, same && n == len(kept.tokens), c.Err
}
