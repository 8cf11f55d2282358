package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/markdown"
	"mtplx/cmd/mtplx/remote"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
)

// Cmd are the commands about figures.
type Cmd struct {
	Watch watchCmd `cmd:"" help:"Show a server's figures as they change."`
}

// watchCmd looks at a server.
type watchCmd struct {
	Interval time.Duration `default:"1s" help:"Time between samples." group:"Samples"`
	Count    int           `default:"0" placeholder:"N" help:"Samples; 0 goes on until Ctrl-C." group:"Samples"`
	Once     bool          `help:"One sample, as --count 1." group:"Samples"`
	JSON     bool          `name:"json" help:"Print JSON objects on a terminal, too." group:"Samples"`
	remote.Flags
}

// Help is what mtplx metrics watch --help says above the flags.
func (c *watchCmd) Help() string {
	return "On a terminal the figures stay in place. Elsewhere each sample is one JSON object a line."
}

// shortest is the least time between samples.
const shortest = 100 * time.Millisecond

// Run implements the command.
func (c *watchCmd) Run(ctx context.Context, s command.Streams) error {
	switch {
	case c.Interval < shortest:
		return command.Usage(fmt.Errorf("--interval is %v", c.Interval), fmt.Sprintf("give at least %v", shortest))
	case c.Count < 0:
		return command.Usage(fmt.Errorf("--count is %d", c.Count), "give a number of samples, or 0 to go on until Ctrl-C")
	case c.Once && c.Count > 1:
		return command.Usage(fmt.Errorf("--once is given, and --count is %d", c.Count), "give one of the two")
	case c.Once:
		c.Count = 1
	}
	server, err := c.Server()
	if err != nil {
		return err
	}
	defer server.Close()
	show, end := c.shower(s.Out, server.URL)
	err = c.watch(ctx, server.Counters, show)
	return errors.Join(err, end())
}

// watch shows samples until there were as many as wanted, ctx ends, or they cannot be shown. A first sample that fails is a
// failure; later ones are shown as such, but for a counted watch's last.
func (c *watchCmd) watch(ctx context.Context, ask func(context.Context) (*remote.Counters, error), show func(*sample) error) error {
	ticks := time.NewTicker(c.Interval)
	defer ticks.Stop()
	var before *remote.Counters
	var last time.Time
	for n := 1; ; n++ {
		counters, err := ask(ctx)
		now := time.Now()
		switch {
		case ctx.Err() != nil: // Ctrl-C is how a watch ends
			return nil
		case err != nil && (n == 1 || n == c.Count):
			return err
		case err != nil:
			if f, ok := errors.AsType[*runtime.Failure](err); ok { // without its remedy: it may pass
				err = f.Err
			}
			err = show(&sample{Time: now.UTC(), Error: err.Error()})
			before = nil
		default:
			err = show(newSample(now, counters, before, now.Sub(last).Seconds()))
			before, last = counters, now
		}
		if err != nil || n == c.Count {
			return err
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// shower is how samples are shown, and how that ends.
func (c *watchCmd) shower(out io.Writer, url string) (show func(*sample) error, end func() error) {
	nothing := func() error { return nil }
	var rates history
	switch {
	case c.JSON || !terminal.Is(out):
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return func(s *sample) error { return e.Encode(s) }, nothing
	case !terminal.Draws(out, os.Getenv):
		return func(s *sample) error {
			rates = rates.with(s.Rate)
			width, _ := terminal.Size(out)
			_, err := io.WriteString(out, strings.Join(s.sheet(url, rates).Lines(width, markdown.Theme{}), "\n")+"\n\n")
			return err
		}, nothing
	}
	width, height := terminal.Size(out)
	frame := terminal.NewFrame(out, width, height)
	theme := terminal.Theme(os.Getenv)
	return func(s *sample) error {
		rates = rates.with(s.Rate)
		width, height := terminal.Size(out)
		if w, h := frame.Size(); w != width || h != height {
			frame.Resize(width, height)
		}
		lines := s.sheet(url, rates).Lines(width, theme)
		return frame.Draw(nil, lines[:min(len(lines), height)], terminal.Cursor{Hidden: true})
	}, frame.Close
}
