package api

import (
	"errors"
	"testing"

	"mtplx/api/anthropic"
	"mtplx/api/openai"
	"mtplx/api/request"
	"mtplx/stages/commit"
)

// FuzzBodies reads bodies in every dialect up to the engine's request. Whatever is wrong with one is the
// client's fault and says so; nothing panics.
func FuzzBodies(f *testing.F) {
	for _, x := range exchanges {
		f.Add([]byte(x.body))
	}
	f.Add([]byte(`{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":[[[]]]}],"tool_calls":[{"function":{"arguments":"{\"a\":"}}]}],"tools":[{"type":"function","function":{"name":"a","parameters":{}}}],"max_tokens":1}`))
	f.Add([]byte(`{"messages":[{"role":"user","content":"\ud800\ufdd0"}],"chat_template_kwargs":{"messages":1,"x":[1,{"a":null}]},"logit_bias":{"1":1},"max_tokens":1e3}`))
	f.Add([]byte(`{"input":[{"type":"function_call","name":"f","call_id":"c"},{"type":"function_call_output","call_id":"c","output":{"content":3}}],"text":{"format":{"type":"json_object"}}}`))
	tok := newTokenizer(true)
	s := &Server{cfg: Config{Model: Model{
		Name: "tiny", Context: 2000, Depth: 8, HasHead: true, Tokenizer: tok, Template: mustParse(chatml),
		NewDetok: func() commit.Detokenizer { return &bytesDetok{t: tok} },
	}}}
	s.cfg.Model.Vocabulary, s.cfg.Model.StopTokens = tok.Size(), []int32{imEnd}
	s.prompts = newPrompter(&s.cfg.Model)
	s.grammars = newGrammars(&s.cfg.Model)
	readers := []func(*request.Object) (*request.Request, error){
		openai.ParseChat, openai.ParseCompletion, openai.ParseResponse, anthropic.Parse, anthropic.ParseCount,
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := request.Parse(body)
		if err != nil {
			clientsFault(t, err)
			return
		}
		for _, read := range readers {
			r, err := read(o)
			if err != nil {
				clientsFault(t, err)
				continue
			}
			if r.N < 1 || len(r.Messages) == 0 && len(r.Prompts) == 0 {
				if r.Messages == nil && len(r.Prompts) == 0 {
					continue // responses without input
				}
				t.Fatalf("a request without anything: %+v", r)
			}
			prompts, err := s.prompts.prompts(r, &s.cfg.Defaults)
			if err != nil {
				clientsFault(t, err)
				continue
			}
			for i := range prompts {
				q, err := s.session(r, &prompts[i], i)
				if err != nil {
					clientsFault(t, err)
					continue
				}
				if err := q.Target.Validate(); err != nil {
					t.Fatal(err)
				}
				if err := q.Shape.Validate(tok.Size()); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func clientsFault(t *testing.T, err error) {
	t.Helper()
	var e *request.Error
	if !errors.As(err, &e) || e.Message == "" {
		t.Fatalf("a body caused %v, which does not say what the client did wrong", err)
	}
}
