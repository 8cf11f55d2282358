package conversation

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/chat"
	"mtplx/model/tokenizer"
	"mtplx/stages/commit"
)

const thinkOpen, thinkClose = "<think>", "</think>"

// prompter makes tokens of messages.
type prompter struct {
	model    *Model
	guard    *chat.Guard
	thoughts bool // the model has a notation for thoughts
}

func newPrompter(m *Model) *prompter {
	p := &prompter{model: m, guard: chat.NewGuard(m.Tokenizer)}
	_, p.thoughts = m.Tokenizer.ID(thinkClose)
	return p
}

// render is the text that asks for the next answer, with guards.
func (p *prompter) render(system string, messages []Message, thinking *bool) (string, error) {
	var list []chat.Message
	if system != "" {
		list = append(list, chat.Message{Role: "system", Content: p.guard.Mark(system)})
	}
	for _, m := range messages {
		list = append(list, chat.Message{Role: string(m.Role), Content: p.guard.Mark(m.Content), Reasoning: p.guard.Mark(m.Reasoning)})
	}
	text, err := p.model.Template.RenderChat(list, chat.Options{AddGenerationPrompt: true, EnableThinking: thinking})
	if raised, ok := errors.AsType[*chat.RaisedError](err); ok {
		return "", runtime.Fail(runtime.UsageProblem, fmt.Errorf("the model's chat template refuses the conversation: %s", raised.Message), "change the system message, or start anew")
	}
	return text, runtime.Fail(runtime.BadModel, err, "")
}

// thinking tells whether a rendered text ends inside the model's thoughts.
func (p *prompter) thinking(text string) bool {
	return p.thoughts && strings.HasSuffix(strings.TrimRight(text, "\n"), thinkOpen)
}

// past is what the engine has computed last: a rendered text and the tokens it was computed in.
type past struct {
	text string // with guards
	ids  []int32
}

// tokens makes the next prompt's tokens. A text that goes on from the past keeps its tokens.
func (p *prompter) tokens(was past, text string) []int32 {
	rest, follows := strings.CutPrefix(text, was.text)
	if !follows || was.text == "" {
		return p.guard.Encode(nil, text)
	}
	return p.guard.Encode(append([]int32(nil), was.ids...), rest)
}

// after is the past once an answer has been written to a prompt. Where its tokens are not its text, as when a character was cut
// in two, only the prompt counts.
func (p *prompter) after(prompt past, answer string, ids []int32) past {
	var b strings.Builder
	for i, id := range ids {
		if i == len(ids)-1 && slices.Contains(p.model.StopTokens, id) {
			ids = ids[:i]
			break
		}
		b.WriteString(p.model.Tokenizer.Bytes(id))
	}
	if b.String() != answer {
		return prompt
	}
	return past{prompt.text + p.guard.Mark(answer), append(append([]int32(nil), prompt.ids...), ids...)}
}

// detok decodes answers. The marks around thoughts are special tokens in some vocabularies, which decoding leaves out; the
// splitter needs to see them.
func (p *prompter) detok() commit.Detokenizer {
	d := &commit.Shown{Detokenizer: tokenizer.NewStream(p.model.Tokenizer, true), Texts: map[int32]string{}}
	for _, t := range []string{thinkOpen, thinkClose} {
		if id, ok := p.model.Tokenizer.ID(t); ok && p.thoughts && p.model.Tokenizer.IsSpecial(id) {
			d.Texts[id] = t
		}
	}
	return d
}
