package main_test

import (
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The layers, from the top:
//
//	cmd -> api -> sched -> stages -> {sched/queue, sched/page, sched/keyed} <- kernels, model
//
// Imports are read from every Go file, whatever its build constraints, since a rule that is broken
// only on a Mac is broken all the same. A test file may import more than its package does (an
// oracle, a checkpoint), but it obeys the rules for cmd and for other modules.

// A layer says what the packages that match its pattern may import of this module. A pattern is a
// path below the module, "p/..." standing for p and everything under it. With only set, everything
// else is refused; otherwise everything but never is allowed.
type layer struct {
	pattern string
	only    []string
	never   []string
}

// layers is searched in order; the first match decides. A package that none matches is refused, so
// that a new top-level folder needs a decision here.
var layers = []layer{
	{pattern: "cmd/..."},
	{pattern: "bench/...", never: []string{"cmd/..."}},
	{pattern: "api/...", never: []string{"cmd/...", "bench/..."}},
	{pattern: "sched/queue/...", only: []string{"sched/queue/..."}},
	{pattern: "sched/page/...", only: []string{"sched/page/...", "sched/queue"}},
	{pattern: "sched/keyed", only: []string{}},
	{pattern: "sched/...", never: []string{"cmd/...", "bench/...", "api/..."}},
	{pattern: "stages/...", never: []string{
		"cmd/...", "bench/...", "api/...", "sched", "sched/bank/...", "kernels/...", "model/...",
	}},
	{pattern: "kernels/...", only: []string{"kernels/...", "sched/keyed", "sched/queue"}},
	{pattern: "model/...", only: []string{"model/...", "kernels", "sched/page", "sched/queue"}},
}

// modules says which packages alone may import another module, by prefix of the import path and a slash.
var modules = []struct {
	prefix string
	only   []string
}{
	{"charm.land/", []string{"cmd/..."}},
	{"github.com/charmbracelet/", []string{"cmd/..."}},
	{"github.com/valyala/fasthttp/", []string{"api/..."}},
	{"github.com/ebitengine/purego/", []string{"kernels/metal/...", "kernels/cuda/..."}},
}

// imports of one package: import paths of its ordinary and of its test files.
type imports struct{ code, tests []string }

func TestLayering(t *testing.T) {
	if testing.Short() {
		t.Skip("reads the sources of all packages")
	}
	root, module, err := findModule()
	if err != nil {
		t.Fatal(err)
	}
	graph, err := readImports(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"cmd/mtplx", "bench/suites", "sched/queue"} {
		if _, ok := graph[known]; !ok {
			t.Errorf("package %s was not found under %s; the reader misses packages", known, root)
		}
	}
	for _, v := range violations(module, graph) {
		t.Error(v)
	}
}

// violations checks the import graph (package path below the module -> its imports) and returns
// one sentence for each forbidden import, in order.
func violations(module string, graph map[string]imports) []string {
	var found []string
	for _, pkg := range slices.Sorted(maps.Keys(graph)) {
		i := slices.IndexFunc(layers, func(l layer) bool { return matches(l.pattern, pkg) })
		if i < 0 {
			found = append(found, fmt.Sprintf("%s belongs to no layer; add it to layers in layering_test.go", pkg))
			continue
		}
		for _, imp := range graph[pkg].code {
			if target, ok := strings.CutPrefix(imp, module+"/"); ok {
				if !layers[i].allows(target) {
					found = append(found, fmt.Sprintf("%s imports %s, which layer %s forbids", pkg, target, layers[i].pattern))
				}
			} else if s := foreign(pkg, imp); s != "" {
				found = append(found, s)
			}
		}
		for _, imp := range graph[pkg].tests {
			target, ours := strings.CutPrefix(imp, module+"/")
			if ours && matches("cmd/...", target) && !matches("cmd/...", pkg) {
				found = append(found, fmt.Sprintf("a test of %s imports %s; nothing imports cmd", pkg, target))
			} else if s := foreign(pkg, imp); !ours && s != "" {
				found = append(found, "in a test "+s)
			}
		}
	}
	return found
}

func (l layer) allows(target string) bool {
	match := func(pattern string) bool { return matches(pattern, target) }
	if l.only != nil {
		return slices.ContainsFunc(l.only, match)
	}
	return !slices.ContainsFunc(l.never, match)
}

// foreign returns what is wrong with pkg importing imp from another module, or "".
func foreign(pkg, imp string) string {
	for _, m := range modules {
		if strings.HasPrefix(imp+"/", m.prefix) &&
			!slices.ContainsFunc(m.only, func(pattern string) bool { return matches(pattern, pkg) }) {
			return fmt.Sprintf("%s imports %s, which is for %s alone", pkg, imp, strings.Join(m.only, " and "))
		}
	}
	return ""
}

// matches reports whether pkg is pattern, or for "p/..." is p or below it.
func matches(pattern, pkg string) bool {
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == tree || strings.HasPrefix(pkg, tree+"/")
	}
	return pkg == pattern
}

// findModule returns the directory that holds go.mod, at or above the working directory, and the
// module's path.
func findModule() (root, module string, err error) {
	if root, err = os.Getwd(); err != nil {
		return "", "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(root, "go.mod"))
		if err == nil {
			for line := range strings.Lines(string(data)) {
				if name, ok := strings.CutPrefix(line, "module "); ok {
					return root, strings.TrimSpace(name), nil
				}
			}
			return "", "", fmt.Errorf("%s names no module", filepath.Join(root, "go.mod"))
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", "", err
		}
		parent := filepath.Dir(root)
		if parent == root {
			return "", "", errors.New("no go.mod at or above the working directory")
		}
		root = parent
	}
}

// readImports reads the imports of every package under root, leaving out what the go command
// leaves out (testdata, names that start with a dot or an underscore) and nested modules.
func readImports(root string) (map[string]imports, error) {
	graph := map[string]imports{}
	fset := token.NewFileSet()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := d.Name()
		if d.IsDir() {
			if name == root {
				return nil
			}
			if base == "testdata" || base == "vendor" || base[0] == '.' || base[0] == '_' {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(base, ".go") || base[0] == '.' || base[0] == '_' {
			return nil
		}
		file, err := parser.ParseFile(fset, name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, filepath.Dir(name))
		if err != nil {
			return err
		}
		pkg := path.Clean(filepath.ToSlash(rel))
		entry := graph[pkg]
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			list := &entry.code
			if strings.HasSuffix(base, "_test.go") {
				list = &entry.tests
			}
			if !slices.Contains(*list, imp) {
				*list = append(*list, imp)
			}
		}
		graph[pkg] = entry
		return nil
	})
	return graph, err
}

func TestCheckerFindsEachKindOfViolation(t *testing.T) {
	for _, c := range []struct{ pkg, imp string }{
		{"api", "m/cmd/mtplx"},
		{"api/sse", "m/cmd/mtplx/tui"},
		{"bench/suites", "m/cmd/mtplx"},
		{"sched", "m/api"},
		{"sched", "m/cmd/mtplx"},
		{"sched/bank", "m/api/openai"},
		{"sched/trace", "m/api"},
		{"sched/queue", "m/sched"},
		{"sched/queue", "m/sched/page"},
		{"sched/queue", "m/kernels"},
		{"sched/page", "m/sched"},
		{"sched/page", "m/kernels"},
		{"sched/page", "m/stages"},
		{"stages", "m/api"},
		{"stages", "m/sched"},
		{"stages/commit", "m/sched/bank"},
		{"stages/verify", "m/kernels"},
		{"stages/verify", "m/kernels/cpu"},
		{"stages/draft", "m/model/qwen"},
		{"stages/accept/keyed", "m/cmd/mtplx"},
		{"kernels", "m/sched/page"},
		{"kernels/cpu", "m/sched"},
		{"kernels/cpu", "m/model/weights"},
		{"kernels/cpu/internal/team", "m/stages"},
		{"model/qwen", "m/kernels/cpu"},
		{"model/qwen", "m/stages"},
		{"model/qwen", "m/sched"},
		{"model/weights", "m/sched/queue/internal/x"},
		{"stages", "charm.land/bubbletea/v2"},
		{"api", "charm.land/lipgloss/v2"},
		{"sched", "github.com/valyala/fasthttp"},
		{"cmd/mtplx", "github.com/valyala/fasthttp/fasthttputil"},
		{"kernels/cpu", "github.com/ebitengine/purego"},
		{"helpers", "fmt"},
	} {
		got := violations("m", map[string]imports{c.pkg: {code: []string{"fmt", c.imp}}})
		if len(got) != 1 || !strings.Contains(got[0], c.pkg) {
			t.Errorf("%s importing %s gave %q, want one violation that names it", c.pkg, c.imp, got)
		}
	}
	for _, c := range []struct{ pkg, imp string }{
		{"kernels/cpu", "m/cmd/mtplx"},
		{"sched", "charm.land/bubbletea/v2"},
		{"model/hub", "github.com/valyala/fasthttp"},
	} {
		if got := violations("m", map[string]imports{c.pkg: {tests: []string{c.imp}}}); len(got) != 1 {
			t.Errorf("a test of %s importing %s gave %q, want one violation", c.pkg, c.imp, got)
		}
	}
}

func TestCheckerAllowsTheDesign(t *testing.T) {
	graph := map[string]imports{
		"cmd/mtplx":           {code: []string{"m/api", "m/sched", "m/kernels/cpu", "m/model/qwen", "m/bench/suites", "charm.land/huh/v2"}},
		"bench":               {code: []string{"m/api", "m/sched", "m/kernels/cpu", "m/model/qwen", "m/bench/suites"}},
		"api/openai":          {code: []string{"m/sched", "m/api/sse", "github.com/valyala/fasthttp"}},
		"sched":               {code: []string{"m/stages", "m/sched/bank", "m/sched/queue", "m/sched/page"}},
		"sched/page":          {code: []string{"m/sched/queue", "m/sched/page/internal/model"}},
		"stages/accept":       {code: []string{"m/stages/accept/keyed", "m/sched/queue", "m/sched/page"}},
		"stages/accept/keyed": {code: []string{"math"}, tests: []string{"m/kernels/ref", "m/model/demo"}},
		"kernels/cpu":         {code: []string{"m/kernels", "m/kernels/ref", "m/sched/queue"}, tests: []string{"m/model/demo"}},
		"kernels/metal":       {code: []string{"github.com/ebitengine/purego/objc"}},
		"model/qwen":          {code: []string{"m/model/weights", "m/kernels", "m/sched/queue", "m/sched/page"}},
	}
	for _, v := range violations("m", graph) {
		t.Error(v)
	}
}
