package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	_ "golang.org/x/crypto/x509roots/fallback" // for a system without certificates of its own, as an image of nothing else is

	"mtplx/cmd/mtplx/ask"
	"mtplx/cmd/mtplx/chat"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/completion"
	"mtplx/cmd/mtplx/config"
	"mtplx/cmd/mtplx/connect"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/doctor"
	"mtplx/cmd/mtplx/env"
	"mtplx/cmd/mtplx/help"
	"mtplx/cmd/mtplx/issue"
	"mtplx/cmd/mtplx/man"
	"mtplx/cmd/mtplx/metrics"
	"mtplx/cmd/mtplx/mistake"
	"mtplx/cmd/mtplx/models"
	"mtplx/cmd/mtplx/profiles"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/setup"
	"mtplx/cmd/mtplx/start"
	"mtplx/cmd/mtplx/status"
	"mtplx/cmd/mtplx/terminal"
	"mtplx/cmd/mtplx/tune"
	"mtplx/cmd/mtplx/version"
)

// cli is the command tree.
type cli struct {
	Start      start.Cmd         `cmd:"" help:"Begin here: three questions, and the model runs."`
	Run        runCmd            `cmd:"" help:"Answer one prompt."`
	Ask        ask.Cmd           `cmd:"" help:"Answer one question, for a person to read."`
	Chat       chat.Cmd          `cmd:"" help:"Converse in the terminal."`
	Serve      serveCmd          `cmd:"" help:"Serve the model to OpenAI's and Anthropic's clients."`
	Quickstart quickstartCmd     `cmd:"" aliases:"quick-start" settings:"serve" help:"Serve, and say how clients connect; or how they connect to the mtplx that runs already."`
	Status     status.Cmd        `cmd:"" help:"Say whether a server runs, and what it does."`
	Pull       models.PullCmd    `cmd:"" help:"Fetch a model from the hub."`
	Models     models.ListCmd    `cmd:"" aliases:"list" help:"List the models that were pulled."`
	Remove     models.RemoveCmd  `cmd:"" help:"Delete a model that was pulled."`
	Inspect    models.InspectCmd `cmd:"" aliases:"inspect-model" help:"Say whether a checkpoint runs here, and why."`
	Profiles   profiles.Cmd      `cmd:"" help:"Say what each profile changes, and why."`
	Doctor     doctor.Cmd        `cmd:"" help:"Look for what is wrong with the machine or the installation, and say what to do."`
	Max        cooling.Cmd       `cmd:"" help:"Let the machine cool, or clock, as well as it can; and say how hot it is."`
	Report     issue.Cmd         `cmd:"" help:"Print what an issue needs to say of the program and the machine."`
	Metrics    metrics.Cmd       `cmd:"" help:"Watch a server's figures."`
	Init       setup.Cmd         `cmd:"" aliases:"setup" help:"Make the directory of what mtplx keeps, with a configuration to fill in, and try the embedded model."`
	Env        env.Cmd           `cmd:"" help:"Show what the environment says, where mtplx keeps things, and what it runs on."`
	Connect    connect.Cmd       `cmd:"" help:"Say what clients need to connect; or write it into their settings."`
	Openwebui  connect.OpenWebUI `cmd:"" name:"openwebui" help:"Run Open WebUI beside mtplx."`
	Bench      benchCmd          `cmd:"" help:"Measure speed on prompt suites."`
	Tune       tune.Cmd          `cmd:"" help:"Find the fastest settings for a model on this machine, for --profile tuned."`
	QA         qaCmd             `cmd:"" name:"qa" help:"Check that results are what they must be."`
	Config     config.Cmd        `cmd:"" help:"Show and change what flags are set to."`
	Completion completion.Cmd    `cmd:"" help:"Write a script that lets a shell complete command lines."`
	Man        man.Cmd           `cmd:"" help:"Write manual pages."`
	Help       help.Cmd          `cmd:"" help:"Say all about a command, or about a topic."`
	Version    version.Cmd       `cmd:"" help:"Say which build this is."`
}

func main() {
	os.Exit(execute(os.Args[1:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}

// exitCode is how kong's own exits (help) leave the parser.
type exitCode int

// newParser makes the parser of a command line, and the settings that fill in what the line leaves out. Commands that say
// how things work, and the one that repairs the configuration, do not depend on it.
func newParser(s command.Streams) (*kong.Kong, *config.Settings, error) {
	settings := config.New("config", "env", "init", "help", "version", "completion", "man", "doctor", "report", "max")
	settings.Under(tune.Values)
	parser, err := kong.New(new(cli),
		kong.Name("mtplx"),
		kong.Writers(s.Out, s.Err),
		kong.Exit(func(code int) { panic(exitCode(code)) }),
		kong.Help(help.Print),
		kong.Resolvers(settings),
	)
	return parser, settings, err
}

// execute runs one command line and returns the exit code.
func execute(args []string, s command.Streams) (code int) {
	defer func() {
		if r := recover(); r != nil {
			c, ok := r.(exitCode)
			if !ok {
				panic(r)
			}
			code = int(c)
		}
	}()
	parser, _, err := newParser(s)
	if err != nil {
		panic(err)
	}
	switch {
	case len(args) == 0:
		return report(s, false, "", help.Welcome(s.Out))
	case args[0] == "--version":
		args = append([]string{"version"}, args[1:]...)
	}
	jsonErrors := wantsJSON(args)
	parsed, err := parser.Parse(args)
	if err != nil {
		where, problem := mistake.Explain(err)
		return report(s, jsonErrors, where, problem)
	}
	jsonErrors = jsonErrors || printsJSON(parsed)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second interrupt ends what does not hear the first
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(start.Launch(launch), config.Parse(func() (*kong.Kong, *config.Settings, error) { return newParser(s) }))
	err = parsed.Run(s)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = runtime.Fail(runtime.Interrupted, errors.New("interrupted"), "")
	}
	return report(s, jsonErrors, parsed.Command(), err)
}

// launch runs the command line that start made. What start left to the defaults it means to be the defaults: the model and the
// profile were chosen there, with the configuration's in sight.
func launch(args []string, s command.Streams) int {
	for flag, value := range map[string]string{"--model": "", "--profile": runtime.Profiles[0].Name} {
		if !slices.Contains(args, flag) {
			args = append(slices.Clip(args), flag+"="+value)
		}
	}
	return execute(args, s)
}

// wantsJSON tells whether a command line that may not parse asks for JSON, so that its failure is an object, too.
func wantsJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	always, err := strconv.ParseBool(os.Getenv("MTPLX_JSON"))
	return slices.Contains(args, "--json") || err == nil && always
}

// printsJSON tells whether --json is set for a command, by whatever means.
func printsJSON(parsed *kong.Context) bool {
	for _, f := range parsed.Selected().Flags {
		if on, ok := reflect.TypeAssert[bool](f.Target); ok && on && f.Name == "json" {
			return true
		}
	}
	return false
}

// report prints a failure and returns its exit code.
func report(s command.Streams, asJSON bool, name string, err error) int {
	if err == nil {
		return 0
	}
	f := &runtime.Failure{Kind: runtime.General, Err: err}
	errors.As(err, &f)
	if _, quiet := errors.AsType[*command.Silent](err); quiet {
		return int(f.Kind)
	}
	if asJSON {
		out := struct {
			Error    string `json:"error"`
			Message  string `json:"message"`
			ExitCode int    `json:"exit_code"`
			Fix      string `json:"fix,omitempty"`
			Command  string `json:"command,omitempty"`
		}{f.Kind.String(), strings.TrimSpace(f.Err.Error()), int(f.Kind), f.Fix, name}
		enc := json.NewEncoder(s.Out)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(out)
		return int(f.Kind)
	}
	_ = terminal.Say(s.Err, "mtplx: %v", err)
	return int(f.Kind)
}
