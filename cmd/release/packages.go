package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// nfpmConfig is what nfpm is told of a package, the part of its file that is used here.
type nfpmConfig struct {
	Name          string         `json:"name"`
	Arch          string         `json:"arch"`
	Platform      string         `json:"platform"`
	Version       string         `json:"version"`
	VersionSchema string         `json:"version_schema"`
	Section       string         `json:"section"`
	Priority      string         `json:"priority"`
	Maintainer    string         `json:"maintainer"`
	Description   string         `json:"description"`
	License       string         `json:"license"`
	MTime         string         `json:"mtime"`
	Contents      []nfpmContent  `json:"contents"`
	RPM           map[string]any `json:"rpm"`
}

type nfpmContent struct {
	Source   string       `json:"src"`
	Target   string       `json:"dst"`
	Packager string       `json:"packager,omitempty"` // the only kind of package that has it; empty means all
	Info     nfpmFileInfo `json:"file_info"`
}

type nfpmFileInfo struct {
	Mode  int    `json:"mode"`
	MTime string `json:"mtime"`
	Owner string `json:"owner"`
	Group string `json:"group"`
}

// packages makes the packages of a platform, where it has any and nfpm is there.
func (r *release) packages(ctx context.Context, work, files string, p platform, entries []entry) error {
	if p.system != "linux" {
		return nil
	}
	if r.nfpm == "" {
		r.say("no packages for %s: --nfpm names no program", p)
		return nil
	}
	stage := filepath.Join(work, "package-"+p.arch)
	config, err := r.stage(stage, p, entries)
	if err != nil {
		return fmt.Errorf("make packages: %w", err)
	}
	text, err := json.Marshal(config) // which is YAML, too
	if err != nil {
		return fmt.Errorf("make packages: %w", err)
	}
	file := filepath.Join(stage, "nfpm.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("make packages: %w", err)
	}
	for _, kind := range []string{"deb", "rpm"} {
		target := filepath.Join(files, fmt.Sprintf("%s_%s_%s_%s.%s", r.name, r.version, p.system, p.arch, kind))
		cmd := tool(ctx, r.nfpm, "package", "--config", file, "--packager", kind, "--target", target)
		cmd.Env = append(os.Environ(), fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.when.Unix()))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("make %s for %s: %w\n%s", kind, p, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// Where zsh looks for completions depends on who made the distribution.
const (
	debianZsh = "/zsh/vendor-completions/"
	rpmZsh    = "/zsh/site-functions/"
)

// stage writes what a package holds to a directory, and says how it is installed.
func (r *release) stage(dir string, p platform, entries []entry) (*nfpmConfig, error) {
	when := r.when.Format(time.RFC3339)
	c := &nfpmConfig{
		Name: r.name, Arch: p.arch, Platform: p.system, Version: r.version, VersionSchema: "semver", Section: "utils", Priority: "optional",
		Maintainer: r.name + " maintainers", Description: r.summary, License: r.licence, MTime: when,
		RPM: map[string]any{"buildhost": "release", "group": "Applications/Engineering", "summary": r.summary},
	}
	for _, e := range entries {
		if e.installed == "" {
			continue
		}
		content, mode := e.content, 0o644
		if e.executable {
			mode = 0o755
		}
		if strings.HasPrefix(e.installed, "/usr/share/man/") { // pages are installed compressed
			var err error
			if content, err = compressed(content); err != nil {
				return nil, err
			}
			e.installed += ".gz"
		}
		source, err := filepath.Abs(filepath.Join(dir, e.installed))
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(source), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(source, content, 0o644); err != nil {
			return nil, err
		}
		file := nfpmContent{Source: source, Target: e.installed, Info: nfpmFileInfo{mode, when, "root", "root"}}
		if elsewhere := strings.Replace(e.installed, debianZsh, rpmZsh, 1); elsewhere != e.installed {
			file.Packager = "deb"
			other := file
			other.Packager, other.Target = "rpm", elsewhere
			c.Contents = append(c.Contents, other)
		}
		c.Contents = append(c.Contents, file)
	}
	return c, nil
}

// compressed is a gzip file without a name or a time.
func compressed(content []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(content); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
