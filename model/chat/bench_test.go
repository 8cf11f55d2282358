package chat

import (
	"fmt"
	"strings"
	"testing"
)

// longConversation has n messages: questions, thoughts, calls and results, about 400 bytes each.
func longConversation(n int) []Message {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog, naïvely. ", 7)
	messages := []Message{{Role: "system", Content: "Be brief."}}
	for i := 0; len(messages) < n; i++ {
		messages = append(messages,
			Message{Role: "user", Content: fmt.Sprintf("Question %d: %s", i, text)},
			Message{
				Role: "assistant", Reasoning: text,
				ToolCalls: []ToolCall{{ID: "abcdefghi", Name: "search", Arguments: `{"query": ["a", "b"], "limit": 10, "where": {"x": null}}`}},
			},
			Message{Role: "tool", ToolCallID: "abcdefghi", Content: text},
			Message{Role: "assistant", Content: text, Reasoning: text},
		)
	}
	return messages[:n]
}

// BenchmarkRender renders 50 messages. hand writes the default template's prompt in plain Go: what a
// render costs above the copying of its text.
func BenchmarkRender(b *testing.B) {
	var f families
	readFixture(b, "testdata/families.json", &f)
	special := pairsOf(b, f.Special)
	messages := longConversation(50)
	tools := fromJSON(b, f.Conversations["tools"].Tools).slice()
	b.Run("hand", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var w strings.Builder
			for _, m := range messages {
				if m.Role != "tool" {
					w.WriteString("<|im_start|>" + m.Role + "\n" + m.Content + "<|im_end|>\n")
				}
			}
			b.SetBytes(int64(w.Len()))
		}
	})
	for _, family := range []string{"default", "hermes", "xml_thinking", "bars", "channels"} {
		tpl := openFamily(b, family, special)
		b.Run(family, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				text, err := tpl.RenderChat(messages, Options{AddGenerationPrompt: true, Tools: tools})
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(text)))
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	source := openFamily(b, "xml_thinking", nil).source
	b.SetBytes(int64(len(source)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(source); err != nil {
			b.Fatal(err)
		}
	}
}
