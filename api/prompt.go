package api

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"mtplx/api/output"
	"mtplx/api/request"
	"mtplx/model/chat"
)

// prompter makes tokens of conversations.
type prompter struct {
	model    *Model
	guard    *chat.Guard
	thoughts bool // the model has a notation for thoughts
}

func newPrompter(m *Model) *prompter {
	p := &prompter{model: m, guard: chat.NewGuard(m.Tokenizer)}
	_, p.thoughts = m.Tokenizer.ID("</think>")
	return p
}

// prompt is one text to continue.
type prompt struct {
	text     string
	tokens   []int32
	thinking bool // it ends inside the model's thoughts
	pinned   int  // tokens at the beginning that many conversations share
	stable   int  // tokens that the next turn repeats; 0: not known
}

// prompts makes a request's prompts: one for a conversation, one for each raw prompt.
func (p *prompter) prompts(r *request.Request, d *Defaults) ([]prompt, error) {
	if r.Messages == nil {
		var out []prompt
		for i, raw := range r.Prompts {
			if raw.Tokens == nil {
				out = append(out, prompt{text: raw.Text, tokens: p.model.Tokenizer.Encode(nil, raw.Text, true)})
			} else {
				for _, id := range raw.Tokens {
					if int(id) >= p.model.Tokenizer.Size() {
						return nil, request.Errorf("prompt", "prompt has the token %d; this model's are 0 to %d", id, p.model.Tokenizer.Size()-1)
					}
				}
				out = append(out, prompt{text: p.text(raw.Tokens), tokens: raw.Tokens})
			}
			if len(out[i].tokens) == 0 {
				return nil, request.Errorf("prompt", "prompt is empty; give at least one token")
			}
		}
		return out, nil
	}
	text, err := p.render(r, d)
	if err != nil {
		return nil, err
	}
	out := prompt{
		text:     p.guard.Plain(text),
		tokens:   p.guard.Encode(nil, text),
		thinking: p.thoughts && strings.HasSuffix(strings.TrimRight(text, "\n"), "<think>"),
	}
	out.pinned, out.stable = p.prefix(r, d, text, out.tokens)
	return []prompt{out}, nil
}

// text is what tokens stand for.
func (p *prompter) text(ids []int32) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(p.model.Tokenizer.Bytes(id))
	}
	return b.String()
}

// render runs the chat template. System messages at the beginning become one; where the template takes
// none after it, later ones speak as the user.
func (p *prompter) render(r *request.Request, d *Defaults) (string, error) {
	o, err := p.options(r, d)
	if err != nil {
		return "", err
	}
	messages := p.messages(r.Messages)
	text, err := p.model.Template.RenderChat(messages, o)
	if err != nil && moveSystem(messages) {
		if again, second := p.model.Template.RenderChat(messages, o); second == nil {
			return again, nil
		}
	}
	if err != nil {
		if raised, ok := errors.AsType[*chat.RaisedError](err); ok {
			return "", request.Errorf("messages", "the model's chat template refuses the conversation: %s", request.Quote(raised.Message))
		}
		return "", request.Errorf("messages", "the model's chat template cannot render the conversation: %v", err)
	}
	return text, nil
}

// options is what a request asks of the template.
func (p *prompter) options(r *request.Request, d *Defaults) (chat.Options, error) {
	o := chat.Options{AddGenerationPrompt: !r.Continue, ContinueFinalMessage: r.Continue, EnableThinking: r.Thinking}
	if o.EnableThinking == nil {
		o.EnableThinking = d.Thinking
	}
	if r.ToolMode != request.ToolsNone {
		for _, t := range r.Tools {
			v, err := chat.FromJSON(p.guardJSON(nil, gjson.Parse(t.Raw)))
			if err != nil {
				return o, fmt.Errorf("read tool %q: %w", t.Name, err)
			}
			o.Tools = append(o.Tools, v)
		}
	}
	if r.TemplateArgs != "" {
		v, err := chat.FromJSON(p.guardJSON(nil, gjson.Parse(r.TemplateArgs)))
		if err != nil {
			return o, fmt.Errorf("read template arguments: %w", err)
		}
		request.EachKey(r.TemplateArgs, func(key string) {
			if key != "enable_thinking" {
				o.Kwargs = append(o.Kwargs, chat.Pair{Key: key, Value: v.Get(key)})
			}
		})
	}
	if r.Effort != "" {
		o.Kwargs = append(o.Kwargs, chat.Pair{Key: "reasoning_effort", Value: chat.String(r.Effort)})
	}
	return o, nil
}

// messages makes what the template sees.
func (p *prompter) messages(list []request.Message) []chat.Message {
	var out []chat.Message
	for _, m := range list {
		c := chat.Message{
			Role: string(m.Role), Content: p.guard.Mark(m.Content), Reasoning: p.guard.Mark(m.Reasoning),
			ToolCallID: p.guard.Mark(m.CallID), Name: p.guard.Mark(m.Name),
		}
		for _, k := range m.Calls {
			c.ToolCalls = append(c.ToolCalls, chat.ToolCall{ID: p.guard.Mark(k.ID), Name: p.guard.Mark(k.Name), Arguments: p.arguments(k.Arguments)})
		}
		if n := len(out); n > 0 && m.Role == request.System && out[n-1].Role == string(request.System) {
			out[n-1].Content += "\n\n" + c.Content
			continue
		}
		out = append(out, c)
	}
	return out
}

// arguments guards a call's arguments. What is no JSON object, such as a call that was cut off, becomes one
// that holds it.
func (p *prompter) arguments(raw string) string {
	if strings.TrimSpace(raw) == "" {
		return "{}"
	}
	if request.TooDeep([]byte(raw)) || !request.ValidObject(raw) {
		return string(append(output.AppendString([]byte(`{"arguments":`), p.guard.Mark(raw)), '}'))
	}
	return string(p.guardJSON(nil, gjson.Parse(raw)))
}

// guardJSON appends a JSON value with every string in it guarded, however it is escaped.
func (p *prompter) guardJSON(dst []byte, v gjson.Result) []byte {
	switch {
	case v.Type == gjson.String:
		return output.AppendString(dst, p.guard.Mark(v.Str))
	case v.IsObject() || v.IsArray():
		comma, object := false, v.IsObject()
		dst = append(dst, v.Raw[0])
		v.ForEach(func(k, item gjson.Result) bool {
			if comma {
				dst = append(dst, ',')
			}
			comma = true
			if object {
				dst = append(output.AppendString(dst, p.guard.Mark(k.Str)), ':')
			}
			dst = p.guardJSON(dst, item)
			return true
		})
		if object {
			return append(dst, '}')
		}
		return append(dst, ']')
	default:
		return append(dst, v.Raw...)
	}
}

// moveSystem gives system messages after the first to the user; false says that there are none.
func moveSystem(messages []chat.Message) bool {
	moved := false
	for i := range messages {
		if i > 0 && messages[i].Role == string(request.System) {
			messages[i].Role = string(request.User)
			moved = true
		}
	}
	return moved
}
