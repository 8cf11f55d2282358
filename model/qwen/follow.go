package qwen

import (
	"fmt"

	"mtplx/kernels"
	"mtplx/sched/page"
	"mtplx/sched/queue"
)

// mostSteps bounds how many rows may follow a span: programs count by few different slots.
const mostSteps = 15

// step is a row that follows in a head's program: a row a lane, for the token that the device expects to be drawn of
// the row before it.
type step struct {
	slots  *kernels.Slots
	draws  *kernels.Draws
	tokens queue.Buffer
	rows   int
}

// Follows tells whether the head goes on by itself from one draft to the next.
func (m *Model) Follows() bool { return m.HasHead() && m.steps() > 0 }

// steps is how many rows the head's program can follow a span with.
func (m *Model) steps() int {
	if !m.opt.Follow || m.opt.Feedback || m.opt.Ensemble { // what moves the output, or what several draw from, is the host's to say
		return 0
	}
	return min(m.opt.Depth-1, mostSteps)
}

// each is the rows of logits that a step has in the forward's buffers, so that parts of them lie on borders.
func (m *Model) each() int { return (m.opt.Lanes + 3) / 4 * 4 }

// laySteps makes what the host says of the steps, in one memory that goes up at once, and the tokens.
func (r *recorder) laySteps() {
	m, n := r.m, r.m.steps()
	if !r.f.head || n < 1 {
		return
	}
	dims := kernels.SlotDims{Rows: m.opt.Lanes, Lanes: m.opt.Lanes, Logits: m.opt.Lanes, Pages: m.pages(), Rotary: m.attnDims.Rotary}
	border := func(words int) int {
		return (4*words + kernels.ViewBorder - 1) / kernels.ViewBorder * kernels.ViewBorder
	}
	slots, draws, tokens := border(dims.Words()), border(m.opt.Lanes*kernels.DrawWords), border(m.opt.Lanes)
	said, expected := r.buffer("steps", n*(slots+draws)/4), r.buffer("expected tokens", n*tokens/4)
	for i := 0; i < n && r.err == nil; i++ {
		var s step
		at := i * (slots + draws)
		if s.slots, r.err = kernels.LaySlots(r.part(said, at, 4*dims.Words()), dims); r.err != nil {
			return
		}
		if s.draws, r.err = kernels.NewDraws(r.part(said, at+slots, 4*m.opt.Lanes*kernels.DrawWords), m.opt.Lanes); r.err != nil {
			return
		}
		s.tokens = r.part(expected, i*tokens, 4*m.opt.Lanes)
		r.f.steps = append(r.f.steps, s)
	}
}

// part is a part of a buffer.
func (r *recorder) part(b queue.Buffer, at, n int) queue.Buffer {
	v, err := kernels.NewView(b, at, n)
	if err != nil {
		if r.err == nil {
			r.err = err
		}
		return b
	}
	return v
}

// followed records the steps, each a guess and the forward of it. Steps without rows are left out of what runs.
func (r *recorder) followed(vocab kernels.Weight) {
	f, first := r.f, r.f.slots
	for i := range f.steps {
		st := &f.steps[i]
		r.s, r.tokens = st.slots, st.tokens
		guess := &kernels.Guess{S: st.slots, Draws: st.draws, Support: f.support, First: f.first, Limit: f.vocab, Tokens: st.tokens}
		logits, support, blocks := r.rows(f.logits, i+1, f.stride), r.rows(f.support, i+1, kernels.SupportWords), queue.Buffer(nil)
		if f.first > 0 {
			guess.Blocks, guess.Most = f.blocks, draftBlocks
			blocks = r.rows(f.blocks, i+1, 1+draftBlocks)
		}
		r.do(guess)
		r.pass(vocab, logits, support, blocks)
	}
	r.s, r.tokens = first, nil
}

// rows is a step's rows of a buffer of rows of logits.
func (r *recorder) rows(b queue.Buffer, step, words int) queue.Buffer {
	if r.err != nil {
		return b
	}
	n := r.m.each()
	return r.part(b, 4*step*n*words, 4*n*words)
}

// Follows is the most rows that may follow a span; 0: none can.
func (f *Forward) Follows() int { return len(f.steps) }

// Followed is where Top and Logits find the n-th row after their spans, of the i-th of the lanes that have so many.
func (f *Forward) Followed(n, i int) int { return n*f.m.each() + i }

// Expected is the token that the row after one whose logits were wanted was forwarded for.
func (f *Forward) Expected(row int) int32 {
	w, _ := f.supported(row)
	return w[3]
}

// followable says why rows cannot follow a span.
func (f *Forward) followable(span *page.Span) error {
	n := len(span.Tokens)
	switch {
	case span.Follow > len(f.steps):
		return fmt.Errorf("add lane: %d rows are to follow, this forward follows with %d", span.Follow, len(f.steps))
	case span.Logits != 1 || f.wanted >= f.m.opt.Lanes:
		return fmt.Errorf("add lane: rows follow a span of which one row has logits, not %d, among at most %d", span.Logits, f.m.opt.Lanes)
	case len(span.State.Pages())*page.Tokens < span.Base+n+span.Follow:
		return fmt.Errorf("add lane of %d rows at %d, which %d follow: its pages hold %d positions; extend the state first", n, span.Base, span.Follow, len(span.State.Pages())*page.Tokens)
	case !span.Expect.Race && span.Temperature > 0 && len(span.Expect.U) < span.Follow:
		return fmt.Errorf("add lane: %d rows are to follow and %d random numbers are given", span.Follow, len(span.Expect.U))
	}
	return nil
}

// follow adds the rows after a span, of which row is the row of logits.
func (f *Forward) follow(span *page.Span, row int) {
	e, pool, at := &span.Expect, f.m.hiddenRow(span.State.Slot()), span.Base+len(span.Tokens)
	invT := f.slots.InvT[row]
	draw := kernels.Draw{
		TopK: e.TopK, TopP: float32(e.TopP), MinP: float32(e.MinP), InvT: invT, Seed: e.Seed, Purpose: e.Purpose, Kind: kernels.DrawBest,
	}
	if e.TopP >= 1 {
		draw.TopP = 2
	}
	for n := 1; n <= span.Follow; n++ {
		st := &f.steps[n-1]
		s, d, i := st.slots, st.slots.Dims, st.rows
		st.rows++
		s.First[i], s.Count[i], s.Base[i] = int32(i), 1, int32(at+n-1)
		copy(s.Pages[i*d.Pages:(i+1)*d.Pages], span.State.Pages())
		s.Lane[i], s.In[i], s.Out[i] = int32(i), pool.kept(n-1), pool.kept(n)
		if n == span.Follow {
			s.Out[i] = pool.last(f.which)
		}
		s.Logit[i], s.InvT[i] = int32(i), invT
		f.m.angles.fill(at+n-1, s.Cos[i*d.Rotary:(i+1)*d.Rotary], s.Sin[i*d.Rotary:(i+1)*d.Rotary])
		draw.Row, draw.Position = row, e.Position+int64(n-1)
		switch {
		case span.Temperature <= 0:
		case e.Race:
			draw.Kind = kernels.DrawRace
		default:
			draw.Kind, draw.U = kernels.DrawPick, float32(e.U[n-1])
		}
		st.draws.Set(i, draw)
		row = f.Followed(n, i)
		if f.first > 0 {
			list := f.list(row)
			list[0] = int32(copy(list[1:], span.Blocks))
		}
	}
}
