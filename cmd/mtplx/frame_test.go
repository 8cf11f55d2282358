package main

import (
	"bytes"
	"strings"
	"testing"

	"mtplx/cmd/mtplx/command"
)

// runLine runs one command line in this process.
func runLine(args ...string) (code int, out, err string) {
	var o, e bytes.Buffer
	code = execute(args, command.Streams{In: strings.NewReader(""), Out: &o, Err: &e})
	return code, o.String(), e.String()
}

// A command line that cannot be understood ends with 2, whatever is wrong with it.
func TestMistakesEndWithTwo(t *testing.T) {
	for _, line := range []string{
		"srve", "bench rnu", "bench", "run --temprature 1 x", "--depth 2 run x", "serve here", "serve --log-level wran", "run --threads two x",
		"bench rnu --json",
	} {
		if code, _, _ := runLine(strings.Fields(line)...); code != 2 {
			t.Errorf("mtplx %s ended with %d, want 2", line, code)
		}
	}
}
