package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/help"
)

// row is how a command is tried. Where a cell of the matrix has no meaning for it, the field of that cell says why.
type row struct {
	args  string // behind the command; WORK stands for a directory, MODEL for a small model, DEAD for the address of no server
	stdin string
	until string // for a command that does not end: it is interrupted once its output holds this
	code  int    // that it ends with

	noJSON string // why it has no --json
	noHome int    // the exit code where there is no home that could be written; 0 is code
	wide   string // why lines may be longer than the terminal is wide
}

const (
	figures  = "a table of figures, whose columns are read beside each other"
	pasted   = "what it prints is pasted or read by a program"
	answered = "it shows the model's text as it is; a terminal folds it"
	embedded = "--model= --device cpu --threads 1"
	tiny     = "--model MODEL --device cpu --threads 1"
)

// matrix has a row for every command. Where one works for long, its row tries what it says of a mistake.
var matrix = map[string]row{
	"start":                    {args: "--yes terminal", noJSON: "what it starts has one, or draws", wide: answered},
	"run":                      {args: "--max-tokens 4 " + embedded + " hello", wide: answered},
	"ask":                      {args: "--max-tokens 4 " + embedded + " hello"},
	"chat":                     {args: "--max-tokens 4 " + embedded, stdin: "hello\n", noJSON: "a conversation is no object; run --json and ask --json answer", wide: answered},
	"serve":                    {args: "--port 0 --warmup-tokens 0 " + embedded, until: " at http", noJSON: "--log-format json is its log, and status --json what it does", wide: "its log has a line for a record"},
	"quickstart":               {args: "--port 0 --warmup-tokens 0 " + embedded, until: `:[0-9]+/v1`, wide: pasted},
	"status":                   {args: "--url DEAD", code: 5},
	"pull":                     {args: "acme/none", code: 5},
	"models":                   {},
	"remove":                   {args: "acme/none --yes", code: 2},
	"inspect":                  {},
	"profiles":                 {},
	"doctor":                   {args: "--summary --model MODEL", noHome: 5},
	"max":                      {args: "status"},
	"report":                   {wide: pasted},
	"metrics watch":            {args: "--once --url DEAD", code: 5},
	"init":                     {args: "--no-trial", noHome: 5},
	"env":                      {},
	"connect claude-code":      {args: "--url DEAD", wide: pasted},
	"connect codex":            {args: "--url DEAD", wide: pasted},
	"connect openwebui":        {args: "--url DEAD", wide: pasted},
	"openwebui docker-command": {args: "--url DEAD", wide: pasted},
	"bench depths":             {args: "--suite code --limit 1 --rounds 1 --deepest 1 " + tiny, wide: figures},
	"bench run":                {args: "--suite code --limit 1 --depth 2 " + tiny, wide: figures},
	"bench sessions":           {args: "--widths 1 --tokens 8 --rounds 1 --join 0 " + tiny, wide: figures},
	"bench kernels":            {args: "--quick --products-only --shape 64x64 --rows 1 --bits 4 --threads 1", wide: figures},
	"bench preflight":          {code: -1, wide: figures},
	"bench serve":              {args: "--requests 1 --concurrency 1 --rounds 0 --warmup 0 --input-tokens 8 --output-tokens 2 " + tiny, wide: figures},
	"bench forward":            {args: "--threads 1 --rows 1 --context 8 --time 1ms --model MODEL", wide: figures},
	"bench gpu":                {args: "--device cpu --model MODEL --steps sessions --widths 1 --tokens 8", wide: pasted},
	"bench calibrate":          {args: "--suite nowhere --out WORK/c.json", code: 2, noJSON: "it writes a file"},
	"bench make-model":         {args: "WORK/made --shape tiny", noJSON: "it writes a folder"},
	"tune run":                 {args: "--suite nowhere", code: 2},
	"tune show":                {},
	"tune forget":              {},
	"qa golden":                {args: "../../model/qwen/testdata/goldens/qwen3_5-tied --device cpu", wide: figures},
	"qa numerics":              {args: "--tokens 1", code: 2},
	"qa device":                {args: "--device cpu:9", code: 2},
	"config show":              {},
	"config set":               {args: "threads 2", noHome: 5},
	"config unset":             {args: "threads", noHome: 5},
	"config path":              {},
	"completion":               {args: "bash", wide: pasted},
	"man":                      {wide: pasted},
	"help":                     {args: "run"},
	"version":                  {},
}

// tried is what a command did.
type tried struct {
	code           int
	out, err, both string
}

// try runs the program with streams that are no terminal, or on one of so many columns.
func try(t *testing.T, r *row, home string, columns int, args ...string) tried {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary(t), args...)
	cmd.Env = append(os.Environ(), "HOME="+home, "MTPLX_HOME="+filepath.Join(home, ".mtplx"), "MTPLX_CONFIG=", "MTPLX_LOG_FILE=true", "HF_HUB_OFFLINE=1", "HF_HOME="+home, "TERM=xterm-256color", "NO_COLOR=1", "COLUMNS=")
	cmd.Stdin = strings.NewReader(r.stdin)
	var out, errs bytes.Buffer
	watch := &watcher{find: regexp.MustCompile(r.until), found: func() {
		if r.until != "" {
			_ = cmd.Process.Signal(os.Interrupt)
		}
	}}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, watch), &errs
	if columns == 0 {
		err := cmd.Run()
		if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			t.Fatal(err)
		}
		return tried{cmd.ProcessState.ExitCode(), out.String(), errs.String(), out.String() + errs.String()}
	}
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 40, Cols: uint16(columns)}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = tty, tty
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = tty.Close()
	_, _ = io.Copy(io.MultiWriter(&out, watch), master) // ends with an error once nobody has the other end
	_ = cmd.Wait()
	return tried{code: cmd.ProcessState.ExitCode(), both: out.String()}
}

// watcher calls found once, when what was written matches.
type watcher struct {
	find  *regexp.Regexp
	found func()
	text  bytes.Buffer
	done  bool
}

func (w *watcher) Write(p []byte) (int, error) {
	w.text.Write(p)
	if !w.done && w.find.Match(w.text.Bytes()) {
		w.done = true
		w.found()
	}
	return len(p), nil
}

var (
	escape = regexp.MustCompile(`\x1b(\[[0-9;?]*[a-zA-Z]|[>=78])`)
	colour = regexp.MustCompile(`\x1b\[([0-9;]*;)?(3[0-9]|4[0-9]|9[0-7])(;[0-9;]*)?m`)
)

// tooLong are the lines that are longer than a width although they could be broken.
func tooLong(text string, width int) (lines []string) {
	for line := range strings.Lines(strings.ReplaceAll(escape.ReplaceAllString(text, ""), "\r\n", "\n")) {
		line = strings.TrimRight(line, "\n")
		line = strings.TrimRight(line[strings.LastIndex(line, "\r")+1:], " ")
		if len([]rune(line)) <= width {
			continue
		}
		words := strings.Fields(line)
		longest := 0
		for _, w := range words {
			longest = max(longest, len([]rune(w)))
		}
		if indent := len(line) - len(strings.TrimLeft(line, " ")); len(words) == 1 || longest+indent > width {
			continue // a path or an address
		}
		lines = append(lines, line)
	}
	return lines
}

// Every command, and every new one, keeps what holds for all.
func TestEveryCommandEverywhere(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program some 150 times")
	}
	p, _, err := newParser(command.Streams{Out: io.Discard, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	model := tinyModel(t)
	seen := map[string]bool{}
	for _, node := range help.All(p.Model.Node) {
		if len(help.Commands(node)) > 0 {
			continue
		}
		var parts []string
		for n := node; n.Parent != nil; n = n.Parent {
			parts = append([]string{n.Name}, parts...)
		}
		name, hasJSON := strings.Join(parts, " "), false
		for _, f := range node.Flags {
			hasJSON = hasJSON || f.Name == "json"
		}
		seen[name] = true
		r, ok := matrix[name]
		if !ok {
			t.Errorf("mtplx %s has no row in the matrix", name)
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if hasJSON == (r.noJSON != "") {
				t.Fatalf("--json is there: %v; why not: %q", hasJSON, r.noJSON)
			}
			line := func(work string) []string {
				text := strings.NewReplacer("WORK", work, "MODEL", model, "DEAD", "http://127.0.0.1:1").Replace(r.args)
				return append(append([]string{}, parts...), strings.Fields(text)...)
			}
			want := func(got tried, code int) {
				t.Helper()
				if got.code != code && code >= 0 {
					t.Errorf("exit code %d, want %d: %s", got.code, code, got.both)
				}
				if strings.Contains(got.both, "panic:") || strings.Contains(got.both, "goroutine ") {
					t.Errorf("it panicked: %s", got.both)
				}
				if got.code != 0 && got.both == "" {
					t.Errorf("it fails without a word: %q", got.err)
				}
			}
			t.Run("text", func(t *testing.T) {
				if hasJSON && r.noHome == 0 {
					t.Skip("as with a home that cannot be written, below")
				}
				got := try(t, &r, t.TempDir(), 0, line(t.TempDir())...)
				want(got, r.code)
				if strings.ContainsAny(got.both, "\x1b\r") {
					t.Errorf("it draws where there is no terminal: %q", got.both)
				}
			})
			t.Run("json", func(t *testing.T) {
				if !hasJSON {
					t.Skip(r.noJSON)
				}
				got := try(t, &r, t.TempDir(), 0, append(line(t.TempDir()), "--json")...)
				if got.code != r.code && r.code >= 0 {
					t.Errorf("exit code %d, want %d: %s", got.code, r.code, got.both)
				}
				objects := 0
				for d := json.NewDecoder(strings.NewReader(got.out)); ; objects++ {
					var v any
					if err := d.Decode(&v); err == io.EOF {
						break
					} else if err != nil {
						t.Fatalf("%v in %q", err, got.out)
					}
				}
				if objects == 0 || strings.ContainsAny(got.both, "\x1b\r") {
					t.Errorf("%d objects: %q", objects, got.both)
				}
			})
			t.Run("read-only home", func(t *testing.T) {
				if _, err := os.Stat("/proc/self"); err != nil {
					t.Skip("there is no directory here that root cannot write to")
				}
				code := r.code
				if r.noHome != 0 {
					code = r.noHome
				}
				got := try(t, &r, "/proc/mtplx-none", 0, line(t.TempDir())...)
				want(got, code)
				if strings.ContainsAny(got.both, "\x1b\r") {
					t.Errorf("it draws where there is no terminal: %q", got.both)
				}
			})
			for _, columns := range []int{80, 40} {
				t.Run(map[int]string{80: "80 columns", 40: "40 columns"}[columns], func(t *testing.T) {
					if r.wide != "" {
						t.Skip(r.wide)
					}
					got := try(t, &r, t.TempDir(), columns, line(t.TempDir())...)
					if lines := tooLong(got.both, columns); len(lines) > 0 {
						t.Errorf("lines are too long:\n%s", strings.Join(lines, "\n"))
					}
					if c := colour.FindString(got.both); c != "" {
						t.Errorf("NO_COLOR is set, and there is %q", c)
					}
				})
			}
			t.Run("mistyped flag", func(t *testing.T) {
				code, out, errs := runLine(append(line(t.TempDir()), "--hepl")...)
				want(tried{code, out, errs, out + errs}, 2)
				if !strings.Contains(errs, "--hepl") || !strings.Contains(errs, "--help") {
					t.Errorf("it does not say what was meant: %q", errs)
				}
			})
		})
	}
	for name := range matrix {
		if !seen[name] {
			t.Errorf("the matrix has a row for %s, which is no command", name)
		}
	}
}
