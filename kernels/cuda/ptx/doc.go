//go:build !cuda || !linux

// Command ptx compiles the kernels of package gpu to PTX; it is built with the tag cuda on Linux.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "ptx was built without NVRTC: build it on Linux with -tags cuda")
	os.Exit(1)
}
