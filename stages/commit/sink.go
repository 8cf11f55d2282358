package commit

import (
	"context"
	"sync"

	"mtplx/stages/sample"
)

// Chunk is what a session received since it was last read.
type Chunk struct {
	Text   []byte  // whole characters
	Tokens []int32 // the tokens emitted, which may be ahead of the text
	// Heads says of each token whether the head proposed it.
	Heads []bool
	// Logprobs describes each token, where the request asked for it.
	Logprobs []sample.Logprob
	// Finish is "" while the session goes on, else why it ended: "stop", "length" or "error";
	// with "error", Err says what happened.
	Finish string
	// Stop is the stop string that ended the text, if one did.
	Stop string
	Err  error
}

// Sink is a session's bounded delivery: commit puts tokens in without ever blocking, one reader takes
// them out. While Full, the scheduler leaves the session out of cycles, so that a slow reader holds up
// itself only.
type Sink struct {
	limit int
	room  func() // told when a full sink has been read

	mu    sync.Mutex
	chunk Chunk
	ready chan struct{} // holds a token while there is something to read
}

// NewSink makes a sink that counts as full at `limit` unread tokens. room, which may be nil, is called
// by the reader's goroutine after it has emptied a full sink.
func NewSink(limit int, room func()) *Sink {
	return &Sink{limit: limit, room: room, ready: make(chan struct{}, 1)}
}

// Full tells whether the session should sit out.
func (s *Sink) Full() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.chunk.Tokens) >= s.limit
}

// piece is what one cycle adds to a chunk.
type piece struct {
	text     []byte
	tokens   []int32
	drafted  int // of the tokens, the first so many came from the head
	logprobs []sample.Logprob
	finish   string
	stop     string
	err      error
}

// put adds to the unread chunk.
func (s *Sink) put(p piece) {
	s.mu.Lock()
	c := &s.chunk
	c.Text = append(c.Text, p.text...)
	c.Tokens = append(c.Tokens, p.tokens...)
	for i := range p.tokens {
		c.Heads = append(c.Heads, i < p.drafted)
	}
	c.Logprobs = append(c.Logprobs, p.logprobs...)
	if c.Finish == "" {
		c.Finish, c.Stop, c.Err = p.finish, p.stop, p.err
	}
	s.mu.Unlock()
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// Next waits for something to read and swaps it into c, whose slices it keeps for reuse. It returns
// the context's error, or nil.
func (s *Sink) Next(ctx context.Context, c *Chunk) error {
	select {
	case <-s.ready:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.mu.Lock()
	full := len(s.chunk.Tokens) >= s.limit
	fresh := Chunk{Text: c.Text[:0], Tokens: c.Tokens[:0], Heads: c.Heads[:0], Logprobs: c.Logprobs[:0]}
	*c, s.chunk = s.chunk, fresh
	s.mu.Unlock()
	if full && s.room != nil {
		s.room()
	}
	return nil
}
