package man

import (
	"regexp"
	"strings"
)

// page is a manual page that is being written. Its methods add a macro or a paragraph each.
type page struct{ b strings.Builder }

// escape keeps a text from being taken for troff: backslashes, dashes that must stay dashes, and what begins a request.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "^", `\(ha`, "~", `\(ti`, "`", `\(ga`).Replace(s)
}

// line adds text as a line of its own; a leading dot would be a request.
func (p *page) line(s string) {
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	p.b.WriteString(s + "\n")
}

// macro adds a request with arguments, each in quotes. Dashes in them stay hyphens, as dates and headings want them.
func (p *page) macro(name string, args ...string) {
	p.b.WriteString("." + name)
	for _, a := range args {
		p.b.WriteString(` "` + strings.NewReplacer(`\`, `\e`, `"`, `\(dq`).Replace(a) + `"`)
	}
	p.b.WriteString("\n")
}

func (p *page) section(title string) { p.macro("SH", strings.ToUpper(title)) }

// column finds a line of two columns, which two spaces or more part.
var column = regexp.MustCompile(`^ +(\S.*?) {2,}(\S.*)$`)

// paragraphs adds a text of mtplx help: lines that begin with a space are command lines or such that stand as they are, or a
// table when they have two columns; others flow.
func (p *page) paragraphs(text string) {
	literal, begun := false, true // a section has just begun, so its first paragraph needs no macro
	flow := func() {
		if literal {
			p.b.WriteString(".fi\n")
			literal = false
		}
	}
	for line := range strings.Lines(strings.Trim(text, "\n")) {
		line = strings.TrimRight(line, " \n")
		row := column.FindStringSubmatch(line)
		switch {
		case line == "":
			flow()
			begun = false
		case row != nil:
			flow()
			p.entry(row[1], row[2])
			begun = false
		case strings.HasPrefix(line, " "):
			if !literal {
				if !begun {
					p.b.WriteString(".PP\n")
				}
				p.b.WriteString(".nf\n")
				literal = true
			}
			p.line(escape(line))
		default:
			flow()
			if !begun {
				p.b.WriteString(".PP\n")
				begun = true
			}
			p.line(escape(line))
		}
	}
	flow()
}

// entry adds a term and what it means.
func (p *page) entry(term, text string) {
	p.b.WriteString(".TP\n")
	p.line(`\fB` + escape(term) + `\fR`)
	if text == "" {
		text = " "
	}
	p.line(escape(text))
}

// examples adds command lines.
func (p *page) examples(lines []string) {
	p.section("Examples")
	p.b.WriteString(".nf\n")
	for _, l := range lines {
		p.line(escape(l))
	}
	p.b.WriteString(".fi\n")
}
