package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/help"
	"mtplx/cmd/mtplx/runtime"
)

// Variable names another configuration file.
const Variable = "MTPLX_CONFIG"

// Path is where the configuration file is, whether it exists or not: $MTPLX_CONFIG, or config.toml in command.Home.
func Path() (string, error) {
	if path := os.Getenv(Variable); path != "" {
		return path, nil
	}
	home, err := command.Home()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, "config.toml"), nil
}

// Origin is where a value came from.
type Origin struct {
	Kind   string // "flag", "environment", "file", "tune" or "default"
	Source string // the variable's name, the file's with a line, or what was measured
}

// Below gives flags of a command values that neither the command line, the environment nor the file gives. value is what
// another flag is set to by those, or by default. It is asked once for each command line; an error ends that.
type Below func(node *kong.Node, value func(flag string) string) (values map[string]string, from Origin, err error)

// Settings resolves the flags of one command line. It implements kong.Resolver; use one for each parse.
type Settings struct {
	lenient []string // commands that work with a file that is broken
	loaded  bool
	path    string
	doc     *document
	err     error
	origins map[*kong.Flag]Origin

	below Below
	asked bool
	lower map[string]string // what below gave
	from  Origin
}

// New makes the settings of one parse. The commands named work without the file: those that repair it, and those that say
// what somebody who broke it needs to know.
func New(without ...string) *Settings {
	return &Settings{lenient: without, origins: map[*kong.Flag]Origin{}}
}

// Under sets what is asked where neither the environment nor the file has a value.
func (s *Settings) Under(b Below) { s.below = b }

// load reads the file once.
func (s *Settings) load(app *kong.Application) error {
	if s.loaded {
		return s.err
	}
	s.loaded = true
	s.path, s.doc, s.err = read()
	if s.err != nil {
		return s.err
	}
	for _, e := range s.doc.entries {
		if err := check(app, e); err != nil {
			s.err = located(s.path, e.line, err)
			return s.err
		}
	}
	return nil
}

// Check reads the file as a command would, and says what is wrong with it. One that is not there is fine.
func Check(app *kong.Application) error { return New().load(app) }

// read reads the file as it is; one that does not exist is empty, unless MTPLX_CONFIG names it.
func read() (path string, doc *document, err error) {
	path, err = Path()
	if err != nil {
		return "", nil, err
	}
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && os.Getenv(Variable) == "":
		return path, &document{}, nil
	case errors.Is(err, fs.ErrNotExist):
		return path, nil, command.Usage(fmt.Errorf("%s is %q, and there is no such file", Variable, path), "mtplx config set makes it, unset "+Variable+" goes without")
	case err != nil:
		return path, nil, runtime.Fail(runtime.Environment, fmt.Errorf("read configuration: %w", err), "make it a file that you can read, or set "+Variable)
	}
	doc, err = parse(data)
	if e, ok := errors.AsType[*syntaxError](err); ok {
		return path, nil, located(path, e.line, e)
	}
	return path, doc, err
}

// located is the failure of what stands in a line of the file.
func located(path string, line int, err error) error {
	where := path
	if line > 0 {
		where = fmt.Sprintf("%s:%d", path, line)
	}
	fix := "mtplx help config says what a configuration looks like"
	if e, ok := errors.AsType[*keyError](err); ok {
		fix = e.fix
	}
	return command.Usage(fmt.Errorf("%s: %w", where, err), fix)
}

// Validate implements kong.Resolver.
func (s *Settings) Validate(*kong.Application) error { return nil } // Resolve has looked at all of it

// Resolve implements kong.Resolver: it is asked for each flag that the command line does not give.
func (s *Settings) Resolve(ctx *kong.Context, _ *kong.Path, f *kong.Flag) (any, error) {
	node := ctx.Selected()
	if node == nil {
		return nil, nil //nolint:nilnil // what a resolver says that knows nothing
	}
	free := slices.Contains(s.lenient, root(node).Name)
	if err := s.load(ctx.Model); err != nil && !free {
		return nil, err
	}
	value, from, err := s.own(node, f, free)
	if err == nil && value == nil && !free {
		value, from, err = s.fromBelow(ctx, node, f)
	}
	if value == nil || err != nil {
		return nil, err
	}
	s.origins[f] = from
	return value, nil
}

// own is the value of a flag in the environment or, unless that is to do without, in the file; nil is none.
func (s *Settings) own(node *kong.Node, f *kong.Flag, free bool) (value any, from Origin, err error) {
	if name, text, ok := fromEnvironment(f); ok {
		value, err := fromText(f, text)
		if err != nil {
			if secret(f.Name) {
				text = hidden
			}
			return nil, from, command.Usage(fmt.Errorf("%s is %q", name, text), err.Error())
		}
		return value, Origin{"environment", name}, nil
	}
	if free || s.doc == nil {
		return nil, from, nil
	}
	e := s.lookUp(node, f)
	if e == nil {
		return nil, from, nil
	}
	value, err = convert(f, e.value)
	if err != nil {
		key := strings.Join(e.key, ".")
		return nil, from, located(s.path, e.line, &keyError{
			fmt.Sprintf("%s is %s, which %s cannot take", key, show(f, e.value), help.Path(node)), err.Error(),
		})
	}
	return value, Origin{"file", fmt.Sprintf("%s:%d", s.path, e.line)}, nil
}

// fromBelow is the value of a flag that nobody set.
func (s *Settings) fromBelow(ctx *kong.Context, node *kong.Node, f *kong.Flag) (value any, from Origin, err error) {
	if s.below == nil {
		return nil, from, nil
	}
	if !s.asked {
		s.asked = true
		s.lower, s.from, err = s.below(node, func(name string) string { return s.value(ctx, node, name) })
		if err != nil {
			return nil, from, err
		}
	}
	text, ok := s.lower[f.Name]
	if !ok {
		return nil, from, nil
	}
	value, err = fromText(f, text)
	return value, s.from, err
}

// value is what a flag of a command is set to, before anything below is asked.
func (s *Settings) value(ctx *kong.Context, node *kong.Node, name string) string {
	at := slices.IndexFunc(node.Flags, func(f *kong.Flag) bool { return f.Name == name })
	if at < 0 {
		return ""
	}
	f := node.Flags[at]
	if s.Origin(ctx, f).Kind == "flag" {
		return fmt.Sprint(ctx.FlagValue(f))
	}
	if v, _, err := s.own(node, f, false); err == nil && v != nil {
		return text(v)
	}
	return f.Default
}

// lookUp finds the entry for a flag of a command: in the command's own table, in that of the command whose work it does (its
// settings tag says which), in those of the commands above it, at the top.
func (s *Settings) lookUp(node *kong.Node, f *kong.Flag) *entry {
	if len(help.Variables(f)) == 0 {
		return nil
	}
	for n := node; n != nil; n = n.Parent {
		var tables [][]string
		if n.Type == kong.ApplicationNode {
			tables = [][]string{nil}
		} else {
			tables = spellings(n)
			if other := n.Tag.Get("settings"); other != "" {
				tables = append(tables, strings.Fields(other))
			}
		}
		for _, table := range tables {
			for _, name := range append([]string{f.Name}, f.Aliases...) {
				if e := s.doc.find(append(slices.Clone(table), name)); e != nil {
					return e
				}
			}
		}
	}
	return nil
}

// spellings are the names of a command's table, by its name and aliases.
func spellings(n *kong.Node) (tables [][]string) {
	above := [][]string{nil}
	if n.Parent != nil && n.Parent.Type != kong.ApplicationNode {
		above = spellings(n.Parent)
	}
	for _, a := range above {
		for _, name := range append([]string{n.Name}, n.Aliases...) {
			tables = append(tables, append(slices.Clone(a), name))
		}
	}
	return tables
}

// Origin is where a flag's value came from once ctx has been resolved.
func (s *Settings) Origin(ctx *kong.Context, f *kong.Flag) Origin {
	for _, p := range ctx.Path {
		if p.Flag == f && !p.Resolved {
			return Origin{Kind: "flag"}
		}
	}
	if o, ok := s.origins[f]; ok {
		return o
	}
	return Origin{Kind: "default"}
}

// fromEnvironment is the first variable of a flag that is not empty.
func fromEnvironment(f *kong.Flag) (name, text string, ok bool) {
	for _, name := range help.Variables(f) {
		if text := os.Getenv(name); text != "" {
			return name, text, true
		}
	}
	return "", "", false
}

func root(node *kong.Node) *kong.Node {
	for node.Parent != nil && node.Parent.Type != kong.ApplicationNode {
		node = node.Parent
	}
	return node
}

// hidden stands for a value that is nobody's business.
const hidden = "(hidden)"

// secret tells whether a flag's values are kept out of what is printed.
func secret(name string) bool {
	for _, s := range []string{"api-key", "password", "secret", "token"} {
		if name == s || strings.HasSuffix(name, "-"+s) {
			return true
		}
	}
	return false
}

// show is a value in TOML, if it may be shown.
func show(f *kong.Flag, v any) string {
	if secret(f.Name) {
		return hidden
	}
	return literal(v)
}
