package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mtplx/model/chat"
	"mtplx/sched"
	"mtplx/sched/bank"
	"mtplx/stages"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// Session is one answer on its way; *sched.Session is one.
type Session interface {
	Next(ctx context.Context, c *commit.Chunk) error
	Cancel()
	// Stats and Reused wait until the session has left the engine.
	Stats() stages.Stats
	Reused() (tokens int, reason bank.Reason)
}

// Engine starts sessions. Errors wrap sched.ErrBusy, sched.ErrClosed or *sched.TooLongError, or say what
// is wrong with the request.
type Engine interface {
	Start(r sched.Request) (Session, error)
}

// Bank is what sessions have left for others that begin alike; *sched.Engine is one.
type Bank interface {
	// ClearBank and ClearSession forget all of it, or what one conversation left, and return how many places to
	// resume at that were. Running sessions are not disturbed.
	ClearBank() int
	ClearSession(id string) int
}

// Tokenizer turns text into tokens; *tokenizer.Tokenizer is one.
type Tokenizer interface {
	// Encode appends the tokens of text; special says that the text of special tokens means them.
	Encode(dst []int32, text string, special bool) []int32
	Size() int
	ID(token string) (int32, bool)
	Token(id int32) (string, bool)
	// Bytes is the text that a token stands for, which need not be whole characters.
	Bytes(id int32) string
	IsSpecial(id int32) bool
}

// Template renders conversations; *chat.Template is one.
type Template interface {
	RenderChat(messages []chat.Message, o chat.Options) (string, error)
}

// Model is a loaded model.
type Model struct {
	Name                  string
	Device                string   // what it runs on, for those who look; may be empty
	DeviceKind, DeviceWhy string   // cpu, cuda or metal, and why that one
	Aliases               []string // further names that clients may use
	Created               time.Time
	Context               int // tokens of a session
	Depth                 int // most drafts of a cycle
	HasHead               bool
	Tokenizer             Tokenizer
	NewDetok              func() commit.Detokenizer // with special tokens left out
	Template              Template
	// StopTokens end an answer.
	StopTokens []int32
	// DraftSampler is what the checkpoint recommends, or nil.
	DraftSampler *sample.Sampler
	Engine       Engine
	Bank         Bank // nil: there is none
	// Vocabulary is the width of a row of logits (default: the tokenizer's size).
	Vocabulary int
	Load       func() Load // nil: memory is not shown
}

// Defaults are what a request gets that does not say.
type Defaults struct {
	Sampler   sample.Sampler
	Depth     int // drafts of a cycle, or sched.Auto
	Speculate bool
	Thinking  *bool // nil leaves it to the template
	MaxTokens int   // 0: as many as fit
}

// Config is everything a server is made of. Zero values mean the defaults that are named.
type Config struct {
	Model    Model
	Defaults Defaults
	Version  string

	Keys    []string // API keys; none: everybody may
	Hosts   []string // names by which a server on loopback may be called, beyond the usual ones
	Anyhost bool     // the server is not on loopback: any Host will do
	Origins []string // web origins that may use the server, "*" for all

	Rate        int // requests a minute for each key, or each address without keys; 0: no limit
	Running     int // sessions that run at once (default 8)
	Waiting     int // sessions that may wait (default 64)
	Each        int // sessions in work for each key, or each address without keys; 0: no limit
	Connections int // open connections (default 4096)
	MaxBody     int // bytes (default 32 MiB)
	MaxTokens   int // most tokens of an answer; 0: as many as fit

	ReadTimeout time.Duration // for a whole request to arrive (default 30 s)
	IdleTimeout time.Duration // between requests (default 2 min)
	Stall       time.Duration // a write that is stuck for so long drops the client (default 30 s)
	Ping        time.Duration // silence in a stream that a ping ends (default 10 s)

	Log        *slog.Logger // default: none
	LogPrompts bool

	// Pages are static files of the web page, by path.
	Pages map[string]Page

	// Now and NewID are replaced in tests. NewID is 24 hex digits by default.
	Now   func() time.Time
	NewID func() string
}

// Page is a static file.
type Page struct {
	ContentType string
	Body        []byte
}

// complete fills defaults and checks what cannot be.
func (c *Config) complete() error {
	setDefault(&c.Running, 8)
	setDefault(&c.Waiting, 64)
	setDefault(&c.Connections, 4096)
	setDefault(&c.MaxBody, 32<<20)
	setDefault(&c.ReadTimeout, 30*time.Second)
	setDefault(&c.IdleTimeout, 2*time.Minute)
	setDefault(&c.Stall, 30*time.Second)
	setDefault(&c.Ping, 10*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.NewID == nil {
		c.NewID = newID
	}
	m := &c.Model
	if m.Created.IsZero() {
		m.Created = c.Now()
	}
	setDefault(&m.Vocabulary, tokenizerSize(m.Tokenizer))
	switch {
	case m.Engine == nil || m.Tokenizer == nil || m.NewDetok == nil || m.Template == nil:
		return errors.New("make server: the model has no engine, tokenizer, detokenizer or template")
	case m.Name == "":
		return errors.New("make server: the model has no name")
	case m.Context < 2:
		return fmt.Errorf("make server: the model's context is %d tokens", m.Context)
	}
	for _, k := range c.Keys {
		if len(k) < 8 {
			return fmt.Errorf("make server: an API key has %d characters; give at least 8", len(k))
		}
	}
	if err := c.Defaults.Sampler.Validate(); err != nil {
		return fmt.Errorf("make server: defaults: %w", err)
	}
	return nil
}

func tokenizerSize(t Tokenizer) int {
	if t == nil {
		return 0
	}
	return t.Size()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
