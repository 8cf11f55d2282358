package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// noticesName is the file of an archive that holds other people's licences.
const noticesName = "THIRD-PARTY-NOTICES.txt"

// licenceFile are the names under which modules keep what must go along with copies of them.
var licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|unlicense)(\.(md|txt|rst)|-.*)?$`)

// notices are the licences of Go and of every module in a program. A module without one is an error: it may not be given on.
func (r *release) notices(ctx context.Context, program string) (entry, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return entry{}, fmt.Errorf("read what is in the program: %w", err)
	}
	dirs, err := r.moduleDirs(ctx)
	if err != nil {
		return entry{}, err
	}
	goroot, err := r.goOutput(ctx, "env", "GOROOT")
	if err != nil {
		return entry{}, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s contains what others wrote, under these licences.\n", r.name)
	add := func(title, dir string) error {
		texts, err := licences(dir)
		if err != nil {
			return fmt.Errorf("licence of %s: %w", title, err)
		}
		for _, text := range texts {
			fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("-", 100), title, strings.TrimSpace(text))
		}
		return nil
	}
	if err := add("The Go programming language "+strings.TrimPrefix(info.GoVersion, "go"), strings.TrimSpace(string(goroot))); err != nil {
		return entry{}, err
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		if err := add(d.Path+" "+d.Version, dirs[d.Path+"@"+d.Version]); err != nil {
			return entry{}, err
		}
	}
	return entry{name: noticesName, installed: "/usr/share/doc/" + r.name + "/" + noticesName, content: b.Bytes()}, nil
}

// licences are the texts of a module's directory that are licences by their names, in their order.
func licences(dir string) ([]string, error) {
	if dir == "" {
		return nil, errors.New("the module is not in the cache; go mod download fetches it")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(texts, string(text)) {
			texts = append(texts, string(text))
		}
	}
	if len(texts) == 0 {
		return nil, fmt.Errorf("there is none in %s", dir)
	}
	return texts, nil
}

// moduleDirs are the directories of the modules that the module is built with, by path@version.
func (r *release) moduleDirs(ctx context.Context) (map[string]string, error) {
	out, err := r.goOutput(ctx, "list", "-m", "-json", "all")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m struct {
			Path, Version, Dir string
			Replace            *struct{ Path, Version string }
		}
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			return dirs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list modules: %w", err)
		}
		if m.Replace != nil {
			m.Path, m.Version = m.Replace.Path, m.Replace.Version
		}
		dirs[m.Path+"@"+m.Version] = m.Dir
	}
}

// goOutput is what a go command prints.
func (r *release) goOutput(ctx context.Context, args ...string) ([]byte, error) {
	cmd := tool(ctx, r.goCommand, args...)
	cmd.Dir = r.module
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", args[0], err)
	}
	return out, nil
}
