package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Variable names the environment variable that overrides the search for a compiler.
const Variable = "MTPLX_CXX"

// ErrNoCompiler says that no C++ compiler was found.
var ErrNoCompiler = errors.New("no C++ compiler found: install clang or g++, or set " + Variable)

// Compiler is the command that compiles C++ here, with the arguments that make it do so.
func Compiler() ([]string, error) {
	if c := strings.Fields(os.Getenv(Variable)); len(c) > 0 {
		return c, nil
	}
	for _, name := range []string{"clang++", "clang++-19", "g++", "c++"} {
		if p, err := exec.LookPath(name); err == nil {
			return []string{p}, nil
		}
	}
	if p, err := exec.LookPath("clang-19"); err == nil {
		return []string{p, "--driver-mode=g++"}, nil
	}
	return nil, ErrNoCompiler
}

// Build compiles the emulator from files and returns the program's path. Programs are kept in the
// temporary folder under a hash of sources and command, so that a second call finds the first's.
func Build(ctx context.Context, files map[string]string, flags ...string) (string, error) {
	cxx, err := Compiler()
	if err != nil {
		return "", err
	}
	args := append(slices.Clone(cxx), "-std=c++17", "-O2", "-g1", "-ffp-contract=off", "-w")
	if runtime.GOARCH == "amd64" {
		args = append(args, "-mfma", "-mf16c")
	}
	args = append(args, flags...)
	h := sha256.New()
	fmt.Fprintln(h, args)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(files[name]), files[name])
	}
	path := filepath.Join(os.TempDir(), "mtplx-gpu-emulator-"+hex.EncodeToString(h.Sum(nil))[:24])
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	dir, err := os.MkdirTemp("", "mtplx-gpu-emulator-build-*")
	if err != nil {
		return "", fmt.Errorf("build the GPU emulator: %w", err)
	}
	defer os.RemoveAll(dir)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("build the GPU emulator: %w", err)
		}
	}
	args = append(args, "emulator.cpp", "-o", "emulator")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the GPU emulator: %s: %w\n%s", strings.Join(args, " "), err, text[:min(len(text), 4000)])
	}
	// Whoever comes second replaces an equal file.
	if err := os.Rename(filepath.Join(dir, "emulator"), path); err != nil {
		return "", fmt.Errorf("build the GPU emulator: %w", err)
	}
	return path, nil
}
