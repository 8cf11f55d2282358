//go:build !cuda || !linux

// Command ptx compiles the kernels of package gpu to PTX; it is built with the tag cuda on Linux.
package main

func main() {}
