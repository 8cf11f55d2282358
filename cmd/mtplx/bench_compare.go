package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"mtplx/bench/suites"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
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

// measured is what was found of a suite: an object of JSON, or a text.
type measured interface{ Print(w io.Writer) }

// each measures one suite after the other, its first limit prompts (0: all), shows how far it is, and prints what was found.
func (c *comparison) each(s command.Streams, asJSON bool, limit int, measure func(suite string, prompts []suites.Prompt, progress func(done, total int)) (measured, error)) error {
	show := terminal.Progress(s.Err)
	for i, name := range c.names {
		var progress func(done, total int)
		if !asJSON {
			progress = func(done, total int) { show(fmt.Sprintf("%s %d/%d", name, done, total)) }
		}
		prompts := c.all[i]
		if limit > 0 {
			prompts = prompts[:min(limit, len(prompts))]
		}
		found, err := measure(name, prompts, progress)
		if err != nil {
			return err
		}
		if asJSON {
			if err := json.NewEncoder(s.Out).Encode(found); err != nil {
				return err
			}
			continue
		}
		show("")
		found.Print(s.Out)
	}
	return nil
}
