package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/help"
	"mtplx/cmd/mtplx/mistake"
	"mtplx/cmd/mtplx/nearest"
)

// Parse makes the parser of another command line, and the settings that resolve it; neither runs anything.
type Parse func() (*kong.Kong, *Settings, error)

type showCmd struct {
	Command []string `arg:"" optional:"" passthrough:"" help:"A command, with flags if you like: its flags are shown as they would be."`
	Origin  bool     `help:"Say where each value comes from: command line, variable, line of the file, measurement, default."`
	JSON    bool     `help:"Print one JSON object."`
}

// Help is what mtplx help config show says of it.
func (c *showCmd) Help() string {
	return "Without a command it shows what the file and the environment set. --json prints {\"path\",\"exists\",\"settings\":" +
		"[{\"key\",\"value\",\"origin\",\"source\"}]}, origin being flag, environment, file, tune (what mtplx tune measured, for --profile tuned) or default. Keys and passwords are hidden."
}

// setting is a value with its origin, as --json prints it.
type setting struct {
	Key        string `json:"key"`
	Value      any    `json:"value"`
	Origin     string `json:"origin"`
	Source     string `json:"source,omitempty"`
	Overridden string `json:"overridden_by,omitempty"`
}

// Run implements the command.
func (c *showCmd) Run(k *kong.Kong, s command.Streams, parse Parse) error {
	if args := c.line(); len(args) > 0 {
		return c.ofCommand(s, parse, args)
	}
	path, doc, err := read()
	if err != nil {
		return err
	}
	settings, err := inForce(k.Model, path, doc)
	if err != nil {
		return err
	}
	for _, m := range mistyped(k.Model, os.Environ()) {
		fmt.Fprintln(s.Err, "mtplx:", m)
	}
	return c.print(s, path, settings)
}

// line is the command line to look at. --json and --origin are show's, wherever they stand: nothing runs.
func (c *showCmd) line() (args []string) {
	for i, a := range c.Command {
		switch {
		case a == "--json":
			c.JSON = true
		case a == "--origin":
			c.Origin = true
		case a == "--" && i == 0:
		default:
			args = append(args, a)
		}
	}
	return args
}

// inForce are the settings of the file and the environment, the file's first.
func inForce(app *kong.Application, path string, doc *document) ([]setting, error) {
	settings := []setting{}
	for _, e := range doc.entries {
		flags, err := flagsOf(app, e.key)
		if err == nil {
			err = check(app, e)
		}
		if err != nil {
			return nil, located(path, e.line, err)
		}
		set := setting{Key: strings.Join(e.key, "."), Value: e.value, Origin: "file", Source: fmt.Sprintf("%s:%d", path, e.line)}
		if secret(flags[0].Name) {
			set.Value = hidden
		}
		if name, _, ok := fromEnvironment(flags[0]); ok {
			set.Overridden = name
		}
		settings = append(settings, set)
	}
	seen := map[string]bool{}
	for _, f := range flagsBelow(app.Node) {
		name, text, ok := fromEnvironment(f)
		if !ok || seen[name] {
			continue
		}
		seen[name] = true
		var value any = text
		if v, err := typed(f, kong.SplitEscaped(text, f.Tag.Sep)); err == nil {
			value = v
		}
		if secret(f.Name) {
			value = hidden
		}
		settings = append(settings, setting{Key: f.Name, Value: value, Origin: "environment", Source: name})
	}
	return settings, nil
}

// mistyped are warnings of variables that set nothing, but are spelled nearly like one that does. Variables that are no flag's
// are named in the topic environment.
func mistyped(app *kong.Application, environ []string) (warnings []string) {
	const prefix = "MTPLX_"
	var known []string
	for _, f := range flagsBelow(app.Node) {
		for _, name := range help.Variables(f) {
			known = append(known, strings.TrimPrefix(name, prefix))
		}
	}
	topic, _ := help.FindTopic("environment")
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		word, ours := strings.CutPrefix(name, prefix)
		if !ours || slices.Contains(known, word) || strings.Contains(topic.Text, name+" ") {
			continue
		}
		if q := nearest.Question(prefix, nearest.Names(word, known)); q != "" {
			warnings = append(warnings, name+" sets nothing; "+q)
		}
	}
	return warnings
}

// ofCommand shows every flag of a command line.
func (c *showCmd) ofCommand(s command.Streams, parse Parse, args []string) error {
	k, settings, err := parse()
	if err != nil {
		return err
	}
	ctx, err := kong.Trace(k, args)
	if err == nil {
		err = ctx.Error
	}
	if err == nil && ctx.Selected() == nil {
		err = fmt.Errorf("unexpected argument %s", args[0])
	}
	for _, step := range []func() error{
		func() error { return err },
		func() error { return ctx.Reset() },
		func() error { return ctx.Resolve() },
		func() error { _, err := ctx.Apply(); return err },
	} {
		if err := step(); err != nil {
			return explained(ctx, err)
		}
	}
	path, err := Path()
	if err != nil {
		return err
	}
	shown := []setting{}
	for _, g := range help.FlagGroups(ctx.Selected()) {
		for _, f := range g.Flags {
			o := settings.Origin(ctx, f)
			set := setting{Key: f.Name, Value: plain(f.Target), Origin: o.Kind, Source: o.Source}
			if secret(f.Name) && !f.Target.IsZero() {
				set.Value = hidden
			}
			shown = append(shown, set)
		}
	}
	return c.print(s, path, shown)
}

// explained is an error of a parse that was not made by kong.Parse.
func explained(ctx *kong.Context, err error) error {
	if ctx == nil {
		return err
	}
	return mistake.Of(ctx, err)
}

// plain is a flag's value in TOML's types; nil is none.
func plain(v reflect.Value) any {
	if d, ok := reflect.TypeAssert[time.Duration](v); ok {
		return d.String()
	}
	switch k := v.Kind(); {
	case k == reflect.Pointer && v.IsNil():
		return nil
	case k == reflect.Pointer:
		return plain(v.Elem())
	case k == reflect.Slice:
		list := []any{}
		for i := range v.Len() {
			list = append(list, plain(v.Index(i)))
		}
		return list
	case k == reflect.Bool:
		return v.Bool()
	case v.CanInt():
		return v.Int()
	case v.CanUint():
		return v.Uint()
	case v.CanFloat():
		return v.Float()
	default:
		return fmt.Sprint(v.Interface())
	}
}

func (c *showCmd) print(s command.Streams, path string, settings []setting) error {
	_, err := os.Stat(path)
	if c.JSON {
		return encode(s.Out, struct {
			Path     string    `json:"path"`
			Exists   bool      `json:"exists"`
			Settings []setting `json:"settings"`
		}{path, err == nil, settings})
	}
	if len(settings) == 0 {
		about := "nothing is set in " + path
		if errors.Is(err, fs.ErrNotExist) {
			about = "there is no " + path
		}
		_, err := fmt.Fprintf(s.Out, "%s: everything is at its default\n", about)
		return err
	}
	left := make([]string, len(settings))
	width := 0
	for i, set := range settings {
		switch set.Value {
		case nil:
			left[i] = "# " + set.Key + " is not set"
		case hidden:
			left[i] = set.Key + " = " + hidden
		default:
			left[i] = set.Key + " = " + literal(set.Value)
		}
		width = max(width, utf8.RuneCountInString(left[i]))
	}
	width = min(width, 40) // beyond that a column is no help
	var out []string
	for i, set := range settings {
		line := left[i]
		if c.Origin {
			where := set.Source
			if where == "" {
				where = set.Origin
			}
			line += strings.Repeat(" ", max(width-utf8.RuneCountInString(line), 0)) + "  # " + where
			if set.Overridden != "" {
				line += ", but " + set.Overridden + " goes before it"
			}
		} else if set.Overridden != "" {
			continue // it is not in force
		}
		out = append(out, line+"\n")
	}
	_, err = s.Out.Write([]byte(strings.Join(slices.Clip(out), "")))
	return err
}
