package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/config"
	"mtplx/cmd/mtplx/help"
	"mtplx/cmd/mtplx/mistake"
	"mtplx/cmd/mtplx/runtime"
)

// runLine runs one command line in this process.
func runLine(args ...string) (code int, out, err string) {
	var o, e bytes.Buffer
	code = execute(args, command.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

// A command line that cannot be understood ends with 2, whatever is wrong with it.
func TestMistakesEndWithTwo(t *testing.T) {
	for _, line := range []string{
		"srve", "bench rnu", "bench", "run --temprature 1 x", "--depth 2 run x", "serve here", "serve --log-level wran", "run --threads two x",
		"bench rnu --json",
	} {
		if code, _, _ := runLine(strings.Fields(line)...); code != 2 {
			t.Errorf("mtplx %s ended with %d, want 2", line, code)
		}
	}
}

// tree is the model of the command line.
func tree(t *testing.T) *kong.Application {
	t.Helper()
	parser, _, err := newParser(command.Streams{Out: io.Discard, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model
}

// Every command has a group, and examples that its parser takes.
func TestEveryCommandHasExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("makes hundreds of parsers one after another")
	}
	for _, node := range help.All(tree(t).Node) {
		path := help.Path(node)
		if help.GroupOf(node) == "More" {
			t.Errorf("%s has no group: add it to groups in cmd/mtplx/help/groups.go", path)
		}
		examples := help.Examples(node)
		if len(examples) == 0 {
			t.Errorf("%s has no example: add one in cmd/mtplx/help/examples.go", path)
		}
		for _, e := range examples {
			line := e
			if i := strings.LastIndex(e, "| mtplx "); i >= 0 {
				line = e[i+2:]
			}
			line, _, _ = strings.Cut(line, " &&")
			line, _, _ = strings.Cut(line, " >")
			args := shellWords(line)
			if args[0] != "mtplx" || !strings.HasPrefix(strings.Join(args[1:], " "), path) && len(help.Commands(node)) == 0 {
				t.Errorf("%s: the example %q is of another command", path, e)
				continue
			}
			parser, _, err := newParser(command.Streams{Out: io.Discard, Err: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(args[1:]); err != nil {
				t.Errorf("%s: the example %q is refused: %v", path, e, err)
			}
		}
	}
}

// shellWords splits a line as a shell does, as far as examples need it.
func shellWords(line string) (words []string) {
	word, quoted, begun := "", false, false
	for _, c := range line {
		switch {
		case c == '"':
			quoted, begun = !quoted, true
		case c == ' ' && !quoted:
			if begun {
				words = append(words, word)
			}
			word, begun = "", false
		default:
			word, begun = word+string(c), true
		}
	}
	if begun {
		words = append(words, word)
	}
	return words
}

// Every page after --help fits a screen of 24 lines and 80 columns, opens with a sentence and an example, and at 40 columns
// no line is longer.
func TestHelpFitsAScreen(t *testing.T) {
	if testing.Short() {
		t.Skip("renders hundreds of pages one after another")
	}
	lines := []string{"--help"}
	for _, node := range help.All(tree(t).Node) {
		lines = append(lines, help.Path(node)+" --help", "help "+help.Path(node))
	}
	for _, topic := range help.Topics() {
		lines = append(lines, "help "+topic.Name)
	}
	for _, width := range []int{80, 40} {
		t.Setenv("COLUMNS", strconv.Itoa(width))
		for _, line := range append(lines, "", "help") {
			code, out, errs := runLine(strings.Fields(line)...)
			if code != 0 || errs != "" {
				t.Errorf("mtplx %s ended with %d: %s", line, code, errs)
			}
			page := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
			if strings.HasSuffix(line, "--help") && width == 80 && len(page) > 24 {
				t.Errorf("mtplx %s has %d lines", line, len(page))
			}
			for _, s := range page {
				if utf8.RuneCountInString(s) > width {
					t.Errorf("mtplx %s at %d columns: %q", line, width, s)
				}
				if strings.Contains(s, "\x1b") {
					t.Errorf("mtplx %s writes an escape to what is no terminal: %q", line, s)
				}
			}
			if strings.HasSuffix(line, "--help") && (page[0] == "" || !strings.Contains(out, "\n  mtplx ") && !strings.Contains(out, "| mtplx ")) {
				t.Errorf("mtplx %s does not open with a sentence and an example:\n%s", line, out)
			}
		}
	}
}

// What mtplx init writes is a configuration once its comments are taken away.
func TestConfigurationToFillInIsOne(t *testing.T) {
	data, err := os.ReadFile("setup/config.toml")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.toml")
	filled := regexp.MustCompile(`(?m)^#([a-z\[])`).ReplaceAll(data, []byte("$1"))
	if err := os.WriteFile(path, filled, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(config.Variable, path)
	code, out, errs := runLine("config", "show")
	if code != 0 || strings.Count(out, " = ") < 10 {
		t.Errorf("ended with %d: %s%s", code, out, errs)
	}
}

// The topic environment names each variable that a flag has beside its own.
func TestEnvironmentTopicIsComplete(t *testing.T) {
	topic, _ := help.FindTopic("environment")
	found := 0
	for _, node := range help.All(tree(t).Node) {
		for _, f := range node.Flags {
			for _, name := range f.Tag.Envs {
				found++
				if name != "-" && !strings.Contains(topic.Text, "  "+name+" ") {
					t.Errorf("the topic does not name %s of %s --%s", name, help.Path(node), f.Name)
				}
			}
		}
	}
	if found == 0 {
		t.Error("no flag names a variable")
	}
}

// What topics name is there: flags, command lines, and the configuration that one of them shows.
func TestTopicsNameWhatIsThere(t *testing.T) {
	flags := map[string]bool{"--help": true}
	for _, node := range help.All(tree(t).Node) {
		for _, f := range node.Flags {
			flags["--"+f.Name] = true
		}
	}
	for _, topic := range help.Topics() {
		for _, name := range regexp.MustCompile(`--[a-z][a-z-]*[a-z]`).FindAllString(topic.Text, -1) {
			if !flags[name] {
				t.Errorf("%s names %s, which no command has", topic.Name, name)
			}
		}
		for _, line := range regexp.MustCompile(`(?m)^  mtplx .*`).FindAllString(topic.Text, -1) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "  ")
			parser, _, err := newParser(command.Streams{Out: io.Discard, Err: io.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.Parse(strings.Fields(line)[1:]); err != nil {
				t.Errorf("%s shows %q: %v", topic.Name, line, err)
			}
		}
	}
	topic, _ := help.FindTopic("config")
	var file []string
	for line := range strings.Lines(topic.Text) {
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "  mtplx") {
			file = append(file, line[2:])
		}
	}
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(strings.Join(file, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(config.Variable, path)
	if code, out, errs := runLine("config", "show"); code != 0 || strings.Count(out, " = ") < 5 {
		t.Errorf("the configuration of topic config: ended with %d: %s%s", code, out, errs)
	}
}

// A line that is refused is refused in words, with what to do; none makes the parser fail over.
func FuzzRefusals(f *testing.F) {
	for _, line := range []string{"srve", "bench rnu", "run --depth= --=x -- --", "serve --log-level wran", "--depth 2 run", "config set a.b.c. \x00", "help -h -hx", "run --seed -1 --stop"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		defer func() {
			if r := recover(); r != nil {
				if _, left := r.(exitCode); !left { // --help
					panic(r)
				}
			}
		}()
		parser, _, err := newParser(command.Streams{Out: io.Discard, Err: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		if _, err = parser.Parse(strings.Split(line, " ")); err == nil {
			return
		}
		_, problem := mistake.Explain(err)
		failure, ok := errors.AsType[*runtime.Failure](problem)
		if !ok || failure.Kind != runtime.UsageProblem || failure.Fix == "" || failure.Err.Error() == "" {
			t.Errorf("%q: %#v", line, problem)
		}
	})
}
