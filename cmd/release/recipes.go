package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

var (
	//go:embed formula.rb.tmpl
	formulaText string
	//go:embed Containerfile.tmpl
	containerText string
)

// download is an archive as a recipe names it.
type download struct{ Arch, File, URL, Sum string }

// brewArch names architectures as Homebrew does.
var brewArch = map[string]string{"amd64": "on_intel", "arm64": "on_arm"}

// recipe is what the templates are filled with.
type recipe struct {
	Name, Class, Summary, Licence, Version string
	Mac, Linux                             []download
	Intel                                  bool // there is a Mac archive for Intel
	Documents                              []string
}

// recipe gathers what formula and image are made of.
func (r *release) recipe(files string, archives map[platform]string) (*recipe, error) {
	c := &recipe{Name: r.name, Class: strings.ToUpper(r.name[:1]) + r.name[1:], Summary: r.summary, Licence: r.licence, Version: r.version}
	for _, d := range r.documents {
		c.Documents = append(c.Documents, filepath.Base(d))
	}
	c.Documents = append(c.Documents, noticesName)
	base := strings.TrimRight(r.url, "/")
	if base == "" {
		out, err := filepath.Abs(r.out)
		if err != nil {
			return nil, err
		}
		base = "file://" + out
	}
	for _, p := range r.platforms {
		sum, err := sumOf(filepath.Join(files, archives[p]))
		if err != nil {
			return nil, err
		}
		d := download{Arch: p.arch, File: archives[p], URL: base + "/" + archives[p], Sum: sum}
		switch p.system {
		case "darwin":
			c.Mac = append(c.Mac, d)
			c.Intel = c.Intel || p.arch == "amd64"
		case "linux":
			c.Linux = append(c.Linux, d)
		}
	}
	return c, nil
}

// writeFormula writes the Homebrew formula.
func (r *release) writeFormula(files string, archives map[platform]string) error {
	if r.url == "" {
		r.say("the formula takes archives from %s: --url says where they can be downloaded", r.out)
	}
	return r.fill(files, r.name+".rb", formulaText, archives)
}

// writeContainerfile writes what an image is built from, where there is a Linux to put into one.
func (r *release) writeContainerfile(files string, archives map[platform]string) error {
	for _, p := range r.platforms {
		if p.system == "linux" {
			return r.fill(files, "Containerfile", containerText, archives)
		}
	}
	return nil
}

func (r *release) fill(files, name, text string, archives map[platform]string) error {
	c, err := r.recipe(files, archives)
	if err != nil {
		return err
	}
	t, err := template.New(name).Funcs(template.FuncMap{
		"brew": func(arch string) (string, error) {
			if on, ok := brewArch[arch]; ok {
				return on, nil
			}
			return "", fmt.Errorf("there is no %s in Homebrew", arch)
		},
		"quoted": func(list []string) string { return `"` + strings.Join(list, `", "`) + `"` },
	}).Parse(text)
	if err != nil {
		return err
	}
	var b strings.Builder
	if err := t.Execute(&b, c); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := os.WriteFile(filepath.Join(files, name), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
