package start

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/internal/emulator"
	"mtplx/cmd/mtplx/machine"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/tune"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is a small checkpoint.
const fixture = "../../../model/qwen/testdata/goldens/qwen3_5-tied"

// rig is mtplx start on a terminal.
type rig struct {
	*emulator.Terminal
	t    *testing.T
	home string
	args [][]string // what was launched
	out  string     // that launch writes
	code int        // that launch returns
	done chan error
}

// begin runs a command in a home directory of its own, which setup may fill.
func begin(t *testing.T, c *Cmd, setup func(home string)) *rig {
	t.Helper()
	r := &rig{Terminal: emulator.New(t, 90, 20), t: t, home: t.TempDir(), done: make(chan error, 1)}
	t.Setenv("MTPLX_HOME", r.home)
	t.Setenv("DISPLAY", "")
	t.Setenv("WAYLAND_DISPLAY", "")
	if setup != nil {
		setup(r.home)
	}
	r.run(c)
	return r
}

// run runs another command in the same home.
func (r *rig) run(c *Cmd) {
	go func() {
		r.done <- c.Run(r.t.Context(), command.Streams{In: r.TTY, Out: r.TTY, Err: r.TTY}, func(args []string, s command.Streams) int {
			r.args = append(r.args, args)
			_, _ = s.Out.Write([]byte(r.out))
			return r.code
		})
	}()
}

func (r *rig) ended() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		r.Restored()
		return err
	case <-time.After(time.Minute):
		r.t.Fatalf("it goes on; the screen shows\n%s", r.Screen())
		return nil
	}
}

func (r *rig) launched(want ...string) {
	r.t.Helper()
	if err := r.ended(); err != nil {
		r.t.Error(err)
	}
	if n := len(r.args); n == 0 || !slices.Equal(r.args[n-1], want) {
		r.t.Errorf("launched %q, want %q", r.args, want)
	}
}

func checkpoint(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(fixture)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestThreeEntersStartAChat(t *testing.T) {
	r := begin(t, &Cmd{Port: 8000}, nil)
	r.See("Which model?\n> The embedded model")
	r.Type("\r")
	r.See("Model: the embedded model\nHow shall it compute?\n> performance-cold")
	r.Type("\x1b[B\x1b[B\r")
	r.See("Profile: exact\nWhere do you want to talk to it?\n> In the terminal")
	r.Type("\r")
	r.launched("chat", "--profile", "exact")
	r.See("Running: mtplx chat --profile exact")

	r.run(&Cmd{Port: 8000}) // the next time one Enter does
	r.See("> The same as last time  the embedded model, exact, in the terminal")
	r.Type("\r")
	r.launched("chat", "--profile", "exact")

	r.run(&Cmd{Port: 8000}) // something else begins where the last choice was
	r.See("> The same as last time")
	r.Type("2")
	r.See("> The embedded model")
	r.Type("1")
	r.See("> exact ")
	r.Type("1")
	r.See("> In the terminal")
	r.Type("3")
	r.launched("serve")
}

// What mtplx tune has kept is offered where it is for the model, and not elsewhere.
func TestTunedIsOfferedWhereItIs(t *testing.T) {
	keep := func(home string) {
		set, _, err := runtime.OpenSet("")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = set.Close() }()
		of, err := set.Fingerprint()
		if err != nil {
			t.Fatal(err)
		}
		here := machine.This()
		e := tune.Entry{
			Machine: here.Fingerprint(), Model: of, Version: command.Version,
			Settings: tuning.Settings{Depth: "3", DraftHead: "4", DraftVocab: "auto", Device: "auto"},
		}
		if _, err := tune.Keep(t.Context(), filepath.Join(home, "tune.json"), e); err != nil {
			t.Fatal(err)
		}
	}
	r := begin(t, &Cmd{Port: 8000}, keep)
	r.Type("\r")
	r.See("  tuned ")
	r.Type("4")
	r.See("Profile: tuned")
	r.Type("\r")
	r.launched("chat", "--profile", "tuned")

	dir := checkpoint(t)
	r = begin(t, &Cmd{Port: 8000, Model: &dir}, keep)
	r.See("> performance-cold")
	if strings.Contains(r.Screen(), "tuned") {
		t.Errorf("tuned is offered for another model:\n%s", r.Screen())
	}
	r.Type("\r\r")
	r.launched("chat", "--model", dir)
}

func TestKeysTypedAheadAreNotLost(t *testing.T) {
	r := begin(t, &Cmd{Port: 8000}, nil)
	r.Type("\r\r\r")
	r.launched("chat")
}

func TestFoldersAreCheckedWhereTheyAreEntered(t *testing.T) {
	dir := checkpoint(t)
	r := begin(t, &Cmd{Port: 8000}, func(home string) {
		for _, name := range []string{"models/whole", "models/broken"} {
			if err := os.MkdirAll(filepath.Join(home, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(home, "models/broken/config.json"), []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	})
	r.See("  broken")
	r.Type("2")
	r.See("That model cannot be used: ")
	r.See("Choose another one.")
	r.Type("3")
	r.See("Its folder:\n>\n")
	r.Type("nowhere\r")
	r.See(`nowhere": no such directory`)
	r.Type("\x15\r") // Ctrl-U empties the line
	r.See("give a folder, or go back with Esc")
	r.Type("\x1b[27u")
	r.See("Which model?")
	r.Type("\r")
	r.See("Its folder:")
	r.Paste(dir)
	r.Type("\r")
	r.See("Model: " + filepath.Base(dir))
	r.Type("\x1b[27u") // back
	r.See("Which model?")
	r.Type("\x1b[A\x1b[A\r")
	r.See("Model: the embedded model")
	r.Type("\r")
	r.See("> In the terminal")
	r.Type("\r")
	r.launched("chat")
}

func TestLeaving(t *testing.T) {
	for _, k := range []string{"\x03", "\x04"} {
		r := begin(t, &Cmd{Port: 8000}, nil)
		r.See("Which model?")
		r.Type(k)
		f, ok := errors.AsType[*runtime.Failure](r.ended())
		if !ok || f.Kind != runtime.Interrupted || !strings.Contains(f.Error(), "left before anything was started; mtplx start asks again") {
			t.Errorf("%v", f)
		}
		if _, err := os.Stat(filepath.Join(r.home, "start.json")); err == nil || r.args != nil {
			t.Errorf("something was started: %q", r.args)
		}
	}
}

func TestASignalRestoresTheTerminal(t *testing.T) {
	term := emulator.New(t, 90, 20)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- onScreen(ctx, term.TTY, term.TTY, func(ctx context.Context, a asker) error {
			_, err := a.choose(ctx, "Which?", []option{{"This", ""}, {"That", ""}}, 0)
			return err
		})
	}()
	term.See("> This")
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	term.Restored()
}

func TestNarrowTerminals(t *testing.T) {
	r := begin(t, &Cmd{Port: 8000}, nil)
	r.See("works offline")
	r.Resize(40, 8)
	r.See("> The embedded model  a small demonstra…\n")
	r.Type("\r\r\r")
	r.launched("chat")
}

func TestTheBrowsersAddressIsShown(t *testing.T) {
	r := begin(t, &Cmd{Port: 0, Target: "web", Yes: true}, nil)
	r.launched("serve", "--port", "0")
	r.out = "mtplx dev serves m at http://127.0.0.1:4711\n"
	r.run(&Cmd{Port: 0, Target: "web", Yes: true})
	r.launched("serve", "--port", "0")
	r.See("Open http://127.0.0.1:4711 in a browser. Ctrl-C ends the server.")
}

func TestExitCodesArePassedOn(t *testing.T) {
	r := begin(t, &Cmd{Port: 8000}, nil)
	r.code = 5
	r.Type("\r\r\r")
	err := r.ended()
	f, ok := errors.AsType[*runtime.Failure](err)
	_, silent := errors.AsType[*command.Silent](err)
	if !ok || !silent || f.Kind != 5 {
		t.Errorf("%v", err)
	}
}

func TestNumberedQuestions(t *testing.T) {
	t.Setenv("TERM", "dumb")
	r := begin(t, &Cmd{Port: 8000}, nil)
	r.See("  2  Another folder: with config.json and safetensors in it\nNumber [1], b goes back, q leaves:")
	r.Type("7\n")
	r.See(`"7" is none of them; give 1 to 2.`)
	r.Type("\n")
	r.See("How shall it compute?")
	r.Type("2\n")
	r.See("Profile: stable")
	r.Type("1\n")
	r.launched("chat", "--profile", "stable")
	if strings.Contains(r.Written(), "\x1b") {
		t.Errorf("escape sequences: %q", r.Written())
	}
}

func TestDamagedChoicesAreToldAndAskedAnew(t *testing.T) {
	for content, want := range map[string]string{
		"{": "read the last choice from ",
		`{"model":"/nowhere/at/all","profile":"exact","target":"terminal"}`: `the last choice cannot be taken again: open model "/nowhere/at/all"`,
		`{"profile":"fastest","target":"terminal"}`:                         `unknown profile "fastest"`,
		`{"profile":"exact","target":"moon"}`:                               `unknown target "moon"`,
	} {
		r := begin(t, &Cmd{Port: 8000}, func(home string) {
			if err := os.WriteFile(filepath.Join(home, "start.json"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		})
		r.See(want)
		r.See("Which model?")
		r.Type("\r\r\r")
		r.launched("chat")
	}
}

func TestAHomeThatCannotBeWrittenIsNoObstacle(t *testing.T) {
	r := begin(t, &Cmd{Port: 8000, Yes: true}, func(home string) {
		t.Setenv("MTPLX_HOME", filepath.Join(home, "file", "below"))
		if err := os.WriteFile(filepath.Join(home, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	r.launched("chat")
	r.See("mtplx: ")
}

func TestCommandLines(t *testing.T) {
	for want, c := range map[string]Choice{
		"mtplx chat": defaults(),
		"mtplx serve --port 0 --model '/a b/it'\\''s' --profile exact": {"/a b/it's", "exact", Server},
	} {
		if got := line(c.command(0)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWatcherFindsTheAddressInAnyPieces(t *testing.T) {
	text := "starting\nmtplx dev serves a model at once at https://[::1]:80\nmtplx dev serves x at http://later\n"
	for n := 1; n < len(text); n++ {
		var out bytes.Buffer
		var urls []string
		w := &watcher{out: &out, open: func(url string) { urls = append(urls, url) }}
		for i := 0; i < len(text); i += n {
			if _, err := w.Write([]byte(text[i:min(i+n, len(text))])); err != nil {
				t.Fatal(err)
			}
		}
		if out.String() != text || !slices.Equal(urls, []string{"https://[::1]:80"}) {
			t.Fatalf("pieces of %d: %q, %q", n, urls, out.String())
		}
	}
}
