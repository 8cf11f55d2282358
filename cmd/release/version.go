package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// identify is which version a module's directory holds, and of when. The version is the one asked for, or that of the file
// VERSION, or git's nearest tag; the time is epoch, in seconds, or the commit's.
func identify(ctx context.Context, dir, asked, epoch string) (version string, when time.Time, err error) {
	version = asked
	if version == "" {
		text, err := os.ReadFile(filepath.Join(dir, "VERSION"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", when, fmt.Errorf("read version: %w", err)
		}
		version = strings.TrimSpace(string(text))
	}
	if version == "" {
		described, err := git(ctx, dir, "describe", "--tags", "--always", "--dirty", "--match", "v[0-9]*")
		if err != nil {
			return "", when, fmt.Errorf("find version: %w; give --version", err)
		}
		version = fromDescription(described)
	}
	version = strings.TrimPrefix(version, "v")
	if !semver.MatchString(version) {
		return "", when, fmt.Errorf("version is %q; give one such as 1.2.3 or 1.3.0-rc.1", version)
	}
	if epoch == "" {
		if epoch, err = git(ctx, dir, "log", "-1", "--format=%ct"); err != nil {
			return "", when, fmt.Errorf("find time of commit: %w; set SOURCE_DATE_EPOCH", err)
		}
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<33 { // what gzip, tar and deb can hold
		return "", when, fmt.Errorf("SOURCE_DATE_EPOCH is %q; give seconds since 1970", epoch)
	}
	return version, time.Unix(seconds, 0).UTC(), nil
}

// semver is the grammar of semver.org, version 2.0.0.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$`)

var (
	afterTag = regexp.MustCompile(`^(v.+)-(\d+)-g([0-9a-f]+)(-dirty)?$`)
	tagged   = regexp.MustCompile(`^(v.+?)(-dirty)?$`)
)

// fromDescription is a version of what git describe says. Commits after a tag become build metadata: as a part of the version
// proper they would sort before the tag.
func fromDescription(text string) string {
	join := func(base string, metadata ...string) string {
		var parts []string
		for _, m := range metadata {
			if m = strings.TrimPrefix(m, "-"); m != "" {
				parts = append(parts, m)
			}
		}
		if len(parts) == 0 {
			return base
		}
		return base + "+" + strings.Join(parts, ".")
	}
	if m := afterTag.FindStringSubmatch(text); m != nil {
		return join(m[1], m[2], "g"+m[3], m[4])
	}
	if m := tagged.FindStringSubmatch(text); m != nil {
		return join(m[1], m[2])
	}
	commit, dirty := strings.CutSuffix(text, "-dirty")
	if dirty {
		return join("0.0.0", "g"+commit, "dirty")
	}
	return join("0.0.0", "g"+commit)
}

// git is what a git command prints.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("git %s: %s", args[0], strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return strings.TrimSpace(string(out)), nil
}
