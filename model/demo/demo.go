package demo

import (
	_ "embed"
	"unsafe"
)

// Name is what the built-in checkpoint is called where a directory or repository could be named.
const Name = "mtplx-default"

// Embedded strings are part of the program's read-only data; an embed.FS would copy each file
// that it reads, and a []byte variable would sit in writable memory.
var (
	//go:embed default/config.json
	config string
	//go:embed default/generation_config.json
	generationConfig string
	//go:embed default/chat_template.jinja
	chatTemplate string
	//go:embed default/tokenizer.json
	tokenizer string
	//go:embed default/tokenizer_config.json
	tokenizerConfig string
	//go:embed default/mtplx_runtime.json
	runtimeContract string
	//go:embed default/model.safetensors.index.json
	index string
	//go:embed default/model.safetensors
	trunk string
	//go:embed default/mtp.safetensors
	head string
	//go:embed MODEL.md
	card string
)

// Files returns the checkpoint's files by their published names, as views that must not be
// written to. The map is the caller's own.
func Files() map[string][]byte {
	return map[string][]byte{
		"config.json":                  view(config),
		"generation_config.json":       view(generationConfig),
		"chat_template.jinja":          view(chatTemplate),
		"tokenizer.json":               view(tokenizer),
		"tokenizer_config.json":        view(tokenizerConfig),
		"mtplx_runtime.json":           view(runtimeContract),
		"model.safetensors.index.json": view(index),
		"model.safetensors":            view(trunk),
		"mtp.safetensors":              view(head),
	}
}

// Card is the model card, in Markdown.
func Card() string { return card }

func view(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
