package api

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"mtplx/model/chat"
	"mtplx/sched"
	"mtplx/sched/bank"
	"mtplx/stages"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// bytesTokenizer has a token for each byte, and a few whole ones.
type bytesTokenizer struct{ whole []string }

const (
	imStart = 256 + iota
	imEnd
	thinkEnd
)

func newTokenizer(thoughts bool) *bytesTokenizer {
	t := &bytesTokenizer{whole: []string{"<|im_start|>", "<|im_end|>"}}
	if thoughts {
		t.whole = append(t.whole, "</think>")
	}
	return t
}

func (t *bytesTokenizer) Size() int { return 256 + len(t.whole) }

func (t *bytesTokenizer) ID(token string) (int32, bool) {
	for i, w := range t.whole {
		if w == token {
			return int32(256 + i), true
		}
	}
	return 0, false
}

func (t *bytesTokenizer) Token(id int32) (string, bool) { return t.Bytes(id), id < int32(t.Size()) }

func (t *bytesTokenizer) Bytes(id int32) string {
	if id < 256 {
		return string([]byte{byte(id)})
	}
	return t.whole[id-256]
}

func (t *bytesTokenizer) IsSpecial(id int32) bool { return id == imStart || id == imEnd }

func (t *bytesTokenizer) Encode(dst []int32, text string, special bool) []int32 {
next:
	for text != "" {
		for i, w := range t.whole {
			if rest, ok := strings.CutPrefix(text, w); ok && (special || !t.IsSpecial(int32(256+i))) {
				dst, text = append(dst, int32(256+i)), rest
				continue next
			}
		}
		dst, text = append(dst, int32(text[0])), text[1:]
	}
	return dst
}

// bytesDetok gives whole characters.
type bytesDetok struct {
	t    *bytesTokenizer
	held []byte
}

func (d *bytesDetok) Append(dst []byte, id int32) []byte {
	if d.t.IsSpecial(id) {
		return dst
	}
	d.held = append(d.held, d.t.Bytes(id)...)
	n := len(d.held)
	for n > 0 && !utf8.Valid(d.held[:n]) {
		n--
	}
	dst = append(dst, d.held[:n]...)
	d.held = d.held[n:]
	return dst
}

func (d *bytesDetok) Flush(dst []byte) []byte { return append(dst, d.held...) }

// fakeEngine answers a prompt by what reply says, a few tokens at a time. A session whose reply begins with
// "hang" writes one cycle and then waits to be cancelled.
type fakeEngine struct {
	tok     *bytesTokenizer
	reply   func(prompt string) string
	perStep int
	context int

	mu       sync.Mutex
	requests []sched.Request
	live     int
	cached   int           // tokens of each prompt that count as restored
	refuse   error         // Start returns it
	ended    chan struct{} // one for each session that has left
}

var errBroken = errors.New("the logits are not finite")

func (e *fakeEngine) Start(r sched.Request) (Session, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.refuse != nil {
		return nil, e.refuse
	}
	if r.Limits.MaxTokens == 0 || r.Limits.MaxTokens > e.context-len(r.Prompt) {
		r.Limits.MaxTokens = e.context - len(r.Prompt)
	}
	e.requests = append(e.requests, r)
	e.live++
	var prompt strings.Builder
	for _, id := range r.Prompt {
		prompt.WriteString(e.tok.Bytes(id))
	}
	s := &fakeSession{engine: e, request: r, sink: commit.NewSink(1<<20, nil), left: make(chan struct{})}
	s.out = commit.NewDecoder(r.Detok, r.Limits, s.sink)
	reply := e.reply(prompt.String())
	s.hangs = strings.HasPrefix(reply, "hang")
	s.breaks = strings.HasPrefix(reply, "break")
	s.tokens = append(e.tok.Encode(nil, reply, true), imEnd)
	return s, nil
}

func (e *fakeEngine) last() sched.Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests[len(e.requests)-1]
}

func (e *fakeEngine) running() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live
}

type fakeSession struct {
	engine  *fakeEngine
	request sched.Request
	sink    *commit.Sink
	out     *commit.Decoder
	tokens  []int32
	steps   int
	stats   stages.Stats
	hangs   bool
	breaks  bool

	once sync.Once
	left chan struct{}
}

func (s *fakeSession) leave() {
	s.once.Do(func() {
		s.engine.mu.Lock()
		s.engine.live--
		s.engine.mu.Unlock()
		close(s.left)
		if s.engine.ended != nil {
			s.engine.ended <- struct{}{}
		}
	})
}

// Next runs one cycle and hands it over.
func (s *fakeSession) Next(ctx context.Context, c *commit.Chunk) error {
	switch {
	case s.steps > 0 && s.hangs:
		<-ctx.Done()
		return ctx.Err()
	case s.steps > 0 && s.breaks:
		s.out.Fail(&stages.Lane{}, errBroken)
		s.leave()
		return s.sink.Next(ctx, c)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	for len(s.tokens) < s.engine.perStep { // for those who ignore the end
		s.tokens = append(s.tokens, 'x')
	}
	n := s.engine.perStep
	cycle := s.tokens[:n]
	s.tokens = s.tokens[n:]
	s.steps++
	lane := &stages.Lane{Logprobs: s.request.Logprobs}
	for _, id := range cycle {
		l := sample.Logprob{Alternative: sample.Alternative{ID: id, Logprob: -0.5}}
		for i := range s.request.TopLogprobs {
			l.Top = append(l.Top, sample.Alternative{ID: id + int32(i), Logprob: -0.5 - float64(i)})
		}
		lane.Logprob = append(lane.Logprob, l)
	}
	emitted, finished := s.out.Deliver(lane, cycle, n-1)
	by := make([]stages.Source, n-1)
	if n > 2 {
		by[1] = stages.FromMemory // and the others of the head
	}
	s.stats.Count(n-1, n-1, emitted, false, by)
	if finished {
		s.leave()
	}
	return s.sink.Next(ctx, c)
}

func (s *fakeSession) Cancel() { s.leave() }

func (s *fakeSession) Reused() (int, bank.Reason) {
	<-s.left
	return s.engine.cached, bank.Hit
}

func (s *fakeSession) Stats() stages.Stats {
	<-s.left
	return s.stats
}

// chatml is a template with everything that requests can ask for.
const chatml = `{%- if tools %}<|im_start|>tools
{% for t in tools %}{{ t | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- for m in messages %}
{%- if m.role == 'system' and not loop.first %}{{ raise_exception('System message must be at the beginning.') }}{% endif -%}
<|im_start|>{{ m.role }}
{% if m.reasoning_content %}<think>{{ m.reasoning_content }}</think>{% endif %}{{ m.content or '' }}
{%- for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }} {{ c.function.arguments | tojson }}</tool_call>{% endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking %}<think>
{% endif %}{% endif %}`

// clock is a time that stands still unless it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func mustParse(source string) *chat.Template {
	t, err := chat.Parse(source)
	if err != nil {
		panic(err)
	}
	return t
}
