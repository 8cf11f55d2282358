package markdown

import (
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

var parser = goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList)).Parser()

// block renders one block, or a few.
func block(t Theme, width int, source string) []string {
	r := renderer{theme: t, source: []byte(Clean(source))}
	lines := r.children(parser.Parse(text.NewReader(r.source)), width)
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " ")
	}
	return lines
}

type renderer struct {
	theme  Theme
	source []byte
}

// children renders the blocks in a node, with a blank line between them unless they are a tight list's.
func (r *renderer) children(n ast.Node, width int) []string {
	var lines []string
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if c != n.FirstChild() && c.HasBlankPreviousLines() {
			lines = append(lines, "")
		}
		lines = append(lines, r.block(c, width)...)
	}
	return lines
}

func (r *renderer) block(n ast.Node, width int) []string {
	switch n := n.(type) {
	case *ast.Heading:
		look := heading
		if n.Level == 1 {
			look = title
		}
		return r.flow(n, look, width)
	case *ast.List:
		return r.list(n, width)
	case *ast.Blockquote:
		return prefix(r.children(n, max(width-2, 1)), r.theme.Paint(Faint, "│ "), r.theme.Paint(Faint, "│ "), width)
	case *ast.FencedCodeBlock:
		return r.code(n, string(n.Language(r.source)), width)
	case *ast.CodeBlock:
		return r.code(n, "", width)
	case *ast.HTMLBlock:
		lines := r.code(n, "", width)
		if n.HasClosure() {
			lines = append(lines, Fit(strings.TrimSpace(string(n.ClosureLine.Value(r.source))), width))
		}
		return lines
	case *ast.ThematicBreak:
		return []string{r.theme.Paint(Faint, strings.Repeat("─", min(width, 40)))}
	case *east.Table:
		return r.table(n, width)
	default:
		return r.flow(n, Look{}, width)
	}
}

// flow renders running text.
func (r *renderer) flow(n ast.Node, look Look, width int) []string {
	var b strings.Builder
	r.inline(&b, n, look)
	return strings.Split(wrap(b.String(), width), "\n")
}

// wrap breaks a painted text into lines that are each painted whole.
func wrap(s string, width int) string { return lipgloss.Wrap(s, width, " -") }

func (r *renderer) list(n *ast.List, width int) []string {
	var lines []string
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		marker := "• "
		if n.IsOrdered() {
			marker = strconv.Itoa(number) + string(n.Marker) + " "
			number++
		}
		if item != n.FirstChild() && !n.IsTight {
			lines = append(lines, "")
		}
		w := ansi.StringWidth(marker)
		inside := r.children(item, max(width-w, 1))
		lines = append(lines, prefix(inside, r.theme.Paint(Faint, marker), strings.Repeat(" ", w), width)...)
	}
	return lines
}

// prefix puts one text before the first line and another before the others. Where the width leaves no room, it is left out.
func prefix(lines []string, first, others string, width int) []string {
	if ansi.StringWidth(first) >= width {
		return lines
	}
	out := make([]string, max(len(lines), 1))
	out[0] = first
	for i, l := range lines {
		if i > 0 {
			out[i] = others
		}
		out[i] += l
	}
	return out
}

func (r *renderer) code(n ast.Node, language string, width int) []string {
	c := code{language: language}
	for i := range n.Lines().Len() {
		at := n.Lines().At(i)
		c.add(strings.TrimRight(string(at.Value(r.source)), "\n"))
	}
	return c.take(r.theme, width)
}
