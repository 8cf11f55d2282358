package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// Cmd shows and edits what flags are set to.
type Cmd struct {
	Show  showCmd  `cmd:"" help:"Show what is set, or every flag of a command."`
	Set   setCmd   `cmd:"" help:"Set a key in the configuration file."`
	Unset unsetCmd `cmd:"" help:"Take a key out of the configuration file."`
	Path  pathCmd  `cmd:"" help:"Print where the configuration file is."`
}

// Help is what mtplx help config says of it.
func (c *Cmd) Help() string {
	return "A key is a flag's name, for every command that has the flag, or after a command and a dot for that one alone: " +
		"threads, serve.port, bench.run.depth."
}

type setCmd struct {
	Key    string   `arg:"" help:"A flag's name, or one behind a command's and a dot."`
	Value  []string `arg:"" help:"The value; several for a flag that may be repeated."`
	DryRun bool     `help:"Print the file as it would be, and write nothing."`
	JSON   bool     `help:"Print one JSON object."`
}

// Help is what mtplx help config set says of it.
func (c *setCmd) Help() string {
	return "The value is checked as on the command line, and stands in the file from then on. Comments and order of the file stay. " +
		"What begins with a dash goes behind --, as in mtplx config set -- KEY -1"
}

// changed is what --json prints of an edit.
type changed struct {
	Path    string `json:"path"`
	Key     string `json:"key"`
	Value   any    `json:"value,omitempty"`
	Changed bool   `json:"changed"`
}

// Run implements the command.
func (c *setCmd) Run(ctx context.Context, k *kong.Kong, s command.Streams) error {
	key := splitKey(c.Key)
	flags, err := flagsOf(k.Model, key)
	if err != nil {
		return refused(err)
	}
	value, err := accepted(flags, c.Value)
	if err != nil {
		text := strings.Join(c.Value, " ")
		if secret(flags[0].Name) {
			text = hidden
		}
		return command.Usage(fmt.Errorf("%s cannot be %q", c.Key, text), err.Error())
	}
	path, release, err := c.claim(ctx)
	if err != nil {
		return err
	}
	defer release()
	data, err := readForEdit(path)
	if err != nil {
		return err
	}
	after, err := set(data, key, value)
	if err != nil {
		return uneditable(path, err)
	}
	if c.DryRun {
		_, err = s.Out.Write(after)
		return err
	}
	if err := write(path, after); err != nil {
		return err
	}
	shown := value
	if secret(flags[0].Name) {
		shown = hidden
	}
	if c.JSON {
		return encode(s.Out, changed{path, strings.Join(key, "."), shown, string(data) != string(after)})
	}
	_, err = fmt.Fprintf(s.Out, "%s = %s in %s\n", strings.Join(key, "."), show(flags[0], value), path)
	if name, _, ok := fromEnvironment(flags[0]); ok && err == nil {
		fmt.Fprintf(s.Err, "mtplx: %s is set and goes before it\n", name)
	}
	return err
}

// claim finds the file, and keeps others from editing it meanwhile unless nothing is to be written.
func (c *setCmd) claim(ctx context.Context) (path string, release func(), err error) {
	if c.DryRun {
		path, err = Path()
		return path, func() {}, err
	}
	return claim(ctx)
}

// accepted is the value in TOML's types. All of the flags must take it: a value that only some take would stop the commands
// of the others.
func accepted(flags []*kong.Flag, texts []string) (value any, err error) {
	if value, err = typed(flags[0], texts); err != nil {
		return nil, err
	}
	for _, f := range flags {
		if _, err := convert(f, value); err != nil {
			return nil, err
		}
		if f.Name == "profile" && strings.Contains(f.Help, runtime.Profiles[0].Name) {
			if _, err := runtime.FindProfile(texts[0]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

type unsetCmd struct {
	Key  string `arg:"" help:"A key that stands in the file."`
	JSON bool   `help:"Print one JSON object."`
}

// Run implements the command.
func (c *unsetCmd) Run(ctx context.Context, k *kong.Kong, s command.Streams) error {
	key := splitKey(c.Key)
	path, release, err := claim(ctx)
	if err != nil {
		return err
	}
	defer release()
	data, err := readForEdit(path)
	if err != nil {
		return err
	}
	after, was, err := unset(data, key)
	if err != nil {
		return uneditable(path, err)
	}
	if !was {
		if _, err := flagsOf(k.Model, key); err != nil { // a key that nobody knows can still be taken out
			return refused(err)
		}
	} else if err := write(path, after); err != nil {
		return err
	}
	switch {
	case c.JSON:
		return encode(s.Out, changed{Path: path, Key: strings.Join(key, "."), Changed: was})
	case was:
		_, err = fmt.Fprintf(s.Out, "%s is no longer in %s\n", strings.Join(key, "."), path)
	default:
		_, err = fmt.Fprintf(s.Out, "%s was not in %s\n", strings.Join(key, "."), path)
	}
	return err
}

type pathCmd struct {
	JSON bool `help:"Print one JSON object."`
}

// Run implements the command.
func (c *pathCmd) Run(s command.Streams) error {
	path, err := Path()
	if err != nil {
		return err
	}
	if c.JSON {
		_, err := os.Stat(path)
		return encode(s.Out, struct {
			Path   string `json:"path"`
			Exists bool   `json:"exists"`
		}{path, err == nil})
	}
	_, err = fmt.Fprintln(s.Out, path)
	return err
}

// splitKey takes a key of the command line apart.
func splitKey(key string) []string { return fold(strings.Split(strings.TrimPrefix(key, "--"), ".")) }

// readForEdit reads the file; one that is not there is empty.
func readForEdit(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.Mode().IsRegular() { // a device that a file replaced would be missed by everybody
		err = errors.New("it is no file")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("read configuration %s: %w", path, bare(err)), "make it a file that you can read, or set "+Variable)
	}
	return data, nil
}

// refused is the failure of a key.
func refused(err error) error {
	if e, ok := errors.AsType[*keyError](err); ok {
		return command.Usage(err, e.fix)
	}
	return err
}

// uneditable is the failure of a file that cannot be edited line by line.
func uneditable(path string, err error) error {
	if e, ok := errors.AsType[*syntaxError](err); ok {
		return located(path, e.line, e)
	}
	return command.Usage(fmt.Errorf("edit %s: %w", path, err), "edit it by hand")
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
