package help

import (
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Print is kong's printer: what --help prints.
func Print(_ kong.HelpOptions, ctx *kong.Context) error {
	l := forStream(ctx.Stdout)
	if node := ctx.Selected(); node != nil {
		return write(ctx.Stdout, l.short(node))
	}
	return write(ctx.Stdout, l.root(ctx.Model))
}

// About is the program in a sentence.
const About = "mtplx runs language models that draft with their own multi-token-prediction heads, exactly."

// Welcome is what mtplx without arguments prints.
func Welcome(out io.Writer) error {
	l := forStream(out)
	lines := append(wrap(About, l.width), "")
	lines = append(lines, l.table([]row{
		{"mtplx start", "three questions, and the model runs"},
		{"mtplx chat", "converse in the terminal"},
		{`mtplx ask "Say hello."`, "answer one question"},
		{"mtplx serve", "serve the model to other programs"},
	}, 2)...)
	lines = append(lines, "")
	return write(out, append(lines, wrap("mtplx --help lists all commands, mtplx help the topics.", l.width)...))
}

// section is a part of a page that can be written out or be put in few lines.
type section struct{ full, brief []string }

// fit writes out as many sections as the page has room for beside the rest, the first ones first. What is in brief stands
// apart from what is written out with a heading above it, while there is room for that.
func (l layout) fit(rest int, sections []section) (lines []string, all bool) {
	total := rest
	for _, s := range sections {
		total += len(s.brief)
	}
	all = true
	headed := false
	for _, s := range sections {
		if more := len(s.full) - len(s.brief); total+more <= l.height {
			total += more
			lines = append(lines, s.full...)
			headed = len(s.full) > 0 && s.full[0] == ""
			continue
		}
		if headed && len(s.brief) > 0 && total < l.height {
			total++
			lines = append(lines, "")
		}
		lines = append(lines, s.brief...)
		all, headed = false, false
	}
	return lines, all
}

// root is the page of all commands.
func (l layout) root(app *kong.Application) []string {
	head := append(wrap(About, l.width), "")
	for _, e := range rootExamples {
		head = append(head, l.examples([]string{e})...)
	}
	foot := wrap("mtplx help COMMAND says all about one, mtplx help lists topics, mtplx COMMAND --help is short.", l.width)
	foot = append([]string{""}, foot...)
	groups := CommandGroups(app)
	sections := make([]section, 0, len(groups))
	for _, g := range groups {
		sections = append(sections, l.commands(g))
	}
	body, _ := l.fit(len(head)+len(foot)+1, sections)
	return slices.Concat(head, []string{""}, body, foot)
}

// titleColumn is the width of the column with the groups' titles.
const titleColumn = 10

// commands sets a group of commands: its title stands beside the first, or on narrow pages above it.
func (l layout) commands(g CommandGroup) section {
	rows := make([]row, 0, len(g.Commands))
	names := make([]string, 0, len(g.Commands))
	for _, c := range g.Commands {
		rows = append(rows, row{c.Name, Short(c.Help)})
		names = append(names, c.Name)
	}
	if l.width < 60 {
		title := l.heading(g.Title)
		return section{append([]string{title}, l.table(rows, 2)...), append([]string{title}, indent(wrap(strings.Join(names, ", "), l.width-2), 2)...)}
	}
	inner := l
	inner.width -= titleColumn
	beside := func(lines []string) []string {
		lines = indent(lines, titleColumn)
		lines[0] = l.heading(g.Title) + strings.Repeat(" ", titleColumn-len(g.Title)) + lines[0][titleColumn:]
		return lines
	}
	for i := range rows { // one width for all groups
		rows[i].left += strings.Repeat(" ", max(0, 10-len(rows[i].left)))
	}
	return section{beside(inner.table(rows, 0)), beside(wrap(strings.Join(names, ", "), inner.width))}
}

// short is a command's page that fits the screen.
func (l layout) short(node *kong.Node) []string {
	head := l.head(node)
	var sections []section
	if detail := l.detail(node); len(detail) > 0 && len(detail) <= 6 {
		sections = append(sections, section{full: append([]string{""}, detail...)})
	}
	if below := Commands(node); len(below) > 0 {
		sections = append(sections, l.below(below))
	}
	flags := FlagGroups(node)
	column := 0
	for _, g := range flags {
		column = max(column, len(g.Title))
	}
	for _, g := range flags {
		names := make([]string, 0, len(g.Flags))
		for _, f := range g.Flags {
			names = append(names, "--"+f.Name)
		}
		if topic, ok := topicOf[g.Title]; ok {
			names = []string{"mtplx help " + topic}
		}
		brief := l.table([]row{{g.Title + strings.Repeat(" ", column-len(g.Title)), strings.Join(names, " ")}}, 0)
		full := append([]string{"", l.heading(g.Title)}, l.table(flagRows(g.Flags, false), 2)...)
		sections = append(sections, section{full, brief})
	}
	foot := append([]string{""}, wrap("mtplx help "+Path(node)+" says more.", l.width)...)
	body, all := l.fit(len(head)+len(foot)+1, sections)
	if !all && len(body) > 0 && body[0] != "" {
		body = append([]string{""}, body...)
	}
	return slices.Concat(head, body, foot)
}

// long is all that is known of a command.
func (l layout) long(node *kong.Node) []string {
	lines := l.head(node)
	if detail := l.detail(node); len(detail) > 0 {
		lines = append(append(lines, ""), detail...)
	}
	if below := Commands(node); len(below) > 0 {
		lines = append(lines, l.below(below).full...)
	}
	groups := FlagGroups(node)
	for _, g := range groups {
		lines = append(append(lines, "", l.heading(g.Title)), l.table(flagRows(g.Flags, true), 2)...)
	}
	if len(groups) > 0 {
		f := groups[0].Flags[0]
		lines = append(lines, "")
		lines = append(lines, wrap("Each flag can stand in the configuration file and the environment, too, --"+f.Name+" as "+f.Name+
			" and as "+strings.Join(Variables(f), ", ")+": mtplx help config.", l.width)...)
	}
	return lines
}

// head is how each command's page begins: what it does, examples, the command line in general and its arguments.
func (l layout) head(node *kong.Node) []string {
	lines := wrap(node.Help, l.width)
	if examples := Examples(node); len(examples) > 0 {
		lines = append(append(lines, ""), l.examples(examples)...)
	}
	usage := wrap("Usage: "+Synopsis(node), l.width)
	lines = append(append(lines, ""), usage...)
	if len(node.Aliases) > 0 {
		lines = append(lines, wrap("Also called "+strings.Join(node.Aliases, ", ")+".", l.width)...)
	}
	rows := make([]row, 0, len(node.Positional))
	for _, p := range node.Positional {
		rows = append(rows, row{strings.ToUpper(p.Name), strings.TrimSuffix(p.Help, ".")})
	}
	return append(lines, l.table(rows, 2)...)
}

func (l layout) examples(examples []string) (lines []string) {
	for _, e := range examples {
		for _, s := range wrapCommand(e, l.width-2) {
			lines = append(lines, "  "+l.name(s))
		}
	}
	return lines
}

// detail is what a command says of itself at length, without the examples that stand above it.
func (l layout) detail(node *kong.Node) []string {
	return l.prose(Detail(node), 0)
}

// Detail is a command's own longer text, without lines that are examples.
func Detail(node *kong.Node) string {
	examples := Examples(node)
	var kept []string
	for line := range strings.Lines(node.Detail) {
		line = strings.TrimRight(line, "\n")
		if !slices.Contains(examples, strings.TrimPrefix(strings.TrimSpace(line), "Example: ")) {
			kept = append(kept, line)
		}
	}
	return strings.TrimRight(strings.Trim(strings.Join(kept, "\n"), "\n"), " \n")
}

func (l layout) below(commands []*kong.Node) section {
	rows := make([]row, 0, len(commands))
	names := make([]string, 0, len(commands))
	for _, c := range commands {
		rows = append(rows, row{c.Name, Short(c.Help)})
		names = append(names, c.Name)
	}
	title := []string{"", l.heading("Commands")}
	return section{append(slices.Clone(title), l.table(rows, 2)...), append(slices.Clone(title), indent(wrap(strings.Join(names, ", "), l.width-2), 2)...)}
}

func indent(lines []string, by int) []string {
	out := make([]string, len(lines))
	for i, s := range lines {
		out[i] = strings.Repeat(" ", by) + s
	}
	return out
}
