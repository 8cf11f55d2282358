package env

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/config"
)

// place is where something is kept.
type place struct {
	Name     string `json:"name"`
	Path     string `json:"path,omitempty"`
	Exists   bool   `json:"exists"`
	Writable bool   `json:"writable"` // it, or what would hold it
	Problem  string `json:"problem,omitempty"`
}

// places are where mtplx keeps things.
func places() []place {
	home, err := command.Home()
	if err != nil {
		return []place{{Name: "home", Problem: err.Error()}}
	}
	file, err := config.Path()
	if err != nil {
		return []place{{Name: "config", Problem: err.Error()}}
	}
	return []place{look("home", home), look("config", file), look("models", filepath.Join(home, "models")), look("bank", filepath.Join(home, "bank")), look("tune", filepath.Join(home, "tune.json"))}
}

// look says what there is at a path.
func look(name, path string) place {
	p := place{Name: name, Path: path}
	_, err := os.Stat(path)
	p.Exists = err == nil
	for at := path; ; at = filepath.Dir(at) {
		if p.Writable = unix.Access(at, unix.W_OK) == nil; p.Writable && at != path {
			if i, err := os.Stat(at); err != nil || !i.IsDir() {
				p.Writable = false
			}
		}
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) || at == filepath.Dir(at) {
			break
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.Problem = err.Error()
	}
	return p
}

// says is the place's state in a few words.
func (p *place) says() string {
	switch {
	case p.Problem != "":
		return p.Problem
	case p.Exists && p.Writable:
		return p.Path
	case p.Exists:
		return p.Path + " (cannot be written)"
	case p.Writable:
		return p.Path + " (not there yet)"
	default:
		return p.Path + " (not there, and cannot be made)"
	}
}
