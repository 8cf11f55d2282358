package markdown

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
)

// table renders rows under aligned columns, or, where they are too wide for the terminal, each row as a list of its cells.
func (r *renderer) table(n *east.Table, width int) []string {
	var rows [][]string
	var widths []int
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		look := Look{}
		if _, head := row.(*east.TableHeader); head {
			look = Bold
		}
		var cells []string
		for c := row.FirstChild(); c != nil; c = c.NextSibling() {
			cells = append(cells, r.cell(c, look))
			if len(widths) < len(cells) {
				widths = append(widths, 0)
			}
			widths[len(cells)-1] = max(widths[len(cells)-1], ansi.StringWidth(cells[len(cells)-1]))
		}
		rows = append(rows, cells)
	}
	total := 2 * (len(widths) - 1)
	for _, w := range widths {
		total += w
	}
	if total > width {
		return r.records(rows, width)
	}
	var lines []string
	for i, cells := range rows {
		var b strings.Builder
		for j, c := range cells {
			if j > 0 {
				b.WriteString("  ")
			}
			pad := widths[j] - ansi.StringWidth(c)
			left := 0
			if j < len(n.Alignments) {
				switch n.Alignments[j] {
				case east.AlignRight:
					left = pad
				case east.AlignCenter:
					left = pad / 2
				default:
				}
			}
			b.WriteString(strings.Repeat(" ", left) + c + strings.Repeat(" ", pad-left))
		}
		lines = append(lines, b.String())
		if i == 0 {
			lines = append(lines, r.theme.Paint(Faint, strings.Repeat("─", total)))
		}
	}
	return lines
}

func (r *renderer) cell(n ast.Node, look Look) string {
	var b strings.Builder
	r.inline(&b, n, look)
	return strings.ReplaceAll(b.String(), "\n", " ")
}

// records renders rows as "column: value" lines.
func (r *renderer) records(rows [][]string, width int) []string {
	var lines []string
	for i, row := range rows[1:] {
		if i > 0 {
			lines = append(lines, "")
		}
		for j, c := range row {
			if j < len(rows[0]) {
				c = rows[0][j] + ": " + c
			}
			lines = append(lines, strings.Split(wrap(c, width), "\n")...)
		}
	}
	if len(rows) == 1 {
		lines = strings.Split(wrap(strings.Join(rows[0], ", "), width), "\n")
	}
	return lines
}
