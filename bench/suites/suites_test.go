package suites

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEmbeddedSuitesAreWhatTheDocumentationSays(t *testing.T) {
	want := []string{"chat", "code", "coding", "edit", "prose", "random"}
	if got := Names(); !slices.Equal(got, want) {
		t.Fatalf("Names() = %q, want %q", got, want)
	}
	for _, name := range want {
		prompts, err := Load(name)
		if err != nil {
			t.Errorf("Load(%q): %v", name, err)
			continue
		}
		if len(prompts) < 12 {
			t.Errorf("suite %s has %d prompts, want at least 12", name, len(prompts))
		}
		raw := name == "code" || name == "edit" || name == "prose" || name == "random"
		texts := map[string]string{}
		for _, p := range prompts {
			if p.Raw != raw {
				t.Errorf("%s/%s: raw is %t, want %t", name, p.ID, p.Raw, raw)
			}
			if other, ok := texts[p.Prompt]; ok {
				t.Errorf("%s/%s has the text of %s", name, p.ID, other)
			}
			texts[p.Prompt] = p.ID
			// The default checkpoint has a context of 4,096 tokens and no text here is denser
			// than 2.5 bytes a token.
			if n := len(p.Prompt)*2/5 + p.MaxTokens; n > 4096 {
				t.Errorf("%s/%s needs about %d tokens, the default checkpoint has 4096", name, p.ID, n)
			}
		}
	}
}

func TestCodePromptsEndInsideABody(t *testing.T) {
	prompts, err := Load("code")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range prompts {
		lines := strings.Split(strings.TrimRight(p.Prompt, "\n"), "\n")
		if len(lines) < 15 || len(lines) > 60 {
			t.Errorf("%s has %d lines, want 15 to 60", p.ID, len(lines))
		}
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "    ") {
			t.Errorf("%s ends outside of any function: %q", p.ID, last)
		}
	}
}

func TestProsePromptsHaveTheLengthOfAnOpening(t *testing.T) {
	prompts, err := Load("prose")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range prompts {
		if n := len(strings.Fields(p.Prompt)); n < 80 || n > 200 {
			t.Errorf("%s has %d words, want 80 to 200", p.ID, n)
		}
	}
}

func TestLoadReturnsASliceTheCallerOwns(t *testing.T) {
	a, err := Load("coding")
	if err != nil {
		t.Fatal(err)
	}
	a[0].ID = "changed"
	b, err := Load("coding")
	if err != nil {
		t.Fatal(err)
	}
	if b[0].ID == "changed" {
		t.Fatal("a change to one result shows in the next")
	}
}

func TestLoadNamesTheKnownSuites(t *testing.T) {
	for _, name := range []string{"", "codign", "coding.jsonl", "../suites/coding"} {
		_, err := Load(name)
		if err == nil || !strings.Contains(err.Error(), "chat, code, coding, edit, prose, random") {
			t.Errorf("Load(%q): error %v, want one that lists the suites", name, err)
		}
	}
}

func TestLoadFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mine.jsonl")
	text := "{\"id\":\"a\",\"category\":\"x\",\"prompt\":\"hello\",\"max_tokens\":8}\r\n\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	prompts, err := LoadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Prompt{ID: "a", Category: "x", Prompt: "hello", MaxTokens: 8}); len(prompts) != 1 || prompts[0] != want {
		t.Fatalf("got %+v, want %+v", prompts, want)
	}
	if _, err := LoadFile(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a directory: error %v", err)
	}
	if _, err := LoadFile(filepath.Join(dir, "absent.jsonl")); err == nil || !strings.Contains(err.Error(), "absent.jsonl") {
		t.Errorf("an absent file: error %v", err)
	}
	huge := filepath.Join(dir, "huge.jsonl")
	if err := os.WriteFile(huge, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(huge, MaxBytes+1); err != nil { // sparse: costs no disk
		t.Fatal(err)
	}
	if _, err := LoadFile(huge); err == nil || !strings.Contains(err.Error(), "split the suite") {
		t.Errorf("a huge file: error %v", err)
	}
}
