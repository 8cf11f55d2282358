package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// scripts are the shells that the program can complete command lines for: where an archive and a package have the script.
var scripts = []struct{ shell, name, installed string }{
	{"bash", "completions/%s.bash", "/usr/share/bash-completion/completions/%s"},
	{"fish", "completions/%s.fish", "/usr/share/fish/vendor_completions.d/%s.fish"},
	{"zsh", "completions/_%s", "/usr/share/zsh/vendor-completions/_%s"},
}

// extras are what the program writes of itself: manual pages and completions. They are the same for every platform, and come
// from the program for this machine, which is built if it is not one of the release's.
func (r *release) extras(ctx context.Context, work string, programs map[platform]string) ([]entry, error) {
	program, ok := programs[host]
	if !ok {
		own := *r
		own.platforms = []platform{host}
		built, err := own.build(ctx, work)
		if err != nil {
			return nil, err
		}
		program = built[host]
	}
	ask := func(args ...string) (string, error) {
		cmd := tool(ctx, program, args...)
		// The maker's own settings are no part of a release.
		cmd.Env = []string{"HOME=" + work, "MTPLX_HOME=" + work, fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.when.Unix()), "LC_ALL=C", "NO_COLOR=1"}
		out, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
		}
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", r.name, strings.Join(args, " "), err)
		}
		return string(out), nil
	}
	has := func(command string) bool {
		_, err := ask(command, "--help")
		if err != nil {
			r.say("skipped: %v", err)
		}
		return err == nil
	}
	var list []entry
	if has("completion") {
		for _, s := range scripts {
			text, err := ask("completion", s.shell)
			if err != nil {
				return nil, err
			}
			list = append(list, entry{name: fmt.Sprintf(s.name, r.name), installed: fmt.Sprintf(s.installed, r.name), content: []byte(text)})
		}
	}
	if has("man") {
		pages := filepath.Join(work, "man")
		if _, err := ask("man", pages); err != nil {
			return nil, err
		}
		names, err := filepath.Glob(filepath.Join(pages, "*.1"))
		if err != nil || len(names) == 0 {
			return nil, fmt.Errorf("%s man wrote no pages", r.name)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				return nil, fmt.Errorf("read manual page: %w", err)
			}
			base := filepath.Base(name)
			list = append(list, entry{name: "man/" + base, installed: "/usr/share/man/man1/" + base, content: text})
		}
	}
	return list, nil
}
