package runtime

import (
	"errors"
	"fmt"
)

// Kind is a class of failure, with the exit code that scripts see.
type Kind int

// The kinds of failure.
const (
	General      Kind = 1
	BadModel     Kind = 2 // a checkpoint or an option that cannot be used
	Inexact      Kind = 3 // results that differ from what they must be
	Unsupported  Kind = 4 // an architecture this engine does not run
	Environment  Kind = 5 // the machine or the environment lacks something
	NoResource   Kind = 6 // memory, disk, context or sessions do not suffice
	Integration  Kind = 7
	Thermal      Kind = 8 // max mode is not available, or does not do what it is told
	Interrupted  Kind = 130
	UsageProblem      = BadModel
)

var kindNames = map[Kind]string{
	General: "general", BadModel: "invalid_input", Inexact: "exactness", Unsupported: "unsupported_architecture",
	Environment: "environment", NoResource: "resource", Integration: "integration", Thermal: "thermal", Interrupted: "interrupted",
}

func (k Kind) String() string { return kindNames[k] }

// Failure is an error with its kind and, where there is one, the remedy.
type Failure struct { //nolint:errname // runtime.Failure says what it is
	Kind Kind
	Err  error
	Fix  string
}

func (f *Failure) Error() string {
	if f.Fix == "" {
		return f.Err.Error()
	}
	return fmt.Sprintf("%v; %s", f.Err, f.Fix)
}

func (f *Failure) Unwrap() error { return f.Err }

// Fail wraps err with a kind, unless it carries one already.
func Fail(k Kind, err error, fix string) error {
	var f *Failure
	if err == nil || errors.As(err, &f) {
		return err
	}
	return &Failure{Kind: k, Err: err, Fix: fix}
}
