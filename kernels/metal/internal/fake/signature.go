//go:build linux

package fake

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"mtplx/kernels/gpu/emulator"
)

// function is a kernel's name and what its buffers are.
type function struct {
	name   string
	params []parameter // by place in the argument table
}

type parameter struct {
	constant bool // passed as bytes
	write    bool
}

// compiled are the libraries of the process, by source.
var compiled sync.Map

// compile reads the kernels' signatures from Metal source.
func compile(source string) (map[string]function, error) {
	if l, ok := compiled.Load(source); ok {
		return l.(map[string]function), nil
	}
	expanded, err := expand(source)
	if err != nil {
		return nil, err
	}
	l, err := signatures(expanded)
	if err != nil {
		return nil, err
	}
	compiled.Store(source, l)
	return l, nil
}

// expand runs the preprocessor as Metal's compiler would, with an empty standard library.
func expand(source string) (string, error) {
	cxx, err := emulator.Compiler()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "mtplx-metal-*")
	if err != nil {
		return "", fmt.Errorf("expand Metal source: %w", err)
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "metal_stdlib"), nil, 0o600); err != nil {
		return "", fmt.Errorf("expand Metal source: %w", err)
	}
	args := append(slices.Clone(cxx[1:]), "-E", "-P", "-x", "c++", "-D__METAL_VERSION__=320", "-I", dir, "-")
	cmd := exec.CommandContext(context.Background(), cxx[0], args...)
	cmd.Stdin = strings.NewReader(source)
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("program_source: %w\n%s", err, text.String())
	}
	return out.String(), nil
}

var (
	kernelStart = regexp.MustCompile(`\bkernel void (\w+)\(`)
	bufferPlace = regexp.MustCompile(`\[\[buffer\((\d+)\)\]\]`)
)

func signatures(text string) (map[string]function, error) {
	l := map[string]function{}
	for _, m := range kernelStart.FindAllStringSubmatchIndex(text, -1) {
		f := function{name: text[m[2]:m[3]]}
		list := text[m[1]:]
		depth, end := 1, 0
		for ; depth > 0 && end < len(list); end++ {
			switch list[end] {
			case '(':
				depth++
			case ')':
				depth--
			}
		}
		for p := range strings.SplitSeq(list[:end-1], ",") {
			place := bufferPlace.FindStringSubmatch(p)
			if place == nil {
				continue
			}
			if i, err := strconv.Atoi(place[1]); err != nil || i != len(f.params) {
				return nil, fmt.Errorf("kernel %s: buffers are not numbered in order: %s", f.name, p)
			}
			p = strings.TrimSpace(p)
			switch {
			case strings.HasPrefix(p, "constant "):
				f.params = append(f.params, parameter{constant: true})
			case strings.HasPrefix(p, "device "):
				f.params = append(f.params, parameter{write: !strings.HasPrefix(p, "device const ")})
			default:
				return nil, fmt.Errorf("kernel %s: what is %s", f.name, p)
			}
		}
		l[f.name] = f
	}
	return l, nil
}
