package chat

import (
	"os"
	"testing"
)

func TestDefaultTemplate(t *testing.T) {
	src, err := os.ReadFile("../demo/default/chat_template.jinja")
	if err != nil {
		t.Fatal(err)
	}
	tpl, err := Parse(string(src))
	if err != nil {
		t.Fatal(err)
	}
	got, err := tpl.RenderChat([]Message{
		{Role: "system", Content: "Be brief."},
		{Role: "user", Content: "Hi"},
	}, Options{AddGenerationPrompt: true})
	if err != nil {
		t.Fatal(err)
	}
	want := "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
