package gpu

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// forbidden is what the subset leaves out, each with the reason.
var forbidden = []struct{ pattern, why string }{
	{`[^\w.]\d+\.\d*(e-?\d+)?[^\dfe\w]`, "a literal without f is a double in C++ and CUDA"},
	{`\bdouble\b`, "Metal has no double"},
	{`\bsimd_(sum|max|min|product)\b`, "its order is not specified"},
	{`[^\w.](exp|log|pow|rsqrt|tanh)\(`, "a device's library has bits of its own"},
	{`\bauto\b`, "a checked pointer's element would be kept as a proxy"},
}

// TestSubset looks through the kernels for words that the three compilers understand differently.
func TestSubset(t *testing.T) {
	files, err := Sources()
	if err != nil {
		t.Fatal(err)
	}
	comment := regexp.MustCompile(`//.*`)
	seen := 0
	for name, text := range files {
		if !strings.HasSuffix(name, ".metal") && name != "arith.h" && name != "acts.h" && name != "slots.h" {
			continue
		}
		seen++
		for n, line := range strings.Split(text, "\n") {
			line = comment.ReplaceAllString(line, "") + " "
			for _, f := range forbidden {
				if m := regexp.MustCompile(f.pattern).FindString(line); m != "" {
					t.Errorf("%s:%d: %q: %s", name, n+1, m, f.why)
				}
			}
		}
	}
	if seen < 8 {
		t.Errorf("only %d kernel sources were found", seen)
	}
}

// TestFlatten puts the includes in place.
func TestFlatten(t *testing.T) {
	text, err := Flatten("kernels.metal")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"KERNEL_SLOTS(norm_rows", "EXPERT(expert_4_8_64,", "#include <metal_stdlib>"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%q is there %d times", want, strings.Count(text, want))
		}
	}
	if strings.Contains(text, `#include "acts.h"`) {
		t.Error("an include of our own stayed")
	}
	if _, err := Flatten("none.metal"); err == nil {
		t.Error("a file that is not there was flattened")
	}
}

// TestMetalText has clang read the kernels as Metal's compiler would: address spaces are checked,
// C++14 is all there is, and nothing runs.
func TestMetalText(t *testing.T) {
	clang := ""
	for _, name := range []string{"clang", "clang-19", "clang++"} {
		if p, err := exec.LookPath(name); err == nil {
			clang = p
			break
		}
	}
	if clang == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("the kernels were not checked as Metal: clang is not installed")
		}
		t.Skip("the kernels are not checked as Metal here: clang is not installed")
	}
	files, err := Sources()
	if err != nil {
		t.Fatal(err)
	}
	check := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cmd := exec.CommandContext(context.Background(), clang, "-x", "c++", "-std=c++14", "-fsyntax-only", "-DGPU_LINT", "-Wall", "-Werror", "-Wno-unknown-attributes", "-Wno-unused", "kernels.metal")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err == nil {
			return ""
		}
		return string(out)
	}
	if text := check(files); text != "" {
		t.Fatalf("the kernels are no Metal:\n%s", text)
	}
	// Proof that the check sees: threadgroup memory where device memory belongs.
	files["rows.metal"] = strings.Replace(files["rows.metal"], "GPU_FN float sum_squares(gptr<const float> x", "GPU_FN float sum_squares(tptr<const float> x", 1)
	if text := check(files); !strings.Contains(text, "address") && !strings.Contains(text, "no matching function") {
		t.Errorf("a pointer to the wrong memory was not noticed: %q", text)
	}
}
