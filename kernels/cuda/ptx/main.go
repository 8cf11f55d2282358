//go:build cuda && linux

// Command ptx compiles the kernels of package gpu to PTX with NVRTC: ptx [-check] LIBRARY SOURCES OUT.
package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/ebitengine/purego"
)

// options forbid every arithmetic that the sources do not write.
var options = []string{"-fmad=false", "-ftz=false", "-prec-div=true", "-prec-sqrt=true", "-default-device", "--std=c++14"}

func main() {
	args := os.Args[1:]
	check := len(args) > 0 && args[0] == "-check"
	if check {
		args = args[1:]
	}
	if len(args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: ptx [-check] LIBRARY SOURCES OUT")
		os.Exit(2)
	}
	if err := run(check, args[0], args[1], args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(check bool, library, sources, out string) error {
	c, err := load(library)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(sources)
	if err != nil {
		return fmt.Errorf("read kernel sources: %w", err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(sources, e.Name())); err != nil {
			return fmt.Errorf("read kernel sources: %w", err)
		}
	}
	for _, arch := range []string{"80", "90"} {
		text, err := c.compile(files, "kernels.metal", "compute_"+arch)
		if err != nil {
			return err
		}
		path := filepath.Join(out, "kernels_"+arch+".ptx.gz")
		if err := emit(check, path, text); err != nil {
			return err
		}
	}
	return nil
}

// emit writes the text, or compares it with what the file holds.
func emit(check bool, path string, text []byte) error {
	if check {
		packed, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("check %s: %w", path, err)
		}
		z, err := gzip.NewReader(bytes.NewReader(packed))
		if err != nil {
			return fmt.Errorf("check %s: %w", path, err)
		}
		var have bytes.Buffer
		if _, err := have.ReadFrom(z); err != nil {
			return fmt.Errorf("check %s: %w", path, err)
		}
		if !bytes.Equal(have.Bytes(), text) {
			return fmt.Errorf("check %s: it is not what the sources make; run generate.sh and commit the result", path)
		}
		return nil
	}
	var packed bytes.Buffer
	z, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if _, err := z.Write(text); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.WriteFile(path, packed.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write kernels: %w", err)
	}
	return nil
}

// compiler is the part of NVRTC that is used.
type compiler struct {
	create  func(p *uintptr, src, name *byte, n int32, headers, names unsafe.Pointer) int32
	build   func(p uintptr, n int32, options unsafe.Pointer) int32
	logSize func(p uintptr, n *uintptr) int32
	log     func(p uintptr, text *byte) int32
	ptxSize func(p uintptr, n *uintptr) int32
	ptx     func(p uintptr, text *byte) int32
}

func load(library string) (*compiler, error) {
	h, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("open NVRTC: %w", err)
	}
	c := &compiler{}
	for name, f := range map[string]any{
		"nvrtcCreateProgram": &c.create, "nvrtcCompileProgram": &c.build, "nvrtcGetProgramLogSize": &c.logSize,
		"nvrtcGetProgramLog": &c.log, "nvrtcGetPTXSize": &c.ptxSize, "nvrtcGetPTX": &c.ptx,
	} {
		purego.RegisterLibFunc(f, h, name)
	}
	return c, nil
}

func zero(b []byte) *byte { return &append(bytes.Clone(b), 0)[0] }

func (c *compiler) compile(files map[string][]byte, main, arch string) ([]byte, error) {
	headers, names := make([]*byte, 0, len(files)), make([]*byte, 0, len(files))
	for name, text := range files {
		headers, names = append(headers, zero(text)), append(names, zero([]byte(name)))
	}
	p := new(uintptr)
	if r := c.create(p, zero(files[main]), zero([]byte(main)), int32(len(names)), unsafe.Pointer(&headers[0]), unsafe.Pointer(&names[0])); r != 0 {
		return nil, fmt.Errorf("compile kernels: NVRTC gives no program: result %d", r)
	}
	args := []*byte{zero([]byte("--gpu-architecture=" + arch))}
	for _, o := range options {
		args = append(args, zero([]byte(o)))
	}
	failed := c.build(*p, int32(len(args)), unsafe.Pointer(&args[0]))
	n := new(uintptr)
	if c.logSize(*p, n) == 0 && *n > 1 {
		text := make([]byte, *n)
		c.log(*p, &text[0])
		os.Stderr.Write(text[:*n-1])
	}
	if failed != 0 {
		return nil, fmt.Errorf("compile kernels for %s: NVRTC result %d", arch, failed)
	}
	if r := c.ptxSize(*p, n); r != 0 || *n < 2 {
		return nil, errors.New("compile kernels: NVRTC gives no PTX")
	}
	text := make([]byte, *n)
	if r := c.ptx(*p, &text[0]); r != 0 {
		return nil, fmt.Errorf("compile kernels: NVRTC result %d", r)
	}
	return text[:*n-1], nil
}
