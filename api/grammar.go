package api

import (
	"errors"
	"strings"
	"sync"

	"mtplx/api/request"
	"mtplx/model/chat"
	"mtplx/stages"
	"mtplx/stages/constrain"
)

// grammars compiles what answers must look like. Its vocabulary is made when it is first needed.
type grammars struct {
	model    *Model
	format   constrain.ToolFormat
	thinkEnd int32 // the token that ends thoughts; -1 without one
	compiler func() (*constrain.Compiler, error)
}

func newGrammars(m *Model) *grammars {
	g := &grammars{model: m, format: toolFormat(m.Template), thinkEnd: -1}
	if id, ok := m.Tokenizer.ID("</think>"); ok {
		g.thinkEnd = id
	}
	g.compiler = sync.OnceValues(func() (*constrain.Compiler, error) {
		return constrain.NewCompiler(vocabulary{m}, constrain.Options{})
	})
	return g
}

// toolFormat asks the template how the model writes calls: it renders one.
func toolFormat(t Template) constrain.ToolFormat {
	text, err := t.RenderChat([]chat.Message{
		{Role: "user", Content: "x"},
		{Role: "assistant", NoContent: true, ToolCalls: []chat.ToolCall{{ID: "x", Name: "f", Arguments: `{"a":"b"}`}}},
	}, chat.Options{})
	if err == nil && strings.Contains(text, "<function=") {
		return constrain.QwenXML
	}
	return constrain.Hermes
}

// vocabulary is a model's tokens as grammars see them.
type vocabulary struct{ m *Model }

func (v vocabulary) Size() int { return v.m.Vocabulary }

func (v vocabulary) Bytes(id int32) string {
	if int(id) >= v.m.Tokenizer.Size() || v.m.Tokenizer.IsSpecial(id) {
		return ""
	}
	return v.m.Tokenizer.Bytes(id)
}

func (v vocabulary) Ends() []int32 { return v.m.StopTokens }

func (v vocabulary) Marker(text string) (int32, bool) {
	id, ok := v.m.Tokenizer.ID(text)
	return id, ok && v.m.Tokenizer.IsSpecial(id)
}

// constraint makes what holds one answer to a request's format or to a call of its tools; nil where the
// answer is free. A format holds the whole answer; where tools may be called, the answer is either in the format
// or calls of them. Thoughts that the prompt has opened are free until they end.
func (g *grammars) constraint(r *request.Request, p *prompt) (stages.Constraint, error) {
	spec := constrain.Spec{ToolFormat: g.format, Parallel: r.Parallel && r.ToolMode != request.ToolsNamed}
	field := r.Format.Field
	switch {
	case r.ToolMode == request.ToolsRequired || r.ToolMode == request.ToolsNamed:
		field, spec.Form = "tool_choice", constrain.ToolCall
	case r.Format.Kind == request.JSONObject:
		spec.Form = constrain.JSONObject
	case r.Format.Kind == request.JSONSchema:
		spec.Form, spec.Schema = constrain.JSONSchema, []byte(r.Format.Source)
	case r.Format.Kind == request.Regex:
		spec.Form, spec.Pattern = constrain.Regex, r.Format.Source
	case r.Format.Kind == request.Choice:
		spec.Form, spec.Choices = constrain.Choice, r.Format.Choices
	default:
		return nil, nil
	}
	longer := ""
	switch {
	case r.IgnoreEOS:
		longer = "ignore_eos"
	case r.MinTokens > 0:
		longer = "min_tokens"
	}
	if longer != "" {
		return nil, request.Errorf(longer, "%s cannot be used with %s: an answer in a form ends where the form does", longer, field)
	}
	for _, t := range r.Tools {
		if r.ToolMode != request.ToolsNone && (r.ToolMode != request.ToolsNamed || t.Name == r.ToolName) {
			spec.Tools = append(spec.Tools, constrain.Tool{Name: t.Name, Parameters: []byte(t.Parameters)})
		}
	}
	compiler, err := g.compiler()
	if err != nil {
		return nil, request.Errorf(field, "%s cannot be used with this model: %v", field, err)
	}
	if p.thinking {
		spec.Lead = "\n\n"
	}
	grammar, err := compiler.Compile(&spec)
	if err != nil {
		if bad, ok := errors.AsType[*constrain.Error](err); ok {
			if spec.Form != constrain.ToolCall && strings.HasPrefix(bad.Path, "Tools") {
				field = "tools"
			}
			return nil, request.Errorf(field, "%s: %v", field, bad)
		}
		return nil, err
	}
	depth := g.model.Depth + 1
	if p.thinking && g.thinkEnd >= 0 {
		return grammar.NewStateAfter(g.thinkEnd, depth)
	}
	return grammar.NewState(depth), nil
}
