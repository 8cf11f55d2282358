package api

import (
	"strings"

	"mtplx/api/request"
	"mtplx/model/chat"
)

// leastPinned is how many tokens a beginning must have to be worth a place of its own in the session bank.
const leastPinned = 64

// Words that stand where a conversation goes on. They begin unlike each other, so that one of them parts from
// any other text at its first letter.
var probes = [2]string{"a", "b"}

// prefix says how much of a prompt others will repeat. pinned is the beginning that every conversation with the same
// system prompt and tools has; stable is all but what asks for the answer, which the next turn of this conversation
// has as well. 0 says that it is not known. Both are counted in whole tokens, cut where text that follows
// cannot make other tokens of what is before.
func (p *prompter) prefix(r *request.Request, d *Defaults, text string, tokens []int32) (pinned, stable int) {
	o, err := p.options(r, d)
	if err != nil {
		return 0, 0
	}
	messages := p.messages(r.Messages)
	lead := 0
	for lead < len(messages) && messages[lead].Role == string(request.System) {
		lead++
	}
	ask := o
	ask.ContinueFinalMessage, ask.AddGenerationPrompt = false, false
	// A conversation of the same beginning that goes on in another way.
	if lead > 0 || len(o.Tools) > 0 {
		word := probes[0]
		if lead < len(messages) && strings.HasPrefix(messages[lead].Content, word) {
			word = probes[1]
		}
		other := append(append([]chat.Message(nil), messages[:lead]...), chat.Message{Role: string(request.User), Content: word})
		if t, err := p.model.Template.RenderChat(other, ask); err == nil {
			pinned = p.within(tokens, p.guard.Plain(text[:common(text, t)]))
		}
		if pinned < leastPinned {
			pinned = 0
		}
	}
	if r.Continue {
		return pinned, 0
	}
	// What asks for an answer is what a conversation gains by asking.
	small := []chat.Message{{Role: string(request.User), Content: probes[0]}}
	ask.Tools = nil
	without, err := p.model.Template.RenderChat(small, ask)
	if err != nil {
		return pinned, 0
	}
	ask.AddGenerationPrompt = true
	with, err := p.model.Template.RenderChat(small, ask)
	if err != nil {
		return pinned, 0
	}
	end, ok := strings.CutPrefix(with, without)
	if head, ends := strings.CutSuffix(text, end); ok && ends && end != "" {
		stable = p.within(tokens, p.guard.Plain(head))
	}
	return pinned, stable
}

// within is how many tokens make up the beginning of a text, up to the last place where a special token keeps apart
// what is before and after. Where tokens do not stand for the text letter by letter it is 0.
func (p *prompter) within(tokens []int32, text string) int {
	t, at, n := p.model.Tokenizer, 0, 0
	for i, id := range tokens {
		special := t.IsSpecial(id)
		if special {
			n = i
		}
		if at == len(text) && !special {
			return n
		}
		b := t.Bytes(id)
		if !strings.HasPrefix(text[at:], b) {
			if at < len(text) && !strings.HasPrefix(b, text[at:]) {
				return 0
			}
			return n
		}
		if at += len(b); special {
			n = i + 1
		}
	}
	return n
}

func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
