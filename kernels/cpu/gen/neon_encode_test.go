package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// encoded holds one of every instruction, with registers and elements that differ from each other
// in each bit, and what LLVM's assembler makes of it.
var encoded = []struct {
	word word
	want uint32
}{
	{vector("sdot", 1, 21, 18), 0x4e9296a1},
	{vector("sdot", 30, 10, 13), 0x4e8d955e},
	{vector("smmla", 1, 21, 18), 0x4e92a6a1},
	{vector("smmla", 30, 10, 13), 0x4e8da55e},
	{vector("usmmla", 1, 21, 18), 0x4e92aea1},
	{vector("usmmla", 30, 10, 13), 0x4e8dad5e},
	{vector("fmul", 1, 21, 18), 0x6e32dea1},
	{vector("fmul", 30, 10, 13), 0x6e2ddd5e},
	{vector("fadd", 1, 21, 18), 0x4e32d6a1},
	{vector("fadd", 30, 10, 13), 0x4e2dd55e},
	{vector("scvtf", 1, 21, 18), 0x4e21daa1},
	{vector("scvtf", 30, 10, 13), 0x4e21d95e},
	{vector("umaxp", 1, 21, 18), 0x6eb2a6a1},
	{vector("umaxp", 30, 10, 13), 0x6eada55e},
	{vector("saddlp", 1, 21, 18), 0x4e602aa1},
	{vector("saddlp", 30, 10, 13), 0x4e60295e},
	{vector("shll", 1, 21, 18), 0x2e613aa1},
	{vector("shll", 30, 10, 13), 0x2e61395e},
	{vector("shll2", 1, 21, 18), 0x6e613aa1},
	{vector("shll2", 30, 10, 13), 0x6e61395e},
	{vector("smull", 1, 21, 18), 0x0e32c2a1},
	{vector("smull", 30, 10, 13), 0x0e2dc15e},
	{vector("smull2", 1, 21, 18), 0x4e32c2a1},
	{vector("smull2", 30, 10, 13), 0x4e2dc15e},
	{vector("smlal", 1, 21, 18), 0x0e3282a1},
	{vector("smlal", 30, 10, 13), 0x0e2d815e},
	{vector("smlal2", 1, 21, 18), 0x4e3282a1},
	{vector("smlal2", 30, 10, 13), 0x4e2d815e},
	{vector("smullw", 1, 21, 18), 0x0e72c2a1},
	{vector("smullw", 30, 10, 13), 0x0e6dc15e},
	{vector("smull2w", 1, 21, 18), 0x4e72c2a1},
	{vector("smull2w", 30, 10, 13), 0x4e6dc15e},
	{vector("smlalw", 1, 21, 18), 0x0e7282a1},
	{vector("smlalw", 30, 10, 13), 0x0e6d815e},
	{vector("smlal2w", 1, 21, 18), 0x4e7282a1},
	{vector("smlal2w", 30, 10, 13), 0x4e6d815e},
	{element("sdot", 1, 21, 18, 0), 0x4f92e2a1},
	{element("sdot", 30, 10, 13, 1), 0x4fade15e},
	{element("sdot", 1, 21, 18, 2), 0x4f92eaa1},
	{element("sdot", 30, 10, 13, 3), 0x4fade95e},
	{element("usdot", 1, 21, 18, 0), 0x4f92f2a1},
	{element("usdot", 30, 10, 13, 1), 0x4fadf15e},
	{element("usdot", 1, 21, 18, 2), 0x4f92faa1},
	{element("usdot", 30, 10, 13, 3), 0x4fadf95e},
	{element("fmul", 1, 21, 18, 0), 0x4f9292a1},
	{element("fmul", 30, 10, 13, 1), 0x4fad915e},
	{element("fmul", 1, 21, 18, 2), 0x4f929aa1},
	{element("fmul", 30, 10, 13, 3), 0x4fad995e},
	{element("fmla", 1, 21, 18, 0), 0x4f9212a1},
	{element("fmla", 30, 10, 13, 1), 0x4fad115e},
	{element("fmla", 1, 21, 18, 2), 0x4f921aa1},
	{element("fmla", 30, 10, 13, 3), 0x4fad195e},
	{highHalf(1), 0x6f07c7e1},
	{highHalf(30), 0x6f07c7fe},
}

func TestEncodingIsLLVMs(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range encoded {
		if e.word.code != e.want {
			t.Errorf("%s is encoded as %#08x, want %#08x", e.word.text, e.word.code, e.want)
		}
		seen[strings.Fields(e.word.text)[0]] = true
	}
	for _, table := range []map[string]vectorOp{vectorOps, elementOps} {
		for op := range table {
			if !seen[strings.TrimSuffix(op, "w")] {
				t.Errorf("no encoding of %s is checked", op)
			}
		}
	}
}

// TestTextAssemblesToItsWord checks every instruction word of the generated kernels against LLVM's
// assembler, where there is one.
func TestTextAssemblesToItsWord(t *testing.T) {
	mc, err := exec.LookPath("llvm-mc-19")
	if err != nil {
		t.Skip("llvm-mc-19 is not installed")
	}
	line := regexp.MustCompile(`WORD \$(0x[0-9a-f]{8}) // (.*)`)
	words := map[string]string{} // by text
	var source strings.Builder
	var texts []string
	for _, f := range neonFiles() {
		for _, m := range line.FindAllStringSubmatch(f.asm.text.String(), -1) {
			if _, ok := words[m[2]]; !ok {
				words[m[2]] = m[1]
				texts = append(texts, m[2])
				source.WriteString(m[2] + "\n")
			}
		}
	}
	if len(texts) < 500 {
		t.Fatalf("found only %d instruction words", len(texts))
	}
	cmd := exec.CommandContext(t.Context(), mc, "-triple=aarch64", "-mattr=+dotprod,+i8mm", "-show-encoding")
	cmd.Stdin = strings.NewReader(source.String())
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s: %v\n%s", mc, err, stderr.Bytes())
	}
	got := regexp.MustCompile(`encoding: \[0x(..),0x(..),0x(..),0x(..)\]`).FindAllStringSubmatch(string(out), -1)
	if len(got) != len(texts) {
		t.Fatalf("%d instructions gave %d encodings", len(texts), len(got))
	}
	for i, g := range got {
		if want := fmt.Sprintf("0x%s%s%s%s", g[4], g[3], g[2], g[1]); words[texts[i]] != want {
			t.Errorf("%s is written as %s, want %s", texts[i], words[texts[i]], want)
		}
	}
}
