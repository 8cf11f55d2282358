package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/help"
	"mtplx/cmd/mtplx/nearest"
)

// keyError says what is wrong with a key, and what to do.
type keyError struct{ problem, fix string }

func (e *keyError) Error() string { return e.problem }

// flagsOf are the flags that a key sets: one in each command at or below that of its table which has it. There are some, or
// an error.
func flagsOf(app *kong.Application, key []string) ([]*kong.Flag, error) {
	node := app.Node
	for i, word := range key[:len(key)-1] {
		below := help.Commands(node)
		at := slices.IndexFunc(below, func(c *kong.Node) bool { return c.Name == word || slices.Contains(c.Aliases, word) })
		if at < 0 {
			names := make([]string, 0, len(below))
			for _, c := range below {
				names = append(names, c.Name)
			}
			fix := "a table is named after a command"
			if q := nearest.Question(table(key[:i]), nearest.Names(word, names)); q != "" {
				fix = q
			}
			return nil, &keyError{fmt.Sprintf("unknown table [%s]", strings.Join(key[:i+1], ".")), fix}
		}
		node = below[at]
	}
	name := key[len(key)-1]
	var found []*kong.Flag
	var known []string
	for _, f := range flagsBelow(node) {
		if f.Name == name || slices.Contains(f.Aliases, name) {
			found = append(found, f)
		}
		known = append(known, f.Name)
	}
	if found != nil {
		return found, nil
	}
	path := strings.Join(key, ".")
	for _, c := range help.Commands(node) {
		if c.Name == name {
			return nil, &keyError{path + " is a command, not a flag", "settings of a command stand in a table, [" + path + "]"}
		}
	}
	fix := "mtplx help config says what keys there are"
	if q := nearest.Question(table(key[:len(key)-1]), nearest.Names(name, known)); q != "" {
		fix = q
	} else if len(key) > 1 {
		if _, err := flagsOf(app, []string{name}); err == nil {
			fix = strings.Join(key[:len(key)-1], " ") + " has no flag of that name, though others do"
		}
	}
	return nil, &keyError{fmt.Sprintf("unknown key %q", path), fix}
}

// table is what stands before a key of a table.
func table(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, ".") + "."
}

// flagsBelow are the flags of a command and of those below it that may be set from elsewhere than the command line.
func flagsBelow(node *kong.Node) (flags []*kong.Flag) {
	for _, n := range append([]*kong.Node{node}, help.All(node)...) {
		for _, f := range n.Flags {
			if len(help.Variables(f)) > 0 {
				flags = append(flags, f)
			}
		}
	}
	return flags
}

// check says what is wrong with an entry: an unknown key, or a value that no flag of that name takes.
func check(app *kong.Application, e entry) error {
	flags, err := flagsOf(app, e.key)
	if err != nil {
		return err
	}
	var first error
	for _, f := range flags {
		if _, err := convert(f, e.value); err == nil {
			return nil
		} else if first == nil {
			first = err
		}
	}
	return &keyError{fmt.Sprintf("%s is %s", strings.Join(e.key, "."), show(flags[0], e.value)), first.Error()}
}
