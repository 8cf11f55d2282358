package main

import (
	"fmt"
	"strings"

	"mtplx/bench/suites"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// comparison is what commands that set MTP beside plain decoding need of their flags.
type comparison struct {
	depth int // of MTP
	base  runtime.Request
	names []string // of suites
	all   [][]suites.Prompt
}

// compare checks the flags that such commands share. suite may be all.
func compare(depth string, rounds int, sampling *command.SamplingFlags, suite string) (*comparison, error) {
	var c comparison
	var err error
	if c.depth, err = command.ParseDepth(depth); err != nil {
		return nil, err
	}
	if rounds < 1 {
		return nil, command.Usage(fmt.Errorf("--rounds is %d", rounds), "give at least 1")
	}
	if err := sampling.Request(&c.base); err != nil {
		return nil, err
	}
	c.names = []string{suite}
	if suite == "all" {
		c.names = suites.Names()
	}
	for _, name := range c.names {
		prompts, err := suites.Open(name)
		if err != nil {
			return nil, command.Usage(err, "known suites are all, "+strings.Join(suites.Names(), ", "))
		}
		c.all = append(c.all, prompts)
	}
	return &c, nil
}
