package gpu

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

//go:embed src
var sources embed.FS

// Sources are the kernels' files by name, for compilers that take headers: kernels.metal includes
// the others, emulator.cpp is the emulator's program.
func Sources() (map[string]string, error) {
	files := map[string]string{}
	entries, err := fs.ReadDir(sources, "src")
	if err != nil {
		return nil, fmt.Errorf("read the kernels' sources: %w", err)
	}
	for _, e := range entries {
		b, err := fs.ReadFile(sources, "src/"+e.Name())
		if err != nil {
			return nil, fmt.Errorf("read kernel source %s: %w", e.Name(), err)
		}
		files[e.Name()] = string(b)
	}
	return files, nil
}

// Flatten is one file with its includes in place, each once, for a compiler that takes a string
// only. Includes of files that the sources do not have, such as a compiler's own, stay.
func Flatten(name string) (string, error) {
	files, err := Sources()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	var seen []string
	var add func(name string) error
	add = func(name string) error {
		text, ok := files[name]
		if !ok {
			return fmt.Errorf("flatten kernel sources: no file %q", name)
		}
		if slices.Contains(seen, name) {
			return nil
		}
		seen = append(seen, name)
		for line := range strings.Lines(text) {
			inc, ok := strings.CutPrefix(strings.TrimSpace(line), `#include "`)
			inc, _, _ = strings.Cut(inc, `"`)
			switch _, have := files[inc]; {
			case !ok || !have:
				if strings.TrimSpace(line) != "#pragma once" {
					out.WriteString(line)
				}
			default:
				if err := add(inc); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err = add(name)
	return out.String(), err
}
