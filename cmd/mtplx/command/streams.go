package command

import (
	"fmt"
	"io"
)

// Streams is where a command reads and writes; tests replace it.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Silent is a failure whose report the command has printed already.
type Silent struct{ Err error } //nolint:errname // command.Silent says what it is

func (s *Silent) Error() string { return fmt.Sprint(s.Err) }

// Unwrap returns the failure.
func (s *Silent) Unwrap() error { return s.Err }
