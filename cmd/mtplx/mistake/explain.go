package mistake

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/nearest"
	"mtplx/cmd/mtplx/runtime"
)

// Explain turns an error of kong's parser into a failure with a remedy, and names the command in which it happened (such as
// "bench run", or nothing). An error that is a failure already keeps what it says.
func Explain(err error) (where string, problem error) {
	parse, ok := errors.AsType[*kong.ParseError](err)
	if !ok || parse.Context == nil {
		return "", command.Usage(err, "mtplx --help lists commands")
	}
	problem = Of(parse.Context, parse.Unwrap())
	if node := parse.Context.Selected(); node != nil {
		where = Name(node)
	}
	return where, problem
}

// Of is Explain for an error of a trace that was made apart from a parse.
func Of(ctx *kong.Context, err error) error {
	if f, ok := errors.AsType[*runtime.Failure](err); ok {
		return f // without the flag that kong puts before it: it says itself where it is from
	}
	node := ctx.Model.Node
	if selected := ctx.Selected(); selected != nil {
		node = selected
	}
	where := Name(node)
	if flag, ok := named(err, "unknown flag "); ok {
		return unknownFlag(node, flag)
	}
	if word, ok := named(err, "unexpected argument "); ok {
		return unexpected(node, word)
	}
	if value, given, ok := enumerated(node, err); ok {
		return command.Usage(fmt.Errorf("%s is %q", value.ShortSummary(), given), Choice(given, value.EnumSlice()))
	}
	if strings.HasPrefix(err.Error(), "expected ") && len(children(node)) > 0 {
		if where == "" {
			return command.Usage(errors.New("no command is given"), advice(where))
		}
		return command.Usage(fmt.Errorf("%s wants a command after it", where), "it has "+list(names(children(node))))
	}
	return command.Usage(err, advice(where))
}

// Name is what a command is called after the program's name.
func Name(node *kong.Node) string {
	var words []string
	for n := node; n != nil && n.Type != kong.ApplicationNode; n = n.Parent {
		words = append(words, n.Name)
	}
	slices.Reverse(words)
	return strings.Join(words, " ")
}

// Choice says which value was meant and which there are.
func Choice(given string, values []string) string {
	takes := "it takes " + list(values)
	if q := nearest.Question("", nearest.Names(given, values)); q != "" {
		return q + " " + takes
	}
	return takes
}

// named takes the name out of kong's message about it; kong's own suggestion is dropped.
func named(err error, prefix string) (name string, ok bool) {
	name, ok = strings.CutPrefix(err.Error(), prefix)
	name, _, _ = strings.Cut(name, ", did you mean ")
	return name, ok
}

func unknownFlag(node *kong.Node, flag string) error {
	where := Name(node)
	problem := fmt.Errorf("unknown flag %s", flag)
	if where != "" {
		problem = fmt.Errorf("%s has no flag %s", where, flag)
	}
	var own []string
	for _, level := range node.AllFlags(true) {
		for _, f := range level {
			own = append(own, spellings(f)...)
		}
	}
	if q := nearest.Question("", nearest.Names(flag, own)); q != "" && strings.HasPrefix(flag, "--") {
		return command.Usage(problem, q)
	}
	if others := whoHas(root(node), flag); len(others) > 0 {
		if where == "" {
			return command.Usage(problem, "flags stand behind a command: mtplx "+others[0]+" "+flag)
		}
		return command.Usage(problem, fmt.Sprintf("%s: %s", flag, has(others)))
	}
	return command.Usage(problem, advice(where))
}

// spellings are the ways to write a flag that has a name.
func spellings(f *kong.Flag) []string {
	out := []string{"--" + f.Name}
	for _, a := range f.Aliases {
		out = append(out, "--"+a)
	}
	if f.IsBool() && f.Tag.Negatable != "" {
		out = append(out, "--no-"+f.Name)
	}
	return out
}

// whoHas names the commands that know a flag.
func whoHas(node *kong.Node, flag string) (commands []string) {
	for _, leaf := range node.Leaves(true) {
		for _, f := range leaf.Flags {
			if !f.Hidden && slices.Contains(spellings(f), flag) {
				commands = append(commands, Name(leaf))
				break
			}
		}
	}
	return commands
}

func has(commands []string) string {
	if len(commands) > 3 {
		commands = append(slices.Clip(commands[:3]), "others")
	}
	if len(commands) == 1 {
		return commands[0] + " has it"
	}
	return list(commands) + " have it"
}

func unexpected(node *kong.Node, word string) error {
	if above := node.Parent; above != nil && above.DefaultCmd == node && len(node.Positional) == 0 {
		node = above // the command that runs without being named: the word was to name another one
	}
	where := Name(node)
	below := children(node)
	if len(below) == 0 {
		fix := advice(where)
		if len(node.Positional) == 0 {
			return command.Usage(fmt.Errorf("%s takes no argument, but got %q", where, word), fix)
		}
		return command.Usage(fmt.Errorf("%s takes no further argument, but got %q", where, word), fix)
	}
	problem := fmt.Errorf("unknown command %q", strings.TrimSpace(where+" "+word))
	if q := nearest.Question("mtplx "+prefix(where), nearest.Names(word, names(below))); q != "" {
		return command.Usage(problem, q)
	}
	// A command of another level, such as preflight for bench preflight.
	var elsewhere []string
	for _, leaf := range root(node).Leaves(true) {
		if len(nearest.Names(word, append([]string{leaf.Name}, leaf.Aliases...))) > 0 {
			elsewhere = append(elsewhere, Name(leaf))
		}
	}
	if len(elsewhere) > 0 && len(elsewhere) <= 3 {
		return command.Usage(problem, nearest.Question("mtplx ", elsewhere))
	}
	return command.Usage(problem, advice(where))
}

// enumerated finds the value that kong refused because it is none of those the flag takes.
func enumerated(node *kong.Node, err error) (value *kong.Value, given string, ok bool) {
	text := err.Error()
	if !strings.Contains(text, " must be one of ") {
		return nil, "", false
	}
	_, quoted, ok := strings.Cut(text, " but got ")
	if !ok {
		return nil, "", false
	}
	var values []*kong.Value
	for n := node; n != nil; n = n.Parent {
		values = append(values, n.Values()...)
	}
	for _, v := range values {
		if strings.HasPrefix(text, v.ShortSummary()+" must be") {
			return v, strings.Trim(quoted, `"`), true
		}
	}
	return nil, "", false
}

func children(node *kong.Node) (visible []*kong.Node) {
	for _, c := range node.Children {
		if !c.Hidden && c.Type == kong.CommandNode {
			visible = append(visible, c)
		}
	}
	return visible
}

func names(nodes []*kong.Node) (out []string) {
	for _, n := range nodes {
		out = append(out, n.Name)
		out = append(out, n.Aliases...)
	}
	return out
}

func root(node *kong.Node) *kong.Node {
	for node.Parent != nil {
		node = node.Parent
	}
	return node
}

func prefix(where string) string {
	if where == "" {
		return ""
	}
	return where + " "
}

func advice(where string) string {
	if where == "" {
		return "mtplx --help lists the commands"
	}
	return "mtplx " + where + " --help lists what it takes"
}

// list joins names to a phrase.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
