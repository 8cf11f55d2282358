package start

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
	"mtplx/cmd/mtplx/tune"
)

// defaultPort is that of mtplx serve.
const defaultPort = 8000

// Launch runs another command line of mtplx, without the program's name, and returns its exit code.
type Launch func(args []string, s command.Streams) int

// Cmd asks what to run, and runs it.
type Cmd struct {
	Target  string  `arg:"" optional:"" help:"Where to talk to the model: terminal, browser or server."`
	Model   *string `placeholder:"MODEL" help:"Checkpoint directory, or OWNER/NAME of a pulled model; embedded is the model inside the program."`
	Profile string  `placeholder:"NAME" help:"Named settings: performance-cold, stable, exact, tuned."`
	Port    int     `default:"8000" help:"Port of the browser's page and the server; 0 takes a free one."`
	Fresh   bool    `help:"Forget what was chosen last time."`
	Yes     bool    `short:"y" help:"Ask nothing: the last choice, or the defaults."`
	NoOpen  bool    `help:"Print the page's address without opening a browser."`
	Max     bool    `help:"Max mode while it runs; mtplx max says whether it can."`
	DryRun  bool    `help:"Print the command that would run, and stop."`
}

// Help is what mtplx start --help says above the flags.
func (c *Cmd) Help() string {
	return "Asks for a model, a profile and where to talk to it, and starts that; the next time it offers the same.\n" +
		"Without a terminal: mtplx start --yes, or mtplx start --yes server"
}

// Run implements the command.
func (c *Cmd) Run(ctx context.Context, s command.Streams, launch Launch) error {
	given, fixed, err := c.given(ctx)
	if err != nil {
		return err
	}
	home, err := command.Home()
	if err != nil {
		return err
	}
	path := filepath.Join(home, "start.json")
	var last *Choice
	if !c.Fresh {
		if last, err = recall(ctx, path); err != nil {
			fmt.Fprintln(s.Err, "mtplx:", err)
		}
	}
	w := &wizard{models: filepath.Join(home, "models"), last: last, given: given, fixed: fixed, tuned: isTuned}
	if fixed || given.Profile != "" || given.Target != "" {
		w.last = nil // part of it is to be another
	}
	choice, err := c.choose(ctx, s, w, last)
	if err != nil {
		return err
	}
	args := choice.command(c.Port)
	if c.Max {
		args = append(args, "--max")
	}
	if c.DryRun {
		fmt.Fprintln(s.Out, line(args))
		return nil
	}
	if err := remember(path, choice); err != nil {
		fmt.Fprintln(s.Err, "mtplx:", err)
	}
	fmt.Fprintln(s.Err, "Running: "+line(args))
	return c.launch(ctx, s, choice, args, launch)
}

// isTuned tells whether profile tuned can be taken for a model.
func isTuned(model string) bool {
	n, err := tune.Nearest(model)
	return err == nil && n.Here != nil
}

// given is what the command line says beforehand; fixed, whether that includes the model.
func (c *Cmd) given(ctx context.Context) (given Choice, fixed bool, err error) {
	switch c.Target {
	case "", string(Terminal), string(Browser), string(Server):
		given.Target = Target(c.Target)
	case "chat", "cli":
		given.Target = Terminal
	case "web":
		given.Target = Browser
	case "api", "serve":
		given.Target = Server
	default:
		return given, false, command.Usage(fmt.Errorf("there is no place %q to talk to a model", c.Target), "give terminal, browser or server")
	}
	if c.Port < 0 || c.Port > 65535 {
		return given, false, command.Usage(fmt.Errorf("--port is %d", c.Port), "give 0 to 65535")
	}
	if c.Profile != "" {
		p, err := runtime.FindProfile(c.Profile)
		if err != nil {
			return given, false, err
		}
		given.Profile = p.Name
	}
	if c.Model == nil {
		return given, false, nil
	}
	if *c.Model != "" && *c.Model != "embedded" {
		if given.Model, err = checkModel(ctx, expand(*c.Model)); err != nil {
			return given, false, runtime.Fail(runtime.BadModel, err, "")
		}
	}
	return given, true, nil
}

// choose asks what is not known, or with --yes nobody.
func (c *Cmd) choose(ctx context.Context, s command.Streams, w *wizard, last *Choice) (choice Choice, err error) {
	known := w.fixed && w.given.Profile != "" && w.given.Target != ""
	switch {
	case c.Yes || known:
		choice = defaults()
		if last != nil {
			choice = *last
		}
		return w.with(choice), nil
	case !terminal.Is(s.In) || !terminal.Is(s.Out):
		return choice, command.Usage(errors.New("mtplx start asks questions, and there is no terminal to answer at"),
			"add --yes to take the last choice or the defaults, or use mtplx chat or mtplx serve")
	case !terminal.Fancy(s.In, s.Out, os.Getenv):
		w.ask = &numbered{bufio.NewReader(s.In), s.Out}
		choice, err = w.run(ctx)
	default:
		err = onScreen(ctx, s.In, s.Out, func(ctx context.Context, a asker) (err error) {
			w.ask = a
			choice, err = w.run(ctx)
			return err
		})
	}
	if errors.Is(err, errLeft) {
		err = runtime.Fail(runtime.Interrupted, err, "mtplx start asks again")
	}
	return choice, err
}

// launch runs what was chosen.
func (c *Cmd) launch(ctx context.Context, s command.Streams, choice Choice, args []string, launch Launch) error {
	if choice.Target == Browser {
		var wait func()
		ctx, cancel := context.WithCancel(ctx)
		defer func() {
			cancel()
			if wait != nil {
				wait()
			}
		}()
		s.Out = &watcher{out: s.Out, open: func(url string) { wait = c.page(ctx, s.Err, url) }}
	}
	if code := launch(args, s); code != 0 {
		return &command.Silent{Err: &runtime.Failure{Kind: runtime.Kind(code), Err: fmt.Errorf("mtplx %s ended with exit code %d", args[0], code)}}
	}
	return nil
}

// page shows the chat's page to a person.
func (c *Cmd) page(ctx context.Context, out io.Writer, url string) (wait func()) {
	program := ""
	if !c.NoOpen {
		program = opener()
	}
	if program != "" {
		wait, err := show(ctx, program, url)
		if err == nil {
			fmt.Fprintln(out, "The chat opens in your browser, at "+url+". Ctrl-C ends the server.")
			return wait
		}
	}
	fmt.Fprintln(out, "Open "+url+" in a browser. Ctrl-C ends the server.")
	return nil
}

// line writes a command line as a shell reads it.
func line(args []string) string {
	out := make([]string, 1, 1+len(args))
	out[0] = "mtplx"
	for _, a := range args {
		if strings.ContainsAny(a, " \t\n'\"\\$`&|;<>()*?[]#~!{}") || a == "" {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		out = append(out, a)
	}
	return strings.Join(out, " ")
}
