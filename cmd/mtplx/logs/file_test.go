package logs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mtplx/cmd/mtplx/redact"
)

func begin(t *testing.T, dir string) *File {
	t.Helper()
	l, err := Open(dir, "serve", redact.New("", "", ""), func(err error) { t.Errorf("lost a line: %v", err) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func names(t *testing.T, dir string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range paths {
		paths[i] = filepath.Base(paths[i])
	}
	return strings.Join(paths, " ")
}

// Whatever is written, by however many at once, files are as many and as long as allowed, hold whole lines, and the last lines.
func TestSizeIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "logs")
	l := begin(t, dir)
	l.most = 1000
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 200 {
				fmt.Fprintf(l, "line %d of writer %d %s\n", i, w, strings.Repeat("x", i%40))
			}
		})
	}
	writers.Wait()
	fmt.Fprintln(l, "the last line")
	fmt.Fprintln(l, strings.Repeat("y", 5000))
	if got, want := names(t, dir), "serve.1.log serve.2.log serve.3.log serve.log"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	for name := range strings.FieldsSeq(names(t, dir)) {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || len(data) > 1000 || len(data) == 0 || data[len(data)-1] != '\n' {
			t.Errorf("%s has %d bytes, %v", name, len(data), err)
		}
		for line := range strings.Lines(string(data)) {
			if !strings.HasPrefix(line, "line ") && !strings.HasPrefix(line, "the last") && !strings.HasPrefix(line, "yyy") {
				t.Errorf("%s holds a piece: %q", name, line)
			}
		}
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "serve.1.log")); !strings.HasSuffix(string(data), "the last line\n") {
		t.Errorf("lines are out of order: %q", data)
	}
	if info, err := os.Stat(l.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestALogGoesOnAndServersHaveOneEach(t *testing.T) {
	dir := t.TempDir()
	first := begin(t, dir)
	fmt.Fprintln(first, "one")
	second := begin(t, dir)
	fmt.Fprintln(second, "two, Authorization: Bearer planted1234")
	if first.Path() == second.Path() {
		t.Fatal("two servers write one file")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(first, "too late")
	again := begin(t, dir)
	fmt.Fprintln(again, "three")
	if data, _ := os.ReadFile(first.Path()); again.Path() != first.Path() || string(data) != "one\nthree\n" {
		t.Errorf("%s holds %q", again.Path(), data)
	}
	if data, _ := os.ReadFile(second.Path()); strings.Contains(string(data), "planted") || !strings.HasPrefix(string(data), "two, ") {
		t.Errorf("%q", data)
	}
	for i := range mostServers {
		l, err := Open(dir, "serve", redact.New("", "", ""), func(error) {})
		if i < mostServers-2 {
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
		} else if err == nil {
			t.Fatal("there is no end of logs")
		}
	}
}

// Lost lines are told once, and the log goes on where it can again.
func TestTroubleIsToldOnce(t *testing.T) {
	dir := t.TempDir()
	told := 0
	l, err := Open(dir, "serve", redact.New("", "", ""), func(error) { told++ })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.most = 20
	fmt.Fprintln(l, "the first is here")
	obstacle := filepath.Join(dir, "serve.3.log") // no file can be renamed to a directory
	if err := errors.Join(os.Mkdir(obstacle, 0o700), os.WriteFile(filepath.Join(dir, "serve.2.log"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if n, err := fmt.Fprintln(l, "the second is lost"); n != 19 || err != nil {
			t.Errorf("a server would notice: %d, %v", n, err)
		}
	}
	if info, err := os.Stat(l.Path()); told != 1 || err != nil || info.Size() > 20 {
		t.Errorf("told %d times, %d bytes, %v", told, info.Size(), err)
	}
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(l, "the third is here")
	if data, _ := os.ReadFile(l.Path()); string(data) != "the third is here\n" {
		t.Errorf("%q", data)
	}
	if _, err := Open(l.Path(), "serve", redact.New("", "", ""), nil); err == nil {
		t.Error("a log below a file")
	}
}
