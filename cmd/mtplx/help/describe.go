package help

import (
	"strings"

	"github.com/alecthomas/kong"
)

// The objects of mtplx help --json.
type (
	program struct {
		About    string         `json:"about"`
		Commands []commandEntry `json:"commands"`
		Topics   []Topic        `json:"topics"`
	}
	commandEntry struct {
		Name      string          `json:"name"` // with those above it
		Group     string          `json:"group"`
		Help      string          `json:"help"`
		Detail    string          `json:"detail,omitempty"`
		Aliases   []string        `json:"aliases,omitempty"`
		Examples  []string        `json:"examples"`
		Usage     string          `json:"usage"`
		Arguments []argumentEntry `json:"arguments"`
		Flags     []flagEntry     `json:"flags"`
	}
	argumentEntry struct {
		Name     string `json:"name"`
		Help     string `json:"help"`
		Required bool   `json:"required"`
		Repeats  bool   `json:"repeats"`
	}
	flagEntry struct {
		Name        string   `json:"name"`
		Short       string   `json:"short,omitempty"`
		Value       string   `json:"value,omitempty"` // what stands for it; a switch has none
		Help        string   `json:"help"`
		Group       string   `json:"group,omitempty"`
		Default     string   `json:"default,omitempty"`
		Values      []string `json:"values,omitempty"`
		Repeats     bool     `json:"repeats"`
		Environment []string `json:"environment"`
	}
)

func describe(app *kong.Application) program {
	p := program{About: About, Commands: []commandEntry{}, Topics: Topics()}
	for _, node := range All(app.Node) {
		p.Commands = append(p.Commands, describeCommand(node))
	}
	return p
}

func describeCommand(node *kong.Node) commandEntry {
	c := commandEntry{
		Name: Path(node), Group: GroupOf(node), Help: node.Help, Detail: strings.TrimSpace(node.Detail), Aliases: node.Aliases,
		Examples: Examples(node), Usage: Synopsis(node), Arguments: []argumentEntry{}, Flags: []flagEntry{},
	}
	for _, p := range node.Positional {
		c.Arguments = append(c.Arguments, argumentEntry{p.Name, p.Help, p.Required, p.IsCumulative()})
	}
	for _, g := range FlagGroups(node) {
		for _, f := range g.Flags {
			e := flagEntry{
				Name: f.Name, Value: Placeholder(f), Help: f.Help, Group: g.Title, Default: f.Default, Repeats: f.IsCumulative(),
				Environment: Variables(f),
			}
			if f.Short != 0 {
				e.Short = string(f.Short)
			}
			e.Values, _ = Values(f)
			c.Flags = append(c.Flags, e)
		}
	}
	return c
}
