package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"mtplx/api"
	"mtplx/api/web"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/cooling"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/model/tokenizer"
	"mtplx/sched"
	"mtplx/sched/page"
	"mtplx/stages"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

// serveCmd serves a model over HTTP.
type serveCmd struct {
	Host       string   `default:"127.0.0.1" help:"Address to listen at; beyond loopback it takes an API key." group:"Network"`
	Port       int      `default:"8000" help:"Port to listen at; 0 takes a free one." group:"Network"`
	Unix       string   `placeholder:"PATH" help:"Listen at a unix socket instead." group:"Network"`
	TLSCert    string   `name:"tls-cert" placeholder:"FILE" help:"Certificate chain (PEM) for HTTPS." group:"Network"`
	TLSKey     string   `name:"tls-key" placeholder:"FILE" help:"Private key (PEM) of the certificate." group:"Network"`
	APIKey     []string `name:"api-key" env:"MTPLX_AUTH" placeholder:"KEY" help:"Key that clients must send; may be repeated. Other users of this machine can see it here: prefer the environment or a file." group:"Network"`
	APIKeyFile string   `name:"api-key-file" placeholder:"FILE" help:"File with one key a line." group:"Network"`
	AllowHost  []string `placeholder:"NAME" help:"Further name by which a server on loopback may be called." group:"Network"`
	CORSOrigin []string `name:"cors-origin" placeholder:"ORIGIN" help:"Web origin that may use the server; may be repeated; * is all." group:"Network"`
	Pprof      string   `placeholder:"ADDR" help:"Serve Go's profiles at a loopback address, such as 127.0.0.1:6060." group:"Network"`

	ModelID string   `name:"model-id" placeholder:"NAME" help:"Name of the model for clients (default: its directory's). mtplx always stands for it." group:"Serving"`
	Alias   []string `placeholder:"NAME" help:"Further name of the model; may be repeated." group:"Serving"`

	Sessions          int           `default:"16" help:"Answers written at once." group:"Serving"`
	Queue             int           `default:"60" help:"Answers that may wait; more are refused." group:"Serving"`
	ClientAnswers     int           `name:"client-answers" default:"0" help:"Answers that one key, or one address without keys, may have in work; 0 is no limit." group:"Serving"`
	RateLimit         int           `default:"0" help:"Requests a minute for each key, or each address without keys; 0 is no limit." group:"Serving"`
	Bank              bool          `default:"true" negatable:"" help:"Remember what sessions computed, for those that begin alike." group:"Serving"`
	BankIdle          time.Duration `name:"bank-idle" default:"0s" help:"Forget what nobody has asked for during that time; 0 keeps it until room is needed." group:"Serving"`
	BankDir           string        `name:"bank-dir" placeholder:"DIR" help:"Keep it across restarts, too, in this directory." group:"Serving"`
	BankDisk          int           `name:"bank-disk" default:"4096" help:"Most megabytes of that directory." group:"Serving"`
	MaxResponseTokens int           `default:"0" help:"Most tokens of an answer; 0 is as many as fit." group:"Serving"`
	MaxBody           int           `default:"33554432" help:"Most bytes of a request." group:"Serving"`
	MaxConnections    int           `default:"4096" help:"Most open connections." group:"Serving"`
	ReadTimeout       time.Duration `default:"30s" help:"Time for a request to arrive." group:"Serving"`
	IdleTimeout       time.Duration `default:"2m" help:"Time between requests of a connection." group:"Serving"`
	StallTimeout      time.Duration `default:"30s" help:"Time that a client may leave an answer unread." group:"Serving"`
	PingInterval      time.Duration `default:"10s" help:"Silence in a stream after which a ping is sent." group:"Serving"`
	DrainTimeout      time.Duration `default:"30s" help:"Time for answers to finish when the server is told to end; a second signal cuts them off." group:"Serving"`
	MaxIdleMin        int           `name:"max-idle-min" default:"15" help:"Minutes without work after which --max is off until there is some; 0 is never." group:"Serving"`

	GenerationMode string `default:"mtp" help:"mtp drafts with the head; ar decodes plainly." group:"Generation"`
	Depth          string `default:"auto" help:"Drafts a cycle, 0 to 8, or auto: as many as pay." group:"Generation"`
	Reasoning      string `default:"auto" enum:"auto,on,off" help:"Whether models that can think do, when a request does not say: auto, on, off." group:"Generation"`
	WarmupTokens   int    `default:"16" help:"Tokens written before the first request." group:"Generation"`

	LogLevel   string `default:"info" enum:"debug,info,warn,error" help:"Least level of what is logged: debug, info, warn, error." group:"Logging"`
	LogFormat  string `default:"text" enum:"text,json" help:"text or json." group:"Logging"`
	LogPrompts bool   `help:"Log prompts, too." group:"Logging"`
	LogFile    bool   `name:"log-file" default:"true" negatable:"" help:"Keep a log below ~/.mtplx/logs as well, of 16 MB at most, without secrets and prompts." group:"Logging"`

	command.SamplingFlags
	command.ModelFlags
	command.ProposalFlags
	cooling.Flags

	ready func(address, model string) // told once the server serves, where set
}

// Run implements the command.
func (c *serveCmd) Run(ctx context.Context, s command.Streams) (err error) {
	// Both signals are heard from the beginning: the second one, which cuts answers off, must not be lost.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	cfg := api.Config{
		Version: command.Version, Hosts: c.AllowHost, Origins: c.CORSOrigin, Rate: c.RateLimit, Running: c.Sessions, Waiting: c.Queue, Each: c.ClientAnswers,
		Connections: c.MaxConnections, MaxBody: c.MaxBody, MaxTokens: c.MaxResponseTokens, ReadTimeout: c.ReadTimeout,
		IdleTimeout: c.IdleTimeout, Stall: c.StallTimeout, Ping: c.PingInterval, LogPrompts: c.LogPrompts,
		Pages: web.Pages(),
	}
	if err := c.check(&cfg); err != nil {
		return err
	}
	var req runtime.Request
	if err := c.Request(&req); err != nil {
		return err
	}
	cfg.Defaults.Sampler = req.Sampler
	ln, err := c.listen(ctx) // before the model is loaded: a taken port is known at once
	if err != nil {
		return err
	}
	defer func() { _ = ln.Close() }()
	log, file := c.loggers(s.Err)
	defer func() { file.end(err) }()
	cfg.Log = log
	cool, err := c.Begin(ctx, func(text string) { log.Warn(text) }, cooling.Use{For: "serve", Idle: time.Duration(c.MaxIdleMin) * time.Minute})
	if err != nil {
		return err
	}
	defer cool.End(&err)
	r, shut, err := c.openSessions(ctx, cfg.Log, cool)
	if err != nil {
		return err
	}
	defer shut()
	for _, n := range r.Notices {
		cfg.Log.Warn(n)
	}
	cfg.Log.Info("model loaded", "model", r.Name, "took", r.LoadTime.Round(time.Millisecond), "packed_mib", r.Model.WeightBytes()>>20, "device", r.Choice.Name, "chosen", r.Choice.Why)
	cfg.Model = c.model(r, req.DraftSampler)
	if cfg.Defaults.Depth > cfg.Model.Depth {
		return command.Usage(fmt.Errorf("--depth is %d", cfg.Defaults.Depth), fmt.Sprintf("this model takes at most %d", cfg.Model.Depth))
	}
	if err := c.warmUp(ctx, r, &req); err != nil {
		return err
	}
	server, err := api.New(cfg)
	if err != nil {
		return command.Usage(err, "")
	}
	stopPprof, err := c.pprof(ctx)
	if err != nil {
		return err
	}
	defer stopPprof()
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	fmt.Fprintf(s.Out, "mtplx %s serves %s on %s at %s\n", command.Version, cfg.Model.Name, r.Choice.Name, c.url(ln))
	if c.ready != nil {
		c.ready(c.url(ln), cfg.Model.Name)
	}
	select {
	case err := <-served:
		return errors.Join(err, server.Close()) //nolint:contextcheck // closing must not be cut short
	case <-ctx.Done(): // by the first signal, which is in signals, too
	}
	return c.drain(server, ln, served, signals, cfg.Log) //nolint:contextcheck // ctx has ended; the drain has a time of its own
}

// drain lets answers finish, within the time there is and until a second signal.
func (c *serveCmd) drain(server *api.Server, ln net.Listener, served <-chan error, signals <-chan os.Signal, log *slog.Logger) error {
	log.Info("draining", "timeout", c.DrainTimeout)
	ctx, cancel := context.WithTimeout(context.Background(), c.DrainTimeout)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		for range 2 { // the one that began the drain, and another
			select {
			case <-signals:
			case <-done:
				return
			}
		}
		cancel()
	}()
	err := server.Drain(ctx)
	_ = ln.Close() // a server whose goroutine had not begun to accept is not ended by the drain
	if serveErr := <-served; serveErr != nil {
		return serveErr
	}
	if err != nil {
		return runtime.Fail(runtime.Interrupted, fmt.Errorf("answers were cut off: %w", err), "")
	}
	log.Info("drained")
	return nil
}

// check reads what flags say beyond numbers.
func (c *serveCmd) check(cfg *api.Config) error {
	for _, n := range []struct {
		flag         string
		value, least int
	}{
		{"--port", c.Port, 0},
		{"--sessions", c.Sessions, 1},
		{"--queue", c.Queue, 0},
		{"--rate-limit", c.RateLimit, 0},
		{"--client-answers", c.ClientAnswers, 0},
		{"--max-response-tokens", c.MaxResponseTokens, 0},
		{"--max-body", c.MaxBody, 1024},
		{"--max-connections", c.MaxConnections, 1},
		{"--bank-disk", c.BankDisk, 1},
		{"--warmup-tokens", c.WarmupTokens, 0},
		{"--max-idle-min", c.MaxIdleMin, 0},
	} {
		if n.value < n.least {
			return command.Usage(fmt.Errorf("%s is %d", n.flag, n.value), fmt.Sprintf("give at least %d", n.least))
		}
	}
	if c.BankIdle < 0 {
		return command.Usage(fmt.Errorf("--bank-idle is %v", c.BankIdle), "give a time such as 1h, or 0s to keep what there is room for")
	}
	if c.Port > 65535 {
		return command.Usage(fmt.Errorf("--port is %d", c.Port), "give 0 to 65535")
	}
	d := &cfg.Defaults
	switch c.GenerationMode {
	case "mtp":
		d.Speculate = true
	case "ar":
	default:
		return command.Usage(fmt.Errorf("unknown generation mode %q", c.GenerationMode), "--generation-mode takes mtp or ar")
	}
	var err error
	if d.Depth, err = command.ParseDepth(c.Depth); err != nil {
		return err
	}
	d.Speculate = d.Speculate && d.Depth != 0
	if c.Reasoning != "auto" {
		d.Thinking = new(c.Reasoning == "on")
	}
	if cfg.Keys, err = c.keys(); err != nil {
		return err
	}
	cfg.Anyhost = c.Unix != "" || !c.loopback()
	if cfg.Anyhost && c.Unix == "" && len(cfg.Keys) == 0 {
		return command.Usage(fmt.Errorf("--host %s lets other machines in, and there is no API key", c.Host), "set MTPLX_AUTH or give --api-key-file, or listen at 127.0.0.1")
	}
	return nil
}

// loopback tells whether only this machine can reach the server.
func (c *serveCmd) loopback() bool {
	ip := net.ParseIP(c.Host)
	return c.Host == "localhost" || ip != nil && ip.IsLoopback()
}

// openSessions opens the model with room for several sessions. The caller calls shut.
func (c *serveCmd) openSessions(ctx context.Context, log *slog.Logger, cool *cooling.Session) (_ *runtime.Runtime, shut func(), err error) {
	o, err := c.Options()
	if err != nil {
		return nil, nil, err
	}
	if err := c.Put(&o); err != nil {
		return nil, nil, err
	}
	if cool != nil {
		o.Observe = func(*stages.Cycle) { cool.Work() }
	}
	o.Sessions, o.Waiting, o.Calibrate = c.Sessions, c.Queue+c.Sessions, 4*command.Calibration
	if c.Bank {
		o.Bank = &runtime.BankOptions{Dir: c.BankDir, DiskBytes: int64(c.BankDisk) << 20, Idle: c.BankIdle, Log: log}
	}
	return c.OpenWith(ctx, o)
}

// model is what the server needs of a runtime.
func (c *serveCmd) model(r *runtime.Runtime, draft *sample.Sampler) api.Model {
	m := api.Model{
		Name: r.Name, Device: r.Choice.Name, DeviceKind: r.Choice.Kind, DeviceWhy: r.Choice.Why, Aliases: c.Alias, Created: time.Now(),
		Context: r.Model.Options().Context, Depth: r.Model.Options().Depth, HasHead: r.Model.HasHead(), Vocabulary: r.Model.Vocabulary(),
		Tokenizer: r.Tokenizer, Template: r.Template, StopTokens: r.StopTokens(), Engine: engine{r.Engine},
		NewDetok: func() commit.Detokenizer { return tokenizer.NewStream(r.Tokenizer, true) },
		Load: func() api.Load {
			s := r.Engine.Status()
			l := api.Load{
				Pages: s.Pages, FreePages: s.FreePages, PageTokens: page.Tokens, Stored: r.Model.Stored(),
				TokenBytes: r.Model.TokenBytes(), Cycles: s.Cycles,
			}
			if s.Bank.MaxBytes > 0 {
				l.Bank = &s.Bank
			}
			return l
		},
	}
	if c.Bank {
		m.Bank = r.Engine
	}
	if c.ModelID != "" {
		m.Name = c.ModelID
	}
	if d := r.Contract.DraftSampler; d != nil {
		m.DraftSampler = &sample.Sampler{Temperature: d.Temperature, TopP: d.TopP, TopK: d.TopK}
	}
	if draft != nil {
		m.DraftSampler = draft
	}
	return m
}

// engine is a sched.Engine as the server sees it.
type engine struct{ *sched.Engine }

func (e engine) Start(r sched.Request) (api.Session, error) {
	s, err := e.Engine.Start(r)
	if err != nil {
		return nil, err // not s: an interface that holds a nil session would not be nil
	}
	return s, nil
}

// warmUp writes a few tokens, so that the first request finds everything in memory.
func (c *serveCmd) warmUp(ctx context.Context, r *runtime.Runtime, req *runtime.Request) error {
	if c.WarmupTokens == 0 {
		return nil
	}
	q := *req
	var err error
	if q.Prompt, err = r.Encode("Hello.", "", true); err != nil {
		return err
	}
	q.MaxTokens, q.Speculate, q.Depth = c.WarmupTokens, c.GenerationMode == "mtp", 1
	if _, err := r.Generate(ctx, q, nil); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	return nil
}
