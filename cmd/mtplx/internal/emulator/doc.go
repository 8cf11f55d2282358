// Package emulator is a terminal for tests: a pseudo-terminal whose other end is drawn by an emulator, so that a test types as
// a person does and reads what a person sees. Tests wait for what the screen shows, never for time to pass.
//
// A Terminal is safe for concurrent use. Only tests of cmd/mtplx import it.
package emulator
