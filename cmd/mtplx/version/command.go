package version

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"

	"mtplx/cmd/mtplx/command"
)

// Cmd prints what was built, from what and how.
type Cmd struct {
	JSON bool `help:"Print one JSON object."`
}

// Build is a build of mtplx, as --json prints it.
type Build struct {
	Version  string   `json:"version"`
	Commit   string   `json:"commit,omitempty"`   // empty when built outside a repository
	Modified bool     `json:"modified,omitempty"` // the tree differed from the commit
	Time     string   `json:"commit_time,omitempty"`
	Go       string   `json:"go"`
	OS       string   `json:"os"`
	Arch     string   `json:"arch"`
	Level    string   `json:"arch_level,omitempty"` // GOAMD64 or GOARM64
	Tags     []string `json:"tags"`
}

// Run implements the command.
func (c *Cmd) Run(s command.Streams) error {
	b := Current()
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetEscapeHTML(false)
		return e.Encode(b)
	}
	return b.print(s.Out)
}

// Current is the build that runs.
func Current() Build { return read(debug.ReadBuildInfo()) }

func read(info *debug.BuildInfo, ok bool) Build {
	b := Build{Version: command.Version, Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH, Tags: []string{}}
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		case "vcs.time":
			b.Time = s.Value
		case "GOAMD64", "GOARM64":
			b.Level = s.Value
		case "-tags":
			b.Tags = strings.FieldsFunc(s.Value, func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	return b
}

// shortCommit is how many digits of a commit a person needs.
const shortCommit = 12

func (b Build) print(w io.Writer) error {
	text := "mtplx " + b.Version
	if b.Commit != "" {
		text += " (" + b.Commit[:min(shortCommit, len(b.Commit))]
		if b.Modified {
			text += " and changes"
		}
		text += ")"
	}
	text += fmt.Sprintf("\n%s, %s/%s", b.Go, b.OS, b.Arch)
	if b.Level != "" {
		text += " " + b.Level
	}
	if len(b.Tags) > 0 {
		text += ", tags " + strings.Join(b.Tags, ",")
	}
	_, err := fmt.Fprintln(w, text)
	return err
}
