package main

import (
	"context"
	"encoding/json"
	"mtplx/cmd/mtplx/command"

	"mtplx/bench/kernelbench"
)

// benchKernelsCmd times operations of the CPU device beside ceilings measured in the same process.
type benchKernelsCmd struct {
	Tier    string `placeholder:"NAME" help:"Instruction set (default: the best this machine has)."`
	Threads []int  `placeholder:"N" help:"Numbers of worker threads (default: 1 and all cores)."`
	Bits    []int  `placeholder:"B" help:"Weight widths."`
	Rows    []int  `placeholder:"M" help:"Row counts."`
	Quick   bool   `help:"Take less than 20 seconds."`
	Best    bool   `help:"Show each operation's best round instead of the median: for a busy machine."`
	JSON    bool   `help:"Print JSON."`
}

// Run implements the command.
func (c *benchKernelsCmd) Run(ctx context.Context, s command.Streams) error {
	rep, err := kernelbench.Run(ctx, kernelbench.Options{
		Tier: c.Tier, Threads: c.Threads, Bits: c.Bits, Rows: c.Rows, Quick: c.Quick, Best: c.Best,
	})
	if err != nil {
		return command.Usage(err, "")
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(rep)
	}
	return rep.WriteText(s.Out)
}
