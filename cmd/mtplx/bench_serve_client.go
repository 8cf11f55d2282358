package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	load "mtplx/bench/serve"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
)

// benchClientCmd is what bench serve runs in another process; see load.Work.
type benchClientCmd struct{}

// Run implements the command.
func (c *benchClientCmd) Run(ctx context.Context, s command.Streams) error {
	err := load.Work(ctx, s.In, s.Out)
	if ctx.Err() != nil { // the parent reports that
		return nil //nolint:nilerr // see above
	}
	return err
}

// worker is a client in another process.
type worker struct {
	cmd    *exec.Cmd
	jobs   io.WriteCloser
	traces *json.Decoder
}

// startWorker starts the process. The caller calls end.
func startWorker(ctx context.Context) (*worker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("find this program's file: %w", err), "start the server yourself and give --url")
	}
	w := &worker{cmd: exec.CommandContext(context.WithoutCancel(ctx), self, "bench", "client")}
	w.cmd.Args[0] = "mtplx" // a test's program tells commands by this name
	w.cmd.Stderr = os.Stderr
	out, err := w.cmd.StdoutPipe()
	if err == nil {
		w.traces = json.NewDecoder(out)
		w.jobs, err = w.cmd.StdinPipe()
	}
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("start the client's process: %w", err), "")
	}
	return w, nil
}

// generate has the worker do a job. When ctx ends it cuts off what is under way and gives what it has.
func (w *worker) generate(ctx context.Context, j *load.Job) ([]load.Trace, error) {
	stop := context.AfterFunc(ctx, func() { _ = w.cmd.Process.Signal(os.Interrupt) })
	defer stop()
	return j.Send(w.jobs, w.traces)
}

func (w *worker) end() {
	_ = w.jobs.Close()
	kill := time.AfterFunc(10*time.Second, func() { _ = w.cmd.Process.Kill() })
	_ = w.cmd.Wait()
	kill.Stop()
}
