package runtime

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/tidwall/gjson"

	"mtplx/model/chat"
	"mtplx/model/qwen"
	"mtplx/model/tokenizer"
	"mtplx/model/weights"
)

// openTemplate finds the chat template: its own file, the tokenizer's configuration, or a plain fallback.
// Special tokens that the configuration names are variables of the template, as in transformers.
func openTemplate(set *weights.Set) (*chat.Template, error) {
	config, err := set.File("tokenizer_config.json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var source string
	data, err := set.File("chat_template.jinja")
	switch {
	case err == nil:
		source = string(data)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	default:
		source = namedTemplate(gjson.GetBytes(config, "chat_template"))
	}
	if source == "" {
		return chat.Fallback(), nil
	}
	t, err := chat.Parse(source)
	if err != nil {
		return nil, err
	}
	var special []chat.Pair
	for _, name := range []string{"bos_token", "eos_token", "unk_token", "pad_token"} {
		v := gjson.GetBytes(config, name)
		if v.IsObject() {
			v = v.Get("content")
		}
		if v.Type == gjson.String {
			special = append(special, chat.Pair{Key: name, Value: chat.String(v.String())})
		}
	}
	return t.With(special...), nil
}

// namedTemplate reads the configuration's template: one text, or several with names, of which "default" is
// meant, or else the first.
func namedTemplate(v gjson.Result) string {
	if !v.IsArray() {
		return v.String()
	}
	source := ""
	for i, t := range v.Array() {
		if i == 0 || t.Get("name").String() == "default" {
			source = t.Get("template").String()
		}
	}
	return source
}

// stopTokens collects the tokens that end a text from every place that names one: generation and
// model configuration, and the chat format's own end marks.
func stopTokens(set *weights.Set, t *tokenizer.Tokenizer, ck *qwen.Checkpoint) []int32 {
	var ids []int32
	add := func(id int32) {
		if id >= 0 && int(id) < ck.VocabSize && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, name := range []string{"generation_config.json", "config.json"} {
		data, err := set.File(name)
		if err != nil {
			continue
		}
		for _, key := range []string{"eos_token_id", "text_config.eos_token_id"} {
			v := gjson.GetBytes(data, key)
			if !v.Exists() || v.Type == gjson.Null {
				continue
			}
			for _, e := range v.Array() {
				if e.Type == gjson.Number {
					add(int32(e.Int()))
				}
			}
		}
	}
	for _, name := range []string{"<|im_end|>", "<|endoftext|>"} {
		if id, ok := t.ID(name); ok {
			add(id)
		}
	}
	return ids
}

// Encode turns a prompt into tokens: through the chat template, or as it stands when raw.
func (r *Runtime) Encode(prompt, system string, raw bool) ([]int32, error) {
	if raw {
		return r.Tokenizer.Encode(nil, system+prompt, true), nil
	}
	var messages []chat.Message
	if system != "" {
		messages = append(messages, chat.Message{Role: "system", Content: system})
	}
	messages = append(messages, chat.Message{Role: "user", Content: prompt})
	text, err := r.Template.RenderChat(messages, chat.Options{AddGenerationPrompt: true})
	if err != nil {
		return nil, Fail(BadModel, err, "--raw leaves the chat template out")
	}
	return r.Tokenizer.Encode(nil, text, true), nil
}
