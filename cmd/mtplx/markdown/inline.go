package markdown

import (
	"strings"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/util"
)

// inline appends the painted text of a node's children.
func (r *renderer) inline(b *strings.Builder, n ast.Node, look Look) {
	if n.FirstChild() == nil && n.Type() == ast.TypeBlock && n.Lines() != nil {
		for i := range n.Lines().Len() { // a block without inline parts, shown as it stands
			at := n.Lines().At(i)
			b.WriteString(r.theme.Paint(look, strings.TrimRight(string(at.Value(r.source)), "\n")))
		}
		return
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.WriteString(r.theme.Paint(look, unescape(c.Segment.Value(r.source), c.IsRaw())))
			switch {
			case c.HardLineBreak():
				b.WriteByte('\n')
			case c.SoftLineBreak():
				b.WriteByte(' ')
			}
		case *ast.String:
			b.WriteString(r.theme.Paint(look, string(c.Value)))
		case *ast.CodeSpan:
			r.inline(b, c, look.and(codeSpan))
		case *ast.Emphasis:
			if c.Level == 1 {
				r.inline(b, c, look.and(italic))
			} else {
				r.inline(b, c, look.and(Bold))
			}
		case *east.Strikethrough:
			r.inline(b, c, look.and(struck))
		case *ast.Link:
			r.link(b, c, string(c.Destination), look)
		case *ast.Image:
			r.link(b, c, string(c.Destination), look)
		case *ast.AutoLink:
			b.WriteString(r.theme.Paint(look.and(link), string(c.Label(r.source))))
		case *ast.RawHTML:
			for i := range c.Segments.Len() {
				at := c.Segments.At(i)
				b.WriteString(r.theme.Paint(look, strings.ReplaceAll(string(at.Value(r.source)), "\n", " ")))
			}
		case *east.TaskCheckBox:
			if c.IsChecked {
				b.WriteString("[x] ")
			} else {
				b.WriteString("[ ] ")
			}
		default:
			r.inline(b, c, look)
		}
	}
}

// link writes a link's text, and its address where that says more.
func (r *renderer) link(b *strings.Builder, n ast.Node, to string, look Look) {
	before := b.Len()
	r.inline(b, n, look.and(underline))
	if to != "" && !strings.Contains(b.String()[before:], to) {
		b.WriteString(r.theme.Paint(look, " (") + r.theme.Paint(look.and(link), Clean(to)) + r.theme.Paint(look, ")"))
	}
}

// unescape resolves a text's backslashes and character references, unless it is raw.
func unescape(text []byte, raw bool) string {
	if raw {
		return string(text)
	}
	text = util.UnescapePunctuations(text)
	text = util.ResolveNumericReferences(text)
	text = util.ResolveEntityNames(text)
	return strings.ReplaceAll(Clean(string(text)), "\n", " ") // a reference may name a control character
}
