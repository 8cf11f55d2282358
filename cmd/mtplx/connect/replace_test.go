package connect

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func content(text string) func([]byte) ([]byte, error) {
	return func([]byte) ([]byte, error) { return []byte(text), nil }
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestReplaceKeepsWhatWas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "settings")
	w, err := replace(path, content("one"))
	if err != nil || !w.Changed || w.Backup != "" {
		t.Fatalf("%+v, %v", w, err)
	}
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("a new file: %v, %v", i.Mode(), err)
	}
	if w, err = replace(path, content("one")); err != nil || w.Changed || len(names(t, dir)) != 1 {
		t.Errorf("the same again: %+v, %v, %v", w, err, names(t, dir))
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	// Many changes within one second, of which each keeps what it replaces.
	last := "one"
	for _, text := range []string{"two", "three", "four"} {
		if w, err = replace(path, content(text)); err != nil || !w.Changed {
			t.Fatalf("%+v, %v", w, err)
		}
		was, err := os.ReadFile(w.Backup)
		if err != nil || string(was) != last {
			t.Errorf("%q is kept, want %q: %v", was, last, err)
		}
		for _, p := range []string{path, w.Backup} {
			if i, err := os.Stat(p); err != nil || i.Mode().Perm() != 0o640 {
				t.Errorf("%s: %v, %v", p, i.Mode(), err)
			}
		}
		last = text
	}
	if got := names(t, dir); len(got) != 4 || slices.ContainsFunc(got, func(n string) bool { return strings.HasPrefix(n, ".mtplx-") }) {
		t.Errorf("left: %v", got)
	}
}

func TestReplaceFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "dotfiles"), filepath.Join(dir, "settings")
	if err := errors.Join(os.WriteFile(target, []byte("one"), 0o600), os.Symlink("dotfiles", link)); err != nil {
		t.Fatal(err)
	}
	if _, err := replace(link, content("two")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != "dotfiles" {
		t.Errorf("the link leads to %q, %v", to, err)
	}
	if got, _ := os.ReadFile(target); string(got) != "two" {
		t.Errorf("%q", got)
	}
	lost := filepath.Join(dir, "lost")
	if err := os.Symlink("nowhere", lost); err != nil {
		t.Fatal(err)
	}
	if _, err := replace(lost, content("x")); err == nil || !strings.Contains(err.Error(), "a symbolic link to nothing") {
		t.Errorf("%v", err)
	}
}

func TestReplaceWritesNothingItCannotProve(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "settings")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replace(path, func([]byte) ([]byte, error) { return nil, errors.New("strange") }); err == nil || !strings.Contains(err.Error(), path+" cannot be changed: strange; repair it") {
		t.Errorf("%v", err)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("left: %v", got)
	}
	// A file in place of a directory stands for what permissions forbid, which bind nobody who is root.
	if _, err := replace(filepath.Join(path, "below"), content("x")); err == nil || !strings.Contains(err.Error(), "write settings: ") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(path, make([]byte, most+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replace(path, content("x")); err == nil || !strings.Contains(err.Error(), "more than 4 MiB") {
		t.Errorf("%v", err)
	}
}
