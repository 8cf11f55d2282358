package main

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/help"
)

var (
	quoted   = regexp.MustCompile("`([^`]+)`")
	flagName = regexp.MustCompile(`(?:^|[\s"'(])--([a-z][a-z0-9-]*)`)
)

// readme is the page that a new user reads, and the commands there are.
func readme(t *testing.T) (text string, app *kong.Node) {
	t.Helper()
	data, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := newParser(command.Streams{Out: io.Discard, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	return string(data), p.Model.Node
}

// below walks down from a command as far as words name one that is visible; rest are the words that do not.
func below(node *kong.Node, words []string) (at *kong.Node, rest []string) {
	for len(words) > 0 {
		i := slices.IndexFunc(help.Commands(node), func(n *kong.Node) bool { return n.Name == words[0] })
		if i < 0 {
			break
		}
		node, words = help.Commands(node)[i], words[1:]
	}
	return node, words
}

// The README's table names every command or one above it, and nothing that is none.
func TestReadmeNamesEveryCommand(t *testing.T) {
	text, app := readme(t)
	_, table, _ := strings.Cut(text, "\n## Commands\n")
	table, _, _ = strings.Cut(table, "\n## ")
	named := map[*kong.Node]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(cells[1], -1) {
			node, rest := below(app, strings.Fields(strings.TrimPrefix(m[1], "mtplx ")))
			if node == app || len(rest) > 0 && len(help.Commands(node)) > 0 {
				t.Errorf("the table has %q, which is no command", m[1])
			}
			named[node] = true
		}
	}
	for _, node := range help.All(app) {
		found := len(help.Commands(node)) > 0 // those below it are looked for
		for n := node; n != nil; n = n.Parent {
			found = found || named[n] && n != app
		}
		if !found {
			t.Errorf("the table lacks %s", help.Path(node))
		}
	}
}

// Every flag that the README names is one of the command it stands with, or where it stands alone of some command.
func TestReadmeNamesFlagsThatAreThere(t *testing.T) {
	text, app := readme(t)
	anywhere := map[string]bool{}
	for _, node := range help.All(app) {
		addFlags(anywhere, node)
	}
	if len(anywhere) < 50 {
		t.Fatalf("only %d flags were found", len(anywhere))
	}
	var pieces []string
	for line := range strings.Lines(text) {
		pieces = append(pieces, line)
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			pieces = append(pieces, m[1])
		}
	}
	for _, piece := range pieces {
		known := anywhere
		if rest, ok := strings.CutPrefix(strings.TrimSpace(piece), "mtplx "); ok {
			rest, _, _ = strings.Cut(rest, " #")
			node, _ := below(app, strings.Fields(rest))
			known, piece = map[string]bool{}, rest
			addFlags(known, node)
		}
		for _, m := range flagName.FindAllStringSubmatch(piece, -1) {
			if !known[m[1]] {
				t.Errorf("%q: there is no --%s", strings.TrimSpace(piece), m[1])
			}
		}
	}
}

// addFlags adds what may stand behind a command.
func addFlags(to map[string]bool, node *kong.Node) {
	for _, group := range node.AllFlags(false) {
		for _, f := range group {
			to[f.Name] = true
			if f.Tag.Negatable != "" {
				to["no-"+f.Name] = true
			}
		}
	}
}
