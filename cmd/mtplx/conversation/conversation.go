package conversation

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"mtplx/api/output"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/sched"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// Role is who speaks.
type Role string

// The roles.
const (
	User      Role = "user"
	Assistant Role = "assistant"
)

// Message is what one side has said.
type Message struct {
	Role      Role   `json:"role"`
	Content   string `json:"content"`
	Reasoning string `json:"reasoning,omitempty"`
}

// Settings are how answers are written. They may change between questions.
type Settings struct {
	System    string
	Sampler   sample.Sampler
	Draft     *sample.Sampler // nil leaves the choice to the model's contract
	Rule      sample.Rule
	Seed      *uint64 // nil draws one for every answer
	Depth     int     // drafts a cycle, or sched.Auto
	Speculate bool
	MaxTokens int   // 0: as many as the context holds
	Thinking  *bool // whether models that can think do; nil leaves it to the template
}

// Piece is what an answer grew by.
type Piece struct {
	Text      string
	Reasoning bool
	Tokens    int // emitted since the piece before
}

// Answer is a finished or stopped answer.
type Answer struct {
	runtime.Result        // Text is the answer without its thoughts
	Reasoning      string // the thoughts
	Reused         int    // tokens of the prompt that were not computed again
	Full           bool   // it ends because the context does
}

// FullError says that a conversation does not fit the context.
type FullError struct{ Tokens, Context int }

func (e *FullError) Error() string {
	return fmt.Sprintf("the conversation has %s with this message, but the context holds %s", Count(e.Tokens, "token"), Thousands(e.Context))
}

// Conversation is a talk with a model.
type Conversation struct {
	Settings

	prompt   *prompter
	messages []Message
	was      past
}

// New starts a conversation.
func New(m *Model, s Settings) *Conversation {
	return &Conversation{Settings: s, prompt: newPrompter(m)}
}

// Model is who answers.
func (c *Conversation) Model() *Model { return c.prompt.model }

// Use lets another model answer from now on.
func (c *Conversation) Use(m *Model) { c.prompt, c.was = newPrompter(m), past{} }

// Messages are what was said, questions and answers in turn.
func (c *Conversation) Messages() []Message { return slices.Clone(c.messages) }

// Clear forgets what was said.
func (c *Conversation) Clear() { c.messages, c.was = nil, past{} }

// Forget drops the oldest question and its answer; false says that there is none.
func (c *Conversation) Forget() bool {
	if len(c.messages) == 0 {
		return false
	}
	c.messages = slices.Delete(c.messages, 0, min(2, len(c.messages)))
	c.was = past{}
	return true
}

// Ask says something and returns the answer; emit gets it as it comes, from the caller's goroutine. When ctx ends, the answer
// so far is returned with its error. A *FullError says that the message does not fit; nothing is changed then.
func (c *Conversation) Ask(ctx context.Context, text string, emit func(Piece)) (*Answer, error) {
	m := c.Model()
	m.Live.Set(Progress{})
	messages := append(c.Messages(), Message{Role: User, Content: text})
	rendered, err := c.prompt.render(c.System, messages, c.Thinking)
	if err != nil {
		return nil, err
	}
	prompt := past{rendered, c.prompt.tokens(c.was, rendered)}
	a := &Answer{}
	split := output.NewSplitter(output.Options{Thoughts: c.prompt.thoughts, Thinking: c.prompt.thinking(rendered)})
	var raw strings.Builder
	take := func(events []output.Event, tokens int) {
		for _, e := range events {
			if e.Kind == output.Reasoning {
				a.Reasoning += e.Text
			} else {
				a.Text += e.Text
			}
			emit(Piece{Text: e.Text, Reasoning: e.Kind == output.Reasoning, Tokens: tokens})
			tokens = 0
		}
		if tokens > 0 {
			emit(Piece{Tokens: tokens})
		}
	}
	q := sched.Request{
		Prompt: prompt.ids, Detok: c.prompt.detok(), Limits: commit.Limits{MaxTokens: c.MaxTokens, StopTokens: m.StopTokens},
		Reuse: sched.Reuse{Session: "chat"},
	}
	err = c.write(ctx, &q, a, func(chunk *commit.Chunk) {
		raw.Write(chunk.Text)
		take(split.Write(string(chunk.Text)), len(chunk.Tokens))
	})
	if a.Finish == "" { // it never began
		return nil, err
	}
	take(split.Close(), 0)
	a.Full = a.Finish == "length" && (c.MaxTokens == 0 || len(a.Tokens) < c.MaxTokens)
	if a.Text != "" || a.Reasoning != "" {
		messages = append(messages, Message{Role: Assistant, Content: a.Text, Reasoning: a.Reasoning})
		c.messages = messages
		c.was = c.prompt.after(prompt, raw.String(), a.Tokens)
	}
	return a, err
}

// write runs one session and fills the answer's figures.
func (c *Conversation) write(ctx context.Context, q *sched.Request, a *Answer, each func(*commit.Chunk)) error {
	m := c.Model()
	q.Target, q.Rule, q.Depth = c.Sampler, c.Rule.Resolve(c.Seed != nil), min(c.Depth, m.Depth)
	q.Speculate = c.Speculate && m.HasHead
	q.Seed = rand.Uint64()
	if c.Seed != nil {
		q.Seed = *c.Seed
	}
	q.Draft = c.Sampler
	if m.Runtime != nil {
		q.Draft = m.Runtime.DraftSampler(&runtime.Request{Sampler: c.Sampler, DraftSampler: c.Draft})
	}
	a.Prompt, a.Mode, a.Rule, a.DraftSampler = len(q.Prompt), "ar", q.Rule, q.Draft
	if q.Speculate {
		a.Mode, a.Depth = "mtp", q.Depth
	}
	start := time.Now()
	s, err := m.Engine.Start(*q)
	if err != nil {
		if long, ok := errors.AsType[*sched.TooLongError](err); ok {
			return &FullError{long.Prompt, long.Context}
		}
		return runtime.Fail(runtime.UsageProblem, err, "")
	}
	var chunk commit.Chunk
	for a.Finish == "" {
		if err = s.Next(ctx, &chunk); err != nil {
			s.Cancel()
			a.Finish = "cancelled"
			break
		}
		if len(chunk.Tokens) > 0 {
			a.Elapsed = time.Since(start)
			if len(a.Tokens) == 0 {
				a.FirstToken = a.Elapsed
			}
		}
		a.Tokens = append(a.Tokens, chunk.Tokens...)
		a.Finish = chunk.Finish
		if chunk.Err != nil {
			err = runtime.Fail(runtime.General, fmt.Errorf("write answer: %w", chunk.Err), "")
		}
		each(&chunk)
	}
	a.Engine = s.Stats()
	a.Reused, _ = s.Reused()
	return err
}
