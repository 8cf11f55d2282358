package man

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/help"
	"mtplx/cmd/mtplx/version"
)

// Page is a manual page.
type Page struct {
	Name string // of its file, such as mtplx-bench-run.1
	Text string
}

// Pages are the pages of the program and all its commands, the program's first.
func Pages(app *kong.Application) []Page {
	nodes := help.All(app.Node)
	pages := make([]Page, 0, 1+len(nodes))
	pages = append(pages, Page{"mtplx.1", program(app)})
	for _, node := range nodes {
		pages = append(pages, Page{title(node) + ".1", forCommand(node)})
	}
	return pages
}

// title is the name of a command's page.
func title(node *kong.Node) string { return "mtplx-" + strings.ReplaceAll(help.Path(node), " ", "-") }

// begin opens a page. The same build writes the same pages: the date is the commit's, or the one that who packages the program
// says in SOURCE_DATE_EPOCH (reproducible-builds.org).
func begin(name, summary string) *page {
	p := &page{}
	build := version.Current()
	date, _, _ := strings.Cut(build.Time, "T")
	if seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64); err == nil {
		date = time.Unix(seconds, 0).UTC().Format(time.DateOnly)
	}
	p.macro("TH", strings.ToUpper(name), "1", date, "mtplx "+build.Version, "mtplx manual")
	p.section("Name")
	p.line(escape(name) + ` \- ` + escape(summary))
	return p
}

func program(app *kong.Application) string {
	p := begin("mtplx", strings.TrimPrefix(help.About, "mtplx "))
	p.section("Synopsis")
	p.line(`\fBmtplx\fR \fICOMMAND\fR [\fIFLAGS\fR]`)
	p.examples(help.RootExamples())
	p.section("Commands")
	for _, g := range help.CommandGroups(app) {
		p.macro("SS", g.Title)
		for _, node := range g.Commands {
			p.entry("mtplx-"+node.Name+"(1)", help.Short(node.Help))
			for _, below := range help.All(node) {
				p.entry(title(below)+"(1)", help.Short(below.Help))
			}
		}
	}
	for _, t := range help.Topics() {
		p.section(t.Title)
		p.paragraphs(t.Text)
	}
	return p.b.String()
}

func forCommand(node *kong.Node) string {
	p := begin(title(node), help.Short(node.Help))
	p.section("Synopsis")
	p.line(`\fB` + escape(help.Synopsis(node)) + `\fR`)
	p.section("Description")
	p.paragraphs(node.Help + "\n\n" + help.Detail(node))
	for _, a := range node.Positional {
		p.entry(strings.ToUpper(a.Name), a.Help)
	}
	if below := help.All(node); len(below) > 0 {
		p.section("Commands")
		for _, c := range below {
			p.entry(title(c)+"(1)", help.Short(c.Help))
		}
	}
	for _, g := range help.FlagGroups(node) {
		name := g.Title
		if name != "Flags" {
			name += " flags"
		}
		p.section(name)
		for _, f := range g.Flags {
			p.entry(help.FlagText(f), help.Describe(f))
		}
	}
	p.examples(help.Examples(node))
	if len(node.Aliases) > 0 {
		p.section("Other names")
		p.line(escape(strings.Join(node.Aliases, ", ")))
	}
	p.section("See also")
	also := `\fBmtplx\fR(1)`
	if node.Parent != nil && node.Parent.Type != kong.ApplicationNode {
		also += `, \fB` + escape(title(node.Parent)) + `\fR(1)`
	}
	p.line(also)
	return p.b.String()
}
