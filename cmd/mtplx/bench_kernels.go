package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"mtplx/bench/kernelbench"
	"mtplx/cmd/mtplx/command"
)

// benchKernelsCmd times operations of the CPU device beside ceilings measured in the same process.
type benchKernelsCmd struct {
	Tier    string   `placeholder:"NAME" help:"Instruction set (default: the best this machine has)."`
	Threads []int    `placeholder:"N" help:"Numbers of worker threads (default: 1 and all cores)."`
	Bits    []int    `placeholder:"B" help:"Weight widths."`
	Rows    []int    `placeholder:"M" help:"Row counts."`
	Shapes  []string `name:"shape" placeholder:"NxK" help:"Products of N outputs by K inputs (default: those of a large model)."`
	Only    bool     `name:"products-only" help:"Leave out the operations beside products."`
	Quick   bool     `help:"Take less than 20 seconds."`
	Best    bool     `help:"Show each operation's best round instead of the median: for a busy machine."`
	JSON    bool     `help:"Print JSON."`
}

// Run implements the command.
func (c *benchKernelsCmd) Run(ctx context.Context, s command.Streams) error {
	shapes := make([][2]int, len(c.Shapes))
	for i, text := range c.Shapes {
		n, k, found := strings.Cut(text, "x")
		var errN, errK error
		shapes[i][0], errN = strconv.Atoi(n)
		shapes[i][1], errK = strconv.Atoi(k)
		if !found || errN != nil || errK != nil {
			return command.Usage(fmt.Errorf("--shape is %q", text), "give outputs and inputs, as in 4096x1024")
		}
	}
	rep, err := kernelbench.Run(ctx, kernelbench.Options{
		Tier: c.Tier, Threads: c.Threads, Bits: c.Bits, Rows: c.Rows, Quick: c.Quick, Best: c.Best, Shapes: shapes, ProductsOnly: c.Only,
	})
	if err != nil {
		return command.Usage(err, "")
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(rep)
	}
	return rep.WriteText(s.Out)
}
