package api

import (
	"mtplx/api/request"
	"mtplx/stages/commit"
)

// markers are texts around thoughts and calls. In some vocabularies they are special tokens, which decoding
// leaves out; the splitter needs to see them.
var markers = struct{ thoughts, calls []string }{
	thoughts: []string{"<think>", "</think>"},
	calls:    []string{"<tool_call>", "</tool_call>"},
}

// detok is how the text of a request's answers is decoded.
func (p *prompter) detok(r *request.Request) commit.Detokenizer {
	d := p.model.NewDetok()
	if r.Messages == nil {
		return d
	}
	shown := map[int32]string{}
	show := func(texts []string) {
		for _, t := range texts {
			if id, ok := p.model.Tokenizer.ID(t); ok && p.model.Tokenizer.IsSpecial(id) {
				shown[id] = t
			}
		}
	}
	if p.thoughts {
		show(markers.thoughts)
	}
	if len(r.Tools) > 0 && r.ToolMode != request.ToolsNone {
		show(markers.calls)
	}
	if len(shown) == 0 {
		return d
	}
	return &commit.Shown{Detokenizer: d, Texts: shown}
}
