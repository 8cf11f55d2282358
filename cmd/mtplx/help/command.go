package help

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/nearest"
)

// Cmd prints all about a command, or a topic.
type Cmd struct {
	Topic []string `arg:"" optional:"" help:"A command, such as bench run, or a topic, such as exit-codes."`
	JSON  bool     `help:"Print what the command line knows as one JSON object."`
}

// Run implements the command.
func (c *Cmd) Run(k *kong.Kong, s command.Streams) error {
	l := forStream(s.Out)
	if len(c.Topic) == 0 {
		if c.JSON {
			return encode(s.Out, describe(k.Model))
		}
		return write(s.Out, l.overview(k.Model))
	}
	wanted := strings.Join(c.Topic, " ")
	node := find(k.Model.Node, c.Topic)
	topic, isTopic := FindTopic(wanted)
	switch {
	case node != nil && c.JSON:
		return encode(s.Out, describeCommand(node))
	case node != nil && isTopic: // one name for both: what a reader wants may be in either
		return write(s.Out, slices.Concat(l.long(node), []string{""}, l.topic(topic)))
	case node != nil:
		return write(s.Out, l.long(node))
	case isTopic && c.JSON:
		return encode(s.Out, topic)
	case isTopic:
		return write(s.Out, l.topic(topic))
	}
	var known []string
	for _, node := range All(k.Model.Node) {
		known = append(known, Path(node))
	}
	for _, t := range Topics() {
		known = append(known, t.Name)
	}
	fix := "mtplx help lists commands and topics"
	if q := nearest.Question("mtplx help ", nearest.Names(wanted, known)); q != "" {
		fix = q
	}
	return command.Usage(fmt.Errorf("there is no command or topic %q", wanted), fix)
}

// overview is the page of all commands and topics.
func (l layout) overview(app *kong.Application) []string {
	lines := wrap(About, l.width)
	for _, g := range CommandGroups(app) {
		var rows []row
		for _, c := range g.Commands {
			rows = append(rows, row{c.Name, Short(c.Help)})
			for _, below := range All(c) {
				rows = append(rows, row{Path(below), Short(below.Help)})
			}
		}
		lines = append(append(lines, "", l.heading(g.Title)), l.table(rows, 2)...)
	}
	topics := Topics()
	rows := make([]row, 0, len(topics))
	for _, t := range topics {
		rows = append(rows, row{t.Name, t.Title})
	}
	lines = append(append(lines, "", l.heading("Topics")), l.table(rows, 2)...)
	lines = append(lines, "")
	return append(lines, wrap("mtplx help COMMAND or mtplx help TOPIC says more.", l.width)...)
}

func (l layout) topic(t Topic) []string {
	return append([]string{l.heading(t.Title), ""}, l.prose(t.Text, 0)...)
}

// find is the command of that path, by names or aliases.
func find(node *kong.Node, path []string) *kong.Node {
	for _, word := range path {
		i := slices.IndexFunc(node.Children, func(c *kong.Node) bool {
			return c.Type == kong.CommandNode && (c.Name == word || slices.Contains(c.Aliases, word))
		})
		if i < 0 {
			return nil
		}
		node = node.Children[i]
	}
	return node
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
