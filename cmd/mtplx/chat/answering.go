package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"mtplx/cmd/mtplx/conversation"
	"mtplx/cmd/mtplx/markdown"
)

// answering is an answer, or other work, on its way. The loop owns it but for pending, which whoever writes the answer fills.
type answering struct {
	what    string // the work, when it is no answer
	live    *conversation.Live
	cancel  context.CancelFunc
	stopped bool

	text, thoughts *markdown.Stream
	thinking       bool // the last piece was a thought
	thought        int  // tokens of thoughts
	began          bool // the answer itself has begun
	tokens         int
	first, last    time.Time

	mu      sync.Mutex
	pending []conversation.Piece
	at      time.Time // of the last piece
}

// stop ends it; the loop hears of it when it has ended.
func (a *answering) stop() {
	a.stopped = true
	a.cancel()
}

// put takes a piece from whoever writes.
func (a *answering) put(p conversation.Piece) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = time.Now()
	if a.first.IsZero() {
		a.first = a.at
	}
	a.pending = append(a.pending, p)
}

// ask sends a question.
func (u *screen) ask(question string) tea.Cmd {
	ctx, cancel := context.WithCancel(u.ctx)
	width, _ := u.frame.Size()
	a := &answering{live: u.Model().Live, cancel: cancel, text: markdown.NewStream(u.theme, width), thoughts: markdown.NewStream(markdown.Theme{}, width)}
	u.answer = a
	u.above = append(u.above, "")
	u.beside(func() tea.Msg {
		defer cancel()
		answer, err := u.Ask(ctx, question, a.put)
		return answeredMsg{question, answer, err}
	})
	return u.answer.tick()
}

// grow takes what has been written since the last frame.
func (a *answering) grow(u *screen) {
	if a.text == nil {
		return
	}
	a.mu.Lock()
	pieces := a.pending
	a.pending = nil
	a.last = a.at
	a.mu.Unlock()
	for _, p := range pieces {
		a.tokens += p.Tokens
		switch {
		case p.Reasoning:
			a.thinking = true
			a.thought += p.Tokens
			a.thoughts.Write(p.Text)
		case p.Text != "":
			if a.thinking {
				a.endThoughts(u)
			}
			a.began = true
			a.text.Write(p.Text)
		}
	}
	if a.thinking && !u.fold {
		u.addFaint(a.thoughts.Take())
	}
	u.above = append(u.above, a.text.Take()...)
}

// endThoughts shows the last of the thoughts, or how many there were.
func (a *answering) endThoughts(u *screen) {
	a.thinking = false
	a.thoughts.Close()
	if u.fold {
		u.say(markdown.Faint, "Thought for "+conversation.Count(a.thought, "token")+".")
	} else {
		u.addFaint(a.thoughts.Take())
	}
	u.above = append(u.above, "")
}

func (u *screen) addFaint(lines []string) {
	for _, l := range lines {
		u.above = append(u.above, u.theme.Paint(markdown.Faint, l))
	}
}

// rest is what is not finished yet.
func (a *answering) rest(u *screen) []string {
	switch {
	case a.text == nil:
		return nil
	case !a.thinking:
		return a.text.Rest()
	case u.fold:
		return nil
	}
	lines := a.thoughts.Rest()
	for i, l := range lines {
		lines[i] = u.theme.Paint(markdown.Faint, l)
	}
	return lines
}

// answered ends an answer.
func (u *screen) answered(m answeredMsg) {
	a := u.answer
	a.grow(u)
	if a.thinking {
		a.endThoughts(u)
	}
	a.text.Close()
	u.above = append(u.above, a.text.Take()...)
	u.answer = nil
	stopped := errors.Is(m.err, context.Canceled)
	if m.answer == nil { // it never began
		u.complain(m.err)
		if u.input.Value() == "" { // the question need not be typed again
			u.input.SetValue(m.question)
			u.input.MoveToEnd()
		}
		return
	}
	switch figures := m.answer.Figures(); {
	case len(m.answer.Tokens) == 0 && stopped:
		u.say(markdown.Faint, "Stopped.")
	case stopped:
		u.above = append(u.above, "")
		u.say(markdown.Faint, "Stopped · "+figures)
	default:
		u.above = append(u.above, "")
		u.say(markdown.Faint, figures)
	}
	if why := u.ended(m.answer); why != "" {
		u.say(markdown.Warning, why)
	}
	u.above = append(u.above, "")
	if m.err != nil && !stopped {
		u.complain(m.err)
	}
}

// status says how an answer gets on.
func (a *answering) status(p conversation.Progress) string {
	end := " · Ctrl-C stops"
	if a.stopped {
		end = " · stopping"
	}
	switch {
	case a.what != "":
		return a.what + "…" + end
	case a.tokens == 0 && p.Read < p.Prompt:
		return fmt.Sprintf("reading %s of %s", conversation.Thousands(p.Read), conversation.Count(p.Prompt, "token")) + end
	case a.tokens == 0:
		return "waiting" + end
	}
	parts := []string{conversation.Count(a.tokens, "token")}
	if a.thinking {
		parts[0] = "thinking, " + parts[0]
	}
	if d := a.last.Sub(a.first).Seconds(); d > 0 {
		parts = append(parts, conversation.Rate(float64(a.tokens)/d))
	}
	if share, known := p.Acceptance(); known {
		parts = append(parts, fmt.Sprintf("%.0f%% of drafts accepted", 100*share))
	}
	return strings.Join(parts, " · ") + end
}
