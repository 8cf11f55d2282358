package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"mtplx/bench/forward"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// benchForwardCmd times whole forwards of a checkpoint beside the read bandwidth.
type benchForwardCmd struct {
	Model   string        `placeholder:"MODEL" help:"Checkpoint directory, or OWNER/NAME of a pulled model (default: the embedded one)."`
	Numeric string        `default:"fast" help:"Numeric mode: fast, exact, float32."`
	KV      []string      `name:"kv" default:"plain" placeholder:"WAY" help:"How keys and values are kept, to be compared: plain (as the numeric mode has them), q8, q8-v4, q8-v3."`
	Tier    string        `placeholder:"NAME" help:"Instruction set (default: the best this machine has)."`
	Threads []int         `placeholder:"N" help:"Numbers of worker threads (default: 1 and all cores)."`
	Lanes   []int         `placeholder:"N" help:"Numbers of sessions in a forward, 1 to 64, each with a context of its own (default: 1)."`
	Rows    []int         `placeholder:"M" help:"Rows of each session, 1 to 9 (default: 1, 2, 3, 4, 8)."`
	Context int           `default:"512" help:"Tokens before a session's rows."`
	Time    time.Duration `default:"6s" help:"How long the forwards of one number of threads are timed in all, at least thrice."`
	JSON    bool          `help:"Print JSON."`
}

// Help is shown by --help.
func (c *benchForwardCmd) Help() string {
	return `Times one forward of the whole model by sessions and rows, beside a read loop over as many bytes in the same process, and shows
what each kind of operation takes of it.

--json prints {"model","tier","mode","context","forwards":[{"threads","kv","kv_bytes_per_token","lanes","rows","us","bytes","gbs","read_gbs","of_read",
"c","operations":[{"name","us","share","bytes","gbs"}]}]}. bytes are weights once, and each session's recurrent state
read and written once, its keys and values once; c is the time over that of one row of one session; an operation's us is a worker's, on average.`
}

// Run implements the command.
func (c *benchForwardCmd) Run(ctx context.Context, s command.Streams) error {
	if c.Time <= 0 {
		return command.Usage(fmt.Errorf("--time is %s", c.Time), "give a time, such as 6s")
	}
	progress := steps(s, c.JSON)
	p, err := command.Locate(c.Model)
	if err != nil {
		return err
	}
	defer p.Release()
	rep, err := runtime.BenchForward(ctx, p.Dir, p.Name, c.Numeric, c.KV, forward.Options{
		Tier: c.Tier, Threads: c.Threads, Lanes: c.Lanes, Rows: c.Rows, Context: c.Context, Time: c.Time, Progress: progress,
	})
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(s.Out).Encode(rep)
	}
	progress("")
	return rep.WriteText(s.Out)
}
