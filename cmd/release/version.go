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

	"mtplx/cmd/internal/naming"
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
		described, err := git(ctx, dir, "describe", "--tags", "--always", "--dirty", "--abbrev="+strconv.Itoa(naming.Digits), "--match", "v[0-9]*")
		if err != nil {
			return "", when, fmt.Errorf("find version: %w; give --version", err)
		}
		version = naming.FromDescription(described)
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

// git is what a git command prints.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := tool(ctx, "git", args...)
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
