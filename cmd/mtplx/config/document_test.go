package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/runtime"
)

func TestParseKnowsLines(t *testing.T) {
	doc, err := parse([]byte("# c\nmax_tokens = 3\n\n[serve]\nalias = [\n\"a\",\n]\nhost = 'x' # y\n[bench.run]\nx = {a = 1, b.c = 2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	type brief struct {
		key   string
		value any
		line  int
	}
	var got []brief
	for _, e := range doc.entries {
		got = append(got, brief{strings.Join(e.key, "."), e.value, e.line})
	}
	want := []brief{
		{"max-tokens", int64(3), 2},
		{"serve.alias", []any{"a"}, 5},
		{"serve.host", "x", 8},
		{"bench.run.x.a", int64(1), 10},
		{"bench.run.x.b.c", int64(2), 10},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestParseSaysWhereItStopped(t *testing.T) {
	for text, line := range map[string]int{
		"a = 1\nb = \n": 2, "a = 1\n\n[serve\n": 3, "a = 1\na = 2\n": 2, "[[serve]]\nport = 1\n": 1, "\n[serve]\n[serve]\n": 3,
		"max_tokens = 1\nmax-tokens = 2\n": 2,
	} {
		_, err := parse([]byte(text))
		e, ok := errors.AsType[*syntaxError](err)
		if !ok || e.line != line {
			t.Errorf("%q: got %v, want line %d", text, err, line)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("a = {b = {c = [1, {d = 2}]}}\n[x.\"y z\"]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := parse(data)
		if err != nil {
			return
		}
		lines := strings.Count(string(data), "\n") + 1
		for _, e := range doc.entries {
			if e.line < 1 || e.line > lines || len(e.key) == 0 {
				t.Fatalf("%q: %+v in %d lines", data, e, lines)
			}
			if e.value == nil {
				t.Fatalf("%q: %q has no value", data, e.key)
			}
		}
	})
}

// flags of every kind, for one command.
type sampleCLI struct {
	Go struct {
		Threads int      `default:"1"`
		Seed    *uint64  ``
		Heat    float64  ``
		Name    string   ``
		Bank    bool     `negatable:"" default:"true"`
		Stop    []string `sep:"none"`
		Sizes   []int    ``
		Level   string   `enum:"debug,info" default:"info"`
		APIKey  string   `name:"api-key" env:"SPECIAL"`
		Wait    time.Duration
	} `cmd:""`
	Other struct {
		Name int
	} `cmd:""`
	Like struct {
		Name  string
		Level string `enum:"debug,info" default:"info"`
	} `cmd:"" settings:"go"`
}

func resolve(t *testing.T, file string, args ...string) (*sampleCLI, *Settings, *kong.Context, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(Variable, path)
	var c sampleCLI
	s := New()
	k, err := kong.New(&c, kong.Resolvers(s))
	if err != nil {
		t.Fatal(err)
	}
	ctx, err := k.Parse(args)
	return &c, s, ctx, err
}

func TestValuesOfEveryKind(t *testing.T) {
	c, _, _, err := resolve(t, `threads = 4
seed = 9
heat = 1
name = "a"
[go]
bank = false
stop = ["x,y", "z"]
sizes = [1, 2]
level = "debug"
api_key = "k"
wait = "2m"
`, "go")
	if err != nil {
		t.Fatal(err)
	}
	g := c.Go
	if g.Threads != 4 || *g.Seed != 9 || g.Heat != 1 || g.Name != "a" || g.Bank || g.Level != "debug" || g.APIKey != "k" || g.Wait != 2*time.Minute ||
		!reflect.DeepEqual(g.Stop, []string{"x,y", "z"}) || !reflect.DeepEqual(g.Sizes, []int{1, 2}) {
		t.Errorf("got %+v", g)
	}
}

// A command that does another one's work has its settings, unless its own table says otherwise.
func TestSettingsOfAnotherCommand(t *testing.T) {
	c, _, _, err := resolve(t, "[go]\nname = \"a\"\nlevel = \"debug\"\n[like]\nname = \"b\"\n", "like")
	if err != nil || c.Like.Name != "b" || c.Like.Level != "debug" {
		t.Errorf("got %+v, %v", c.Like, err)
	}
}

func TestCheckReadsAsCommandsDo(t *testing.T) {
	_, _, ctx, err := resolve(t, "threads = 4\n", "go")
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(ctx.Model); err != nil {
		t.Errorf("a good file: %v", err)
	}
	path := os.Getenv(Variable)
	if err := os.WriteFile(path, []byte("\nthreds = 4\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Check(ctx.Model); err == nil || !strings.Contains(err.Error(), path+`:2: unknown key "threds"`) {
		t.Errorf("a bad file: %v", err)
	}
}

// What is below the file gives what nobody else has set, sees what they have set, and is asked once.
func TestBelow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, []byte("heat = 2\n[go]\nlevel = \"debug\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(Variable, path)
	t.Setenv("MTPLX_SEED", "5")
	parse := func(below Below, args ...string) (*sampleCLI, *Settings, *kong.Context, error) {
		var c sampleCLI
		s := New("other")
		s.Under(below)
		k, err := kong.New(&c, kong.Resolvers(s))
		if err != nil {
			t.Fatal(err)
		}
		ctx, err := k.Parse(args)
		return &c, s, ctx, err
	}
	asked := 0
	below := func(node *kong.Node, value func(string) string) (map[string]string, Origin, error) {
		asked++
		for flag, want := range map[string]string{"threads": "1", "seed": "5", "heat": "2", "level": "debug", "name": "x", "sizes": "", "nothing": ""} {
			if got := value(flag); got != want {
				t.Errorf("%s has %s = %q, want %q", node.Name, flag, got, want)
			}
		}
		return map[string]string{"threads": "7", "seed": "8", "heat": "9", "name": "y", "wait": "3s"}, Origin{"tune", "there"}, nil
	}
	c, s, ctx, err := parse(below, "go", "--name", "x")
	if err != nil {
		t.Fatal(err)
	}
	if g := c.Go; asked != 1 || g.Threads != 7 || *g.Seed != 5 || g.Heat != 2 || g.Name != "x" || g.Wait != 3*time.Second {
		t.Errorf("asked %d times: %+v", asked, g)
	}
	for flag, want := range map[string]string{"threads": "tune", "wait": "tune", "seed": "environment", "heat": "file", "name": "flag", "bank": "default"} {
		for _, f := range ctx.Selected().Flags {
			if o := s.Origin(ctx, f); f.Name == flag && (o.Kind != want || want == "tune" && o.Source != "there") {
				t.Errorf("%s is from %+v, want %s", flag, o, want)
			}
		}
	}
	if _, _, _, err := parse(below, "other"); err != nil || asked != 1 {
		t.Errorf("a command that goes without asked, %v", err)
	}
	broken := errors.New("broken")
	if _, _, _, err := parse(func(*kong.Node, func(string) string) (map[string]string, Origin, error) { return nil, Origin{}, broken }, "go"); !errors.Is(err, broken) {
		t.Errorf("its error is %v", err)
	}
}

func TestPrecedence(t *testing.T) {
	const file = "threads = 2\n[go]\nthreads = 3\n"
	for _, c := range []struct {
		variable string
		args     []string
		want     int
		kind     string
	}{
		{"", []string{"go"}, 3, "file"},
		{"4", []string{"go"}, 4, "environment"},
		{"4", []string{"go", "--threads", "5"}, 5, "flag"},
	} {
		t.Setenv("MTPLX_THREADS", c.variable)
		got, s, ctx, err := resolve(t, file, c.args...)
		if err != nil {
			t.Fatal(err)
		}
		f := ctx.Selected().Flags[0]
		if o := s.Origin(ctx, f); got.Go.Threads != c.want || o.Kind != c.kind {
			t.Errorf("variable %q, %v: got %d from %s, want %d from %s", c.variable, c.args, got.Go.Threads, o.Kind, c.want, c.kind)
		}
	}
	t.Setenv("MTPLX_THREADS", "")
	if c, _, _, err := resolve(t, "", "go"); err != nil || c.Go.Threads != 1 {
		t.Errorf("default: %v, %v", c.Go.Threads, err)
	}
	t.Setenv("SPECIAL", "e")
	if c, _, _, err := resolve(t, "api-key = \"f\"\n", "go"); err != nil || c.Go.APIKey != "e" {
		t.Errorf("a command's own variable: %q, %v", c.Go.APIKey, err)
	}
}

func TestMistakesInTheFile(t *testing.T) {
	for file, want := range map[string]string{
		"a = 1\n":                    `config.toml:1: unknown key "a"; mtplx help config`,
		"\nthreds = 1\n":             `config.toml:2: unknown key "threds"; did you mean threads?`,
		"[go]\nnam = 1\n":            `config.toml:2: unknown key "go.nam"; did you mean go.name?`,
		"[og]\nname = 1\n":           `config.toml:2: unknown table [og]; did you mean go?`,
		"[other]\nthreads = 1\n":     `config.toml:2: unknown key "other.threads"; other has no flag of that name, though others do`,
		"go = 1\n":                   `config.toml:1: go is a command, not a flag; settings of a command stand in a table, [go]`,
		"threads = \"2\"\n":          `config.toml:1: threads is "2"; it takes a whole number`,
		"threads = 1.5\n":            `config.toml:1: threads is 1.5; it takes a whole number`,
		"threads = [1]\n":            `config.toml:1: threads is [1]; it takes a whole number`,
		"seed = -1\n":                `config.toml:1: seed is -1; it takes a whole number from 0 on`,
		"bank = \"yes\"\n":           `config.toml:1: bank is "yes"; it takes true or false`,
		"sizes = [\"a\"]\n":          `config.toml:1: sizes is ["a"]; it takes a whole number, or a list of such`,
		"level = \"inof\"\n":         `config.toml:1: level is "inof"; did you mean info? it takes debug and info`,
		"wait = 30\n":                `config.toml:1: wait is 30; it takes a time such as "30s"`,
		"wait = 1.5\n":               `config.toml:1: wait is 1.5; it takes a time such as "30s"`,
		"heat = true\n":              `config.toml:1: heat is true; it takes a number`,
		"api-key = true\n":           `config.toml:1: api-key is (hidden); it takes a text in quotes`,
		"name = 2020-01-01\n":        `config.toml:1: name is 2020-01-01; it takes a text in quotes`,
		"help = true\n":              `config.toml:1: unknown key "help"; mtplx help config`,
		"name = true\n":              `config.toml:1: name is true; it takes a text in quotes`,
		"threads = 2\nthreads = 3\n": `config.toml:2: not TOML: `,
	} {
		_, _, _, err := resolve(t, file, "go")
		f, ok := errors.AsType[*runtime.Failure](err)
		if !ok || !strings.Contains(f.Error(), want) || f.Kind != runtime.UsageProblem {
			t.Errorf("%q: got %v, want %s", file, err, want)
		}
	}
	// A key that one command takes is no use to another.
	if _, _, _, err := resolve(t, "name = \"a\"\n", "other"); err == nil || !strings.Contains(err.Error(), `config.toml:1: name is "a", which other cannot take; it takes a whole number`) {
		t.Errorf("a text for a number: %v", err)
	}
	t.Setenv("MTPLX_THREADS", "many")
	if _, _, _, err := resolve(t, "", "go"); err == nil || !strings.Contains(err.Error(), `MTPLX_THREADS is "many"; it takes a whole number`) {
		t.Errorf("a variable: %v", err)
	}
}
