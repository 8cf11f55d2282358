package config

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"mtplx/cmd/mtplx/runtime"
)

func TestWriteIsPrivateAndKeepsLinks(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "dotfiles", "mtplx.toml")
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(target, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "config.toml")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := write(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(link); err != nil || to != target {
		t.Errorf("the link names %q, %v", to, err)
	}
	info, err := os.Stat(target)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if data, _ := os.ReadFile(target); string(data) != "new" {
		t.Errorf("it holds %q", data)
	}
	if left, _ := os.ReadDir(filepath.Dir(target)); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
}

func TestWriteWhereNothingCanBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	paths := []string{filepath.Join(file, "config.toml")}
	if os.Geteuid() != 0 { // root writes there
		paths = append(paths, filepath.Join(closed, "config.toml"), filepath.Join(closed, "home", "config.toml"))
	}
	for _, path := range paths {
		err := write(path, []byte("x"))
		if f, ok := errors.AsType[*runtime.Failure](err); !ok || f.Kind != runtime.Environment || f.Fix == "" {
			t.Errorf("%s: %v", path, err)
		}
	}
}
