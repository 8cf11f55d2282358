package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"log"
	"strings"
)

// amd64 is compiled for the System V convention, which keeps R12 over a call.
var amd64 = target{
	arch:  "amd64",
	flags: []string{"-mno-red-zone", "--target=x86_64-linux-gnu"},
	tiers: []instructions{
		{"AVX2", []string{"-mavx2", "-mfma"}},
		{"VNNI", []string{"-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma", "-mprefer-vector-width=512"}},
	},
	registers: []string{"DI", "SI", "DX", "CX", "R8", "R9"},
	move:      "MOVQ",
	data:      "QUAD",
	pad:       []byte{0xcc},
	relocate:  appendReadOnly,
	frame: func(out *bytes.Buffer, name string, stack, args int, loads func()) {
		frame := (stack + 64 + 64 + 63) &^ 63
		fmt.Fprintf(out, "\nTEXT ·%s(SB), 0, $%d-%d\n", name, frame, args)
		loads()
		fmt.Fprintf(out, "\tMOVQ SP, R12\n\tLEAQ %d(SP), SP\n\tANDQ $~63, SP\n\tCALL %s_c<>(SB)\n\tMOVQ R12, SP\n\tVZEROUPPER\n\tRET\n", frame, name)
	},
}

// appendReadOnly puts the read-only data that a function names behind its code.
func appendReadOnly(o *object, s elf.Symbol, code []byte) []byte {
	placed := map[elf.SectionIndex]int{}
	o.relocations(s, func(at int, kind uint32, sym elf.Symbol, add int64) {
		if k := elf.R_X86_64(kind); k != elf.R_X86_64_PC32 || int(sym.Section) >= len(o.file.Sections) || !strings.HasPrefix(o.file.Sections[sym.Section].Name, ".rodata") {
			log.Fatalf("cgen: %s: relocation %v to %q", s.Name, k, sym.Name)
		}
		base, ok := placed[sym.Section]
		if !ok {
			for len(code)%64 != 0 {
				code = append(code, 0xcc)
			}
			base = len(code)
			placed[sym.Section] = base
			ro, err := o.file.Sections[sym.Section].Data()
			check(err)
			code = append(code, ro...)
		}
		binary.LittleEndian.PutUint32(code[at:], uint32(int64(base)+int64(sym.Value)+add-int64(at)))
	})
	return code
}
