// Package version is the command that says which build of mtplx this is. It reads what the linker and the Go tools left in
// the binary, and nothing else.
package version
