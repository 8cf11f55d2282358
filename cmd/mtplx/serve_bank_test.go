package main

import (
	"fmt"
	"strings"
	"testing"
)

// With the real template: conversations of one system prompt and one set of tools compute those once, whatever follows;
// another system prompt shares nothing; and the texts are those of a server that remembers nothing.
func TestConversationsShareTheirSystemPrompt(t *testing.T) {
	system := strings.Repeat("You write short and plain Python, and you never explain it. ", 10)
	ask := func(system, user string) string {
		return fmt.Sprintf(`{"messages":[{"role":"system","content":"%s"},{"role":"user","content":"%s"}],"temperature":0,"max_tokens":12,
			"tools":[{"type":"function","function":{"name":"look","parameters":{"type":"object","properties":{"n":{"type":"integer"}}}}}]}`, system, user)
	}
	s, plain := serve(t, "--warmup-tokens", "0"), serve(t, "--warmup-tokens", "0", "--no-bank")
	for i, c := range []struct {
		system, user string
		shared       bool
	}{
		{system, "Sort a list.", false},
		{system, "Count to ten in a loop.", true},
		{system, "Write a class for a queue, please.", true},
		{"Answer in French. " + system, "Sort a list.", false},
	} {
		got, want := s.chat(ask(c.system, c.user)), plain.chat(ask(c.system, c.user))
		if text := got.Get("choices.0.message").Raw; text != want.Get("choices.0.message").Raw {
			t.Errorf("conversation %d: %s\nwithout a bank: %s", i, text, want.Get("choices.0.message"))
		}
		cached, prompt := got.Get("usage.prompt_tokens_details.cached_tokens").Int(), got.Get("usage.prompt_tokens").Int()
		if c.shared && cached < prompt-30 || !c.shared && cached != 0 {
			t.Errorf("conversation %d: %d of %d tokens were there already, shared is %v", i, cached, prompt, c.shared)
		}
	}
}
