package man

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// Cmd writes manual pages.
type Cmd struct {
	Dir  string `arg:"" optional:"" help:"Directory for a page of each command; without it the program's own page is printed."`
	JSON bool   `help:"Print which files were written, or the page, as one JSON object."`
}

// Help is what mtplx help man says of it.
func (c *Cmd) Help() string {
	return "The directory is made if need be; files of the same names are replaced. man finds pages in ~/.local/share/man/man1 where " +
		"that is in its path; man -l mtplx.1 shows a file."
}

// Run implements the command.
func (c *Cmd) Run(k *kong.Kong, s command.Streams) error {
	pages := Pages(k.Model)
	if c.Dir == "" {
		if c.JSON {
			return encode(s.Out, struct {
				Name string `json:"name"`
				Page string `json:"page"`
			}{pages[0].Name, pages[0].Text})
		}
		_, err := io.WriteString(s.Out, pages[0].Text)
		return err
	}
	files, err := writeTo(c.Dir, pages)
	if err != nil {
		return runtime.Unwritten(fmt.Errorf("write manual pages: %w", err), "give a directory that you can write to")
	}
	if c.JSON {
		return encode(s.Out, struct {
			Files []string `json:"files"`
		}{files})
	}
	_, err = fmt.Fprintf(s.Out, "%d pages in %s\n", len(files), c.Dir)
	return err
}

// writeTo writes pages into a directory and returns the files' paths.
func writeTo(dir string, pages []Page) (files []string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for _, p := range pages {
		path := filepath.Join(dir, p.Name)
		if err := os.WriteFile(path, []byte(p.Text), 0o644); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

func encode(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
