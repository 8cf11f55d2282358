package runtime

import (
	"maps"
	"testing"

	"mtplx/model/chat"
	"mtplx/model/demo"
	"mtplx/model/weights"
)

// A template comes from its own file, or from the tokenizer's configuration in either form, and sees the
// special tokens that the configuration names.
func TestTemplatesAreFoundWhereCheckpointsKeepThem(t *testing.T) {
	for name, c := range map[string]struct{ file, config, want string }{
		"own file":  {"{{ bos_token }}file", `{"bos_token":"<s>","chat_template":"config"}`, "<s>file"},
		"string":    {"", `{"eos_token":{"content":"</s>"},"chat_template":"text{{ eos_token }}"}`, "text</s>"},
		"list":      {"", `{"chat_template":[{"name":"tool_use","template":"tools"},{"name":"default","template":"usual"}]}`, "usual"},
		"no name":   {"", `{"chat_template":[{"name":"rag","template":"first"},{"name":"tool_use","template":"tools"}]}`, "first"},
		"fallback":  {"", `{}`, "<|im_start|>user\nhi<|im_end|>\n"},
		"no config": {"", "", "<|im_start|>user\nhi<|im_end|>\n"},
	} {
		files := maps.Clone(demo.Files())
		delete(files, "chat_template.jinja")
		delete(files, "tokenizer_config.json")
		if c.file != "" {
			files["chat_template.jinja"] = []byte(c.file)
		}
		if c.config != "" {
			files["tokenizer_config.json"] = []byte(c.config)
		}
		set, err := weights.OpenMemory("test", files)
		if err != nil {
			t.Fatal(err)
		}
		tpl, err := openTemplate(set)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := tpl.RenderChat([]chat.Message{{Role: "user", Content: "hi"}}, chat.Options{})
		if err != nil || got != c.want {
			t.Errorf("%s: %q, error %v; want %q", name, got, err, c.want)
		}
	}
}
