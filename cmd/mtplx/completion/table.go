package completion

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/help"
)

// kind is how a value is completed.
type kind int

const (
	free  kind = iota // anything: nothing is offered
	words             // one of some words, or something else
	files
	dirs
)

// value is what a flag or an argument takes.
type value struct {
	kind  kind
	words []string
}

// option is a flag in one of its spellings.
type option struct {
	name, help string
	short      rune
	takes      *value // nil is a switch
}

// place is where a command line has got to: the program or a command.
type place struct {
	path     string // "/bench/run"; "" is the program
	help     string
	below    []child
	options  []option
	argument value
}

// child is a command below another one, by name or alias.
type child struct{ name, help, path string }

// table lists the program and all its commands.
func table(app *kong.Application) []place {
	root := place{below: children(app.Node, ""), options: []option{helpOption, {name: "version", help: "Say which build this is"}}}
	nodes := help.All(app.Node)
	out := append(make([]place, 0, 1+len(nodes)), root)
	for _, node := range nodes {
		path := "/" + strings.ReplaceAll(help.Path(node), " ", "/")
		c := place{path: path, help: help.Short(node.Help), below: children(node, path), options: []option{helpOption}}
		for _, g := range help.FlagGroups(node) {
			for _, f := range g.Flags {
				c.options = append(c.options, options(f)...)
			}
		}
		for _, p := range node.Positional {
			if v := argument(app, path, p); v.kind != free {
				c.argument = v
			}
		}
		out = append(out, c)
	}
	return out
}

var helpOption = option{name: "help", short: 'h', help: "Show help"}

func children(node *kong.Node, path string) (out []child) {
	for _, c := range help.Commands(node) {
		for _, name := range append([]string{c.Name}, c.Aliases...) {
			out = append(out, child{name, help.Short(c.Help), path + "/" + c.Name})
		}
	}
	return out
}

func options(f *kong.Flag) []option {
	o := option{name: f.Name, short: f.Short, help: help.Short(f.Help)}
	if f.IsBool() || f.IsCounter() {
		if f.Tag.Negatable != "" {
			return []option{o, {name: "no-" + f.Name, help: "Not: " + o.help}}
		}
		return []option{o}
	}
	o.takes = &value{}
	switch values, _ := help.Values(f); {
	case len(values) > 0:
		o.takes = &value{words, values}
	default:
		o.takes.kind = paths(help.Placeholder(f), f.Tag.Type)
	}
	return []option{o}
}

// paths tells from what stands for a value whether it is a file or a directory.
func paths(placeholder, typ string) kind {
	switch {
	case placeholder == "DIR" || placeholder == "MODEL" || typ == "existingdir":
		return dirs
	case placeholder == "FILE" || placeholder == "PATH" || typ == "existingfile" || typ == "path":
		return files
	default:
		return free
	}
}

// argument is what a positional argument takes.
func argument(app *kong.Application, path string, p *kong.Positional) value {
	switch {
	case p.Enum != "":
		return value{words, p.EnumSlice()}
	case path == "/help":
		var names []string
		for _, c := range help.Commands(app.Node) {
			names = append(names, c.Name)
		}
		for _, t := range help.Topics() {
			names = append(names, t.Name)
		}
		slices.Sort(names)
		return value{words, slices.Compact(names)}
	case path == "/config/show":
		var names []string
		for _, c := range help.Commands(app.Node) {
			names = append(names, c.Name)
		}
		return value{words, names}
	case (path == "/config/set" || path == "/config/unset") && p.Name == "key":
		return value{words, keys(app)}
	}
	return value{kind: paths(strings.ToUpper(strings.TrimSuffix(p.Name, "s")), p.Tag.Type)}
}

// keys are the keys at the top of the configuration file.
func keys(app *kong.Application) (names []string) {
	for _, node := range help.All(app.Node) {
		for _, f := range node.Flags {
			if len(help.Variables(f)) > 0 && !f.Hidden {
				names = append(names, f.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// patterns are what a shell's case matches: a command's path and any spelling of the option.
func (o option) patterns(path string) string {
	all := make([]string, 0, 2)
	for _, s := range o.spellings() {
		all = append(all, `"`+path+" "+s+`"`)
	}
	return strings.Join(all, " | ")
}

// spellings are an option's names with dashes.
func (o option) spellings() []string {
	if o.short != 0 {
		return []string{"--" + o.name, "-" + string(o.short)}
	}
	return []string{"--" + o.name}
}
