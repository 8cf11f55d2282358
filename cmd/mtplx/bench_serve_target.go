package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"mtplx/api"
	load "mtplx/bench/serve"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/stages/sample"
)

// target finds or starts the server. The caller calls shut.
func (c *benchServeCmd) target(ctx context.Context, streams, depth int) (*target, error) {
	switch {
	case c.URL != "":
		rss := func() (int64, error) { return load.RSS(os.DirFS("/proc"), c.PID) }
		if c.PID == 0 {
			rss = func() (int64, error) { return 0, errors.New("--pid is not given") }
		}
		settings := c.settings(c.URL, c.ModelName, streams)
		t := &target{client: settings.Open(), rss: rss}
		t.shut = t.client.HTTP.CloseIdleConnections
		return t, nil
	case c.Idle > 0:
		return c.spawn(ctx, streams)
	default:
		return c.start(ctx, streams, depth)
	}
}

// start runs our own server in this process, with a tap between it and the engine.
func (c *benchServeCmd) start(ctx context.Context, streams, depth int) (*target, error) {
	o, err := c.Options()
	if err != nil {
		return nil, err
	}
	// More sessions than streams: one that is over leaves the engine a moment after its client has heard so.
	o.Sessions, o.Waiting, o.Calibrate, o.Bank = streams, 2*streams, 4*command.Calibration, &runtime.BankOptions{}
	r, shutRuntime, err := c.OpenWith(ctx, o)
	if err != nil {
		return nil, err
	}
	model := (&serveCmd{}).model(r, nil)
	inside := newTap(r.Engine, model.NewDetok)
	model.Engine = inside
	cfg := api.Config{
		Model: model, Version: command.Version, Running: streams, Waiting: streams, Connections: 2*streams + 16,
		Defaults: api.Defaults{Sampler: sample.Sampler{TopP: 1}, Depth: depth, Speculate: speculate(depth)},
	}
	if c.APIKey != "" {
		cfg.Keys = []string{c.APIKey}
	}
	server, err := api.New(cfg)
	if err != nil {
		shutRuntime()
		return nil, command.Usage(err, "")
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		shutRuntime()
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("listen: %w", err), "")
	}
	w, err := startWorker(ctx)
	if err != nil {
		_ = ln.Close()
		shutRuntime()
		return nil, err
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	settings := c.settings("http://"+ln.Addr().String(), model.Name, streams)
	t := &target{
		client: settings.Open(), settings: settings, worker: w, inside: inside,
		rss: func() (int64, error) { return load.RSS(os.DirFS("/proc"), os.Getpid()) },
	}
	inside.epoch = t.client.Epoch
	t.shut = func() { //nolint:contextcheck // closing must not be cut short
		w.end()
		t.client.HTTP.CloseIdleConnections()
		_ = server.Close()
		if err := <-served; err != nil {
			fmt.Fprintf(os.Stderr, "mtplx: the server ended: %v\n", err)
		}
		shutRuntime()
	}
	return t, nil
}

// spawn runs our own server in a process of its own, so that its memory can be told from the client's.
func (c *benchServeCmd) spawn(ctx context.Context, streams int) (*target, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("find this program's file: %w", err), "start the server yourself and give --url and --pid")
	}
	args := []string{
		"serve", "--port=0", "--log-level=error", "--no-log-file", "--idle-timeout=1h", "--sessions=" + strconv.Itoa(streams), "--queue=" + strconv.Itoa(streams),
		"--max-connections=" + strconv.Itoa(c.Idle+2*streams+64), "--depth=" + c.Depth, "--profile=" + c.Profile, "--draft-vocab=" + c.DraftVocab,
	}
	for flag, value := range map[string]string{"model": c.Model, "numeric": c.Numeric, "kv": c.KV, "draft-lm-head": c.DraftLMHead, "trace": c.Trace} {
		if value != "" {
			args = append(args, "--"+flag+"="+value)
		}
	}
	for flag, value := range map[string]int{"threads": c.Threads, "context": c.Context} {
		if value != 0 {
			args = append(args, "--"+flag+"="+strconv.Itoa(value))
		}
	}
	// The child's life is ended below, not by ctx: the report is made while it still runs.
	child := exec.CommandContext(context.WithoutCancel(ctx), self, args...)
	child.Args[0] = "mtplx" // a test's program tells commands by this name
	if c.APIKey != "" {
		child.Env = append(os.Environ(), "MTPLX_AUTH="+c.APIKey)
	}
	var complaint strings.Builder
	child.Stderr = &complaint
	out, err := child.StdoutPipe()
	if err == nil {
		err = child.Start()
	}
	if err != nil {
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("start a server: %w", err), "")
	}
	end := func() {
		_ = child.Process.Signal(os.Interrupt)
		kill := time.AfterFunc(10*time.Second, func() { _ = child.Process.Kill() })
		_ = child.Wait()
		kill.Stop()
	}
	stop := context.AfterFunc(ctx, func() { _ = child.Process.Signal(os.Interrupt) }) // while it loads its model
	line, err := bufio.NewReader(out).ReadString('\n')
	stop()
	_, url, found := strings.Cut(strings.TrimSpace(line), " at ")
	if err != nil || !found {
		end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, runtime.Fail(runtime.Environment, fmt.Errorf("start a server: it said %q: %s", line, strings.TrimSpace(complaint.String())), "")
	}
	settings := c.settings(url, "mtplx", streams)
	t := &target{client: settings.Open(), rss: func() (int64, error) { return load.RSS(os.DirFS("/proc"), child.Process.Pid) }}
	t.shut = func() {
		t.client.HTTP.CloseIdleConnections()
		end()
	}
	return t, nil
}
