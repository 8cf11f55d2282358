package api

import (
	"mtplx/api/output"
	"mtplx/stages/commit"
)

// thoughtsEnd is what the model would have written to end its thoughts.
const thoughtsEnd = "\n</think>\n\n"

// budget ends thoughts that have had their tokens: the session is replaced by one whose prompt goes on with
// what was thought and the end of thoughts. The cut is at a token's place, not at a chunk's, so that the
// text does not depend on how chunks fell.
type budget struct {
	left   int     // tokens that thoughts may still take; 0: nobody counts
	tokens []int32 // of the thoughts so far
	sent   int     // bytes of their text that have been given out
}

// spend books a chunk of thoughts. Where the budget ends inside it, the chunk is shortened to what belongs
// to the thoughts, cut is true, and rest is what came after, in case the thoughts ended by themselves.
func (b *budget) spend(chunk *commit.Chunk, decode func([]int32) string) (rest commit.Chunk, cut bool) {
	if len(chunk.Tokens) < b.left {
		b.left -= len(chunk.Tokens)
		b.tokens = append(b.tokens, chunk.Tokens...)
		b.sent += len(chunk.Text)
		return rest, false
	}
	k := b.left
	b.tokens, b.left = append(b.tokens, chunk.Tokens[:k]...), 0
	text := decode(b.tokens)
	n := min(max(0, len(text)-b.sent), len(chunk.Text))
	rest = *chunk
	rest.Text, rest.Tokens, rest.Heads = chunk.Text[n:], chunk.Tokens[k:], chunk.Heads[min(k, len(chunk.Heads)):]
	chunk.Text, chunk.Tokens, chunk.Finish = chunk.Text[:n], chunk.Tokens[:k], ""
	if len(chunk.Logprobs) >= k {
		rest.Logprobs, chunk.Logprobs = chunk.Logprobs[k:], chunk.Logprobs[:k]
	}
	return rest, true
}

// decode is the text of tokens as a session decodes it; a character that is not complete is left out.
func (j *job) decode(ids []int32) string {
	d := j.srv.prompts.detok(j.req)
	var text []byte
	for _, id := range ids {
		text = d.Append(text, id)
	}
	return string(text)
}

// endThoughts replaces a choice's session by one that has stopped thinking.
func (j *job) endThoughts(to receiver, i int) error {
	c, s := j.choices[i], j.srv
	c.session.Cancel()
	j.book(c)
	p := *c.prompt
	p.thinking, p.text = false, ""
	p.tokens = append(append([]int32(nil), c.prompt.tokens...), c.budget.tokens...)
	p.tokens = s.cfg.Model.Tokenizer.Encode(p.tokens, thoughtsEnd, true)
	q, err := s.session(j.req, &p, i%j.req.N)
	if err != nil {
		return err
	}
	if q.Limits.MaxTokens > 0 {
		q.Limits.MaxTokens = max(1, q.Limits.MaxTokens-len(c.budget.tokens))
	}
	session, err := s.cfg.Model.Engine.Start(q)
	if err != nil {
		return engineError(err)
	}
	c.session = session
	events := c.split.Write(thoughtsEnd)
	if c.origins != nil {
		c.origins.insert(thoughtsEnd, s.prompts.detok(j.req))
		c.origins.mark(events)
	}
	return j.deliver(to, i, output.Piece{Events: events})
}

// book adds what a session that has left did to the usage.
func (j *job) book(c *choice) {
	stats := c.session.Stats()
	cached, _ := c.session.Reused()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.usage.Cached += cached
	j.usage.Cycles += stats.Cycles
	j.usage.Copied += stats.Copied
	j.usage.CopiedAccepted += stats.CopiedAccepted
	j.usage.BySource.Add(&stats.BySource)
	for d := range stats.Drafted {
		if d == len(j.usage.ByDepth) {
			j.usage.ByDepth = append(j.usage.ByDepth, output.Draft{})
		}
		j.usage.ByDepth[d].Drafted += stats.Drafted[d]
		j.usage.ByDepth[d].Accepted += stats.Accepted[d]
		j.usage.Drafted += stats.Drafted[d]
		j.usage.Accepted += stats.Accepted[d]
	}
	j.srv.metrics.drafts(&stats)
}
