package doctor

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	configuration "mtplx/cmd/mtplx/config"
	"mtplx/cmd/mtplx/redact"
	"mtplx/cmd/mtplx/runtime"
)

// A bundle takes the ends of so many logs, and so much of each.
const (
	mostLogs = 5
	logBytes = 256 << 10
)

// writeBundle writes the zip aside and renames it, so that there is a whole one or none.
func writeBundle(ctx context.Context, path string, m *Machine, r *Report) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".bundle-*")
	if err != nil {
		return unwritten(path, err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
			err = unwritten(path, err)
		}
	}()
	err = bundle(ctx, f, m, r, redact.Mine(m.Env))
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func unwritten(path string, err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err // the name of the file aside helps nobody
	}
	return runtime.Unwritten(fmt.Errorf("write bundle: %s: %w", path, err), "give --bundle a file in a directory that can be written")
}

// bundle writes the zip. Everything in it went through red.
func bundle(ctx context.Context, out io.Writer, m *Machine, r *Report, red *redact.Redactor) error {
	z := zip.NewWriter(out)
	add := func(name, text string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, red.Text(text))
		}
		return err
	}
	clean := *r // strings are redacted before they are encoded: afterwards escapes hide what they hold
	clean.Checks = slices.Clone(r.Checks)
	for i := range clean.Checks {
		f := &clean.Checks[i]
		f.Message, f.Fix = red.Text(f.Message), red.Text(f.Fix)
	}
	object, err := json.MarshalIndent(&clean, "", "  ")
	if err != nil {
		return err
	}
	var text bytes.Buffer
	if err := clean.Print(&text); err != nil {
		return err
	}
	files := []struct{ name, text string }{{"doctor.json", string(object) + "\n"}, {"doctor.txt", text.String()}, {"versions.txt", versions(r)}}
	if path, err := configuration.Path(); err == nil {
		if data, err := os.ReadFile(path); err == nil {
			files = append(files, struct{ name, text string }{"config.toml", string(data)})
		}
	}
	for _, f := range files {
		if err := add(f.name, f.text); err != nil {
			return err
		}
	}
	for i, path := range logs(m) {
		text, err := tail(path)
		if err != nil {
			text = err.Error()
		}
		if err := add(fmt.Sprintf("logs/%d-%s", i+1, red.Text(filepath.Base(path))), text); err != nil {
			return err
		}
	}
	return z.Close()
}

// versions is what the program was built from.
func versions(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mtplx %s for %s/%s\n", r.Version, r.OS, r.Arch)
	if info, ok := debug.ReadBuildInfo(); ok {
		fmt.Fprintf(&b, "%s\n", info)
	}
	return b.String()
}

// logs are the newest files of the directory of logs.
func logs(m *Machine) []string {
	home, err := m.Home()
	if err != nil {
		return nil
	}
	type file struct {
		path string
		info fs.FileInfo
	}
	var found []file
	for _, pattern := range []string{"*.log", "logs/*"} {
		paths, _ := filepath.Glob(filepath.Join(home, pattern))
		for _, p := range paths {
			if info, err := os.Lstat(p); err == nil && info.Mode().IsRegular() { // a link may lead anywhere
				found = append(found, file{p, info})
			}
		}
	}
	slices.SortFunc(found, func(a, b file) int { return b.info.ModTime().Compare(a.info.ModTime()) })
	var paths []string
	for _, f := range found[:min(len(found), mostLogs)] {
		paths = append(paths, f.path)
	}
	return paths
}

// tail is the end of a file, from the beginning of a line on, so that no secret is cut where it could be known.
func tail(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	from := max(info.Size()-logBytes, 0)
	data, err := io.ReadAll(io.NewSectionReader(f, from, logBytes))
	if from > 0 {
		_, after, _ := bytes.Cut(data, []byte("\n"))
		data = after
	}
	return string(data), err
}
