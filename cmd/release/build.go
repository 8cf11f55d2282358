package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// build builds the program for every platform below work, one after the other: one build takes all cores.
func (r *release) build(ctx context.Context, work string) (map[platform]string, error) {
	programs := map[platform]string{}
	for _, p := range r.platforms {
		r.say("build %s", p)
		path, err := filepath.Abs(filepath.Join(work, p.system+"-"+p.arch, r.name))
		if err != nil {
			return nil, err
		}
		cmd := tool(ctx, r.goCommand, "build", "-trimpath", "-buildvcs=auto", "-ldflags", "-s -w -buildid= -X "+r.variable+"="+r.version, "-o", path, r.pkg)
		cmd.Dir = r.module
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.system, "GOARCH="+p.arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build for %s: %w\n%s", p, err, strings.TrimSpace(string(out)))
		}
		programs[p] = path
	}
	return programs, nil
}

// entry is a file of an archive or a package.
type entry struct {
	name       string // inside the archive
	installed  string // where a package puts it; empty where it does not
	content    []byte
	executable bool
}

// entries are what an archive holds: the program, its documents, and what it says of itself.
func (r *release) entries(program string, extras []entry) ([]entry, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("read program: %w", err)
	}
	list := []entry{{name: r.name, installed: "/usr/bin/" + r.name, content: content, executable: true}}
	for _, d := range r.documents {
		content, err := os.ReadFile(filepath.Join(r.module, d))
		if err != nil {
			return nil, fmt.Errorf("read document: %w", err)
		}
		base := filepath.Base(d)
		list = append(list, entry{name: base, installed: "/usr/share/doc/" + r.name + "/" + base, content: content})
	}
	return append(list, extras...), nil
}

// host is the platform that this machine runs.
var host = platform{runtime.GOOS, runtime.GOARCH}
