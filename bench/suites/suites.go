package suites

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Prompt is one row of a suite.
type Prompt struct {
	// ID names the prompt within its suite: lower-case letters, digits and hyphens.
	ID string `json:"id"`
	// Category groups prompts in reports.
	Category string `json:"category"`
	// Prompt is the user's message, or with Raw the text to continue.
	Prompt string `json:"prompt"`
	// MaxTokens is how many tokens a run generates at most, 1..MaxTokensLimit.
	MaxTokens int `json:"max_tokens"`
	// Notes are for people who read the suite.
	Notes string `json:"notes,omitempty"`
	// System is the system message, empty for none and always empty with Raw.
	System string `json:"system,omitempty"`
	// Raw says that Prompt goes to the model as it is, without a chat template.
	Raw bool `json:"raw,omitempty"`
}

// Limits of a suite. They are far above any sensible suite and bound what a wrong file can cost.
const (
	// MaxTokensLimit is the greatest max_tokens a row may ask for.
	MaxTokensLimit = 1 << 17
	// MaxRows is the greatest number of prompts in a suite.
	MaxRows = 10_000
	// MaxBytes is the greatest size of a suite file.
	MaxBytes = 64 << 20
)

//go:embed *.jsonl
var files embed.FS

// Names returns the names of the embedded suites in alphabetical order.
func Names() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("suites: read embedded directory: %v", err)) // the embedding is part of the build
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".jsonl"))
	}
	slices.Sort(names)
	return names
}

// Load returns the prompts of the embedded suite of that name. An unknown name is an error that
// lists the known ones.
func Load(name string) ([]Prompt, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("load suite %q: no such suite; there are %s, or name a .jsonl file of your own",
			name, strings.Join(Names(), ", "))
	}
	data, err := files.ReadFile(name + ".jsonl")
	if err != nil {
		return nil, fmt.Errorf("load suite %q: %w", name, err)
	}
	return Parse(name, data)
}

// Open returns the prompts of an embedded suite, or of a file whose name ends in .jsonl.
func Open(name string) ([]Prompt, error) {
	if strings.HasSuffix(name, ".jsonl") {
		return LoadFile(name)
	}
	return Load(name)
}

// LoadFile reads a suite from a JSONL file. Nothing larger than MaxBytes is read, and what is not
// a regular file is refused, so that a device or a pipe cannot stall or fill the process.
func LoadFile(path string) ([]Prompt, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read suite: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read suite %s: not a regular file; give a .jsonl file", path)
	}
	if info.Size() > MaxBytes {
		return nil, fmt.Errorf("read suite %s: %d bytes, at most %d are read; split the suite", path, info.Size(), MaxBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read suite: %w", err)
	}
	return Parse(filepath.Base(path), data)
}
