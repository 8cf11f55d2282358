package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"log"
)

// arm64 is compiled for Arm's convention, which keeps R19 over a call. R18 belongs to the system, and R28
// is Go's: a signal handler takes the running goroutine from it.
var arm64 = target{
	arch:      "arm64",
	flags:     []string{"-ffixed-x18", "-ffixed-x28", "-fomit-frame-pointer", "--target=aarch64-linux-gnu"},
	tiers:     []instructions{{"NEON", nil}},
	registers: []string{"R0", "R1", "R2", "R3", "R4", "R5"},
	move:      "MOVD",
	data:      "DWORD",
	pad:       []byte{0x1f, 0x20, 0x03, 0xd5},
	relocate: func(o *object, s elf.Symbol, code []byte) []byte {
		// Constants are built by instructions, so there is nothing to relocate.
		o.relocations(s, func(_ int, kind uint32, sym elf.Symbol, _ int64) {
			log.Fatalf("cgen: %s: relocation %v to %q", s.Name, elf.R_AARCH64(kind), sym.Name)
		})
		return code
	},
	// The link register lies at the frame's foot, below all that the body is given.
	frame: func(out *bytes.Buffer, name string, stack, args int, loads func()) {
		frame := (stack + 64) &^ 15
		fmt.Fprintf(out, "\nTEXT ·%s(SB), 0, $%d-%d\n", name, frame, args)
		loads()
		fmt.Fprintf(out, "\tMOVD RSP, R19\n\tADD $%d, R19, R20\n\tAND $~15, R20, R20\n\tMOVD R20, RSP\n\tCALL %s_c<>(SB)\n\tMOVD R19, RSP\n\tRET\n", frame, name)
	},
}
