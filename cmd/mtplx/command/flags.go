package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/terminal"
	"mtplx/sched"
	"mtplx/sched/queue"
	"mtplx/sched/trace"
	"mtplx/stages"
	"mtplx/stages/sample"
)

// ModelFlags choose what runs and how it computes.
type ModelFlags struct {
	Model                 string `placeholder:"MODEL" help:"Checkpoint directory, or OWNER/NAME of a pulled model; without it the embedded one runs." group:"Model"`
	Profile               string `placeholder:"NAME" default:"performance-cold" help:"Named settings: performance-cold, stable, exact, tuned." group:"Model"`
	Numeric               string `placeholder:"MODE" help:"Numeric mode instead of the profile's: fast, exact, float32." group:"Model"`
	KV                    string `name:"kv" placeholder:"WAY" help:"How keys and values are kept: plain (as the numeric mode has them), q8, q8-v4, q8-v3." group:"Model"`
	DraftLMHead           string `name:"draft-lm-head" placeholder:"W" help:"Draft head width instead of the profile's: off, 4 or 3." group:"Model"`
	DraftVocab            string `name:"draft-vocab" placeholder:"N" default:"auto" help:"Tokens the head proposes from besides the text's own: auto, all, or a number." group:"Model"`
	Device                string `placeholder:"D" default:"auto" help:"What it runs on: auto, cpu, cuda, cuda:N or metal." group:"Model"`
	Lookup                string `placeholder:"WHEN" default:"auto" help:"Copy what followed the text's end where it occurred before, under --depth auto: auto (where that pays) or off." group:"Model"`
	Overlap               string `placeholder:"WHEN" default:"auto" help:"What is drafted while tokens are verified: auto (what pays), off, cohorts (other sessions), optimistic (the same, on a guess)." group:"Model"`
	Chain                 string `placeholder:"WHEN" default:"auto" help:"Have the head go on from one draft to the next without the host: auto (on devices where that saves time), on (from the first draft) or off." group:"Model"`
	Threads               int    `placeholder:"N" help:"Worker threads of the CPU (default: all cores)." group:"Model"`
	Context               int    `placeholder:"N" help:"Context in tokens (default: the model's own)." group:"Model"`
	UnsafeForceUnverified bool   `name:"unsafe-force-unverified" help:"Run a checkpoint that nobody vouches for; --yes is needed too." group:"Model"`
	Yes                   bool   `help:"Confirm --unsafe-force-unverified." group:"Model"`
	Trace                 string `placeholder:"FILE" help:"Write what each cycle spent where, and what the device's queues ran when, for ui.perfetto.dev." group:"Model"`
}

// Options are what the flags say of the model.
func (f *ModelFlags) Options() (runtime.Options, error) {
	p, err := runtime.FindProfile(f.Profile)
	if err != nil {
		return runtime.Options{}, err
	}
	if _, _, err := runtime.ParseDevice(f.Device); err != nil {
		return runtime.Options{}, err
	}
	if f.Context < 0 {
		return runtime.Options{}, Usage(fmt.Errorf("--context is %d", f.Context), "give a positive number of tokens")
	}
	if f.Lookup != "auto" && f.Lookup != "off" && f.Lookup != "" {
		return runtime.Options{}, Usage(fmt.Errorf("--lookup is %q", f.Lookup), "give auto or off")
	}
	overlap := sched.OverlapAuto
	if f.Overlap != "" {
		if overlap, err = sched.ParseOverlap(f.Overlap); err != nil {
			return runtime.Options{}, Usage(err, "")
		}
	}
	chain := sched.ChainAuto
	if f.Chain != "" {
		if chain, err = sched.ParseChain(f.Chain); err != nil {
			return runtime.Options{}, Usage(err, "")
		}
	}
	return runtime.Options{
		Model: f.Model, Profile: p, DraftHead: f.DraftLMHead, DraftVocab: f.DraftVocab, Mode: f.Numeric, KV: f.KV, Device: f.Device, Threads: f.Threads, Context: f.Context, Lookup: f.Lookup != "off", Overlap: overlap, Chain: chain,
	}, nil
}

// Setting says something of the model besides ModelFlags.
type Setting interface {
	Put(o *runtime.Options) error
}

// Watched is a Setting: Occupancy learns how busy the device's queues are.
type Watched struct{ *trace.Occupancy }

// Put implements Setting.
func (w Watched) Put(o *runtime.Options) error {
	o.Observe, o.Watch = w.Observe, w.Ran
	return nil
}

// Calibration is how long a command that chooses depths by cost times forwards before it begins.
const Calibration = 25 * time.Millisecond

// Open opens the model for one session at a time, with what else is said of it. The caller calls shut.
func (f *ModelFlags) Open(ctx context.Context, depth int, more ...Setting) (r *runtime.Runtime, shut func(), err error) {
	o, err := f.Options()
	if err != nil {
		return nil, nil, err
	}
	for _, m := range more {
		if err := m.Put(&o); err != nil {
			return nil, nil, err
		}
	}
	if depth == sched.Auto {
		o.Calibrate = Calibration
	}
	return f.OpenWith(ctx, o)
}

// OpenWith opens the model, and the trace that --trace names. The caller calls shut, which closes both.
func (f *ModelFlags) OpenWith(ctx context.Context, o runtime.Options) (r *runtime.Runtime, shut func(), err error) {
	release, err := f.locate(&o) //nolint:contextcheck // it looks into the file system only
	if err != nil {
		return nil, nil, err
	}
	closeTrace, err := f.trace(&o)
	if err != nil {
		release()
		return nil, nil, err
	}
	var shown bool
	if o.Progress == nil && terminal.Is(os.Stderr) {
		o.Progress = progress(os.Stderr, &shown)
	}
	r, err = runtime.Open(ctx, o)
	if shown {
		fmt.Fprint(os.Stderr, "\r                       \r")
	}
	if err != nil {
		closeTrace()
		release()
		return nil, nil, err
	}
	return r, func() {
		r.Close()
		closeTrace()
		release()
	}, nil
}

// patience is how long a model may load before it is shown how far it is.
const patience = 700 * time.Millisecond

// progress shows on a terminal how far a model is loaded, and says in shown whether it did.
func progress(w io.Writer, shown *bool) func(done, parts int) {
	start := time.Now()
	return func(done, parts int) {
		if time.Since(start) > patience {
			*shown = true
			fmt.Fprintf(w, "\rloading the model %3d%%", 100*done/parts)
		}
	}
}

// trace makes the engine write its cycles to the file that --trace names.
func (f *ModelFlags) trace(o *runtime.Options) (shut func(), err error) {
	if f.Trace == "" {
		return func() {}, nil
	}
	file, err := os.Create(f.Trace)
	if err != nil {
		return nil, runtime.Unwritten(fmt.Errorf("open trace: %w", err), "give --trace a file that can be written")
	}
	rec := trace.New(file)
	o.Observe = both(o.Observe, rec.Observe)
	if first := o.Watch; first == nil {
		o.Watch = rec.Ran
	} else {
		o.Watch = func(which int, run queue.Run) {
			first(which, run)
			rec.Ran(which, run)
		}
	}
	return func() {
		if err := errors.Join(rec.Close(), file.Close()); err != nil {
			_ = terminal.Say(os.Stderr, "mtplx: the trace ends early: %v", runtime.Unwritten(err, "give --trace another file"))
		}
	}, nil
}

// both tells two observers of a cycle, of which the first may be missing.
func both(a, b func(*stages.Cycle)) func(*stages.Cycle) {
	if a == nil {
		return b
	}
	return func(c *stages.Cycle) {
		a(c)
		b(c)
	}
}

// SamplingFlags choose how tokens are drawn.
type SamplingFlags struct {
	Temperature      float64  `default:"0.6" help:"0 is greedy." group:"Sampling"`
	TopP             float64  `default:"0.95" help:"Nucleus mass; 1 is off." group:"Sampling"`
	TopK             int      `default:"20" help:"Candidates; 0 is off." group:"Sampling"`
	MinP             float64  `default:"0" help:"Least probability, relative to the best; 0 is off." group:"Sampling"`
	DraftTemperature *float64 `placeholder:"T" help:"Draft temperature (default: the model's contract)." group:"Sampling"`
	DraftTopP        *float64 `placeholder:"P" help:"Draft nucleus." group:"Sampling"`
	DraftTopK        *int     `placeholder:"K" help:"Draft candidates." group:"Sampling"`
	Acceptance       string   `default:"auto" help:"Rule for drafts: ratio, coupled, or auto (coupled with a seed)." group:"Sampling"`
}

// Request puts what the flags say into r.
func (f *SamplingFlags) Request(r *runtime.Request) error {
	r.Sampler = sample.Sampler{Temperature: f.Temperature, TopP: f.TopP, TopK: f.TopK, MinP: f.MinP}
	if err := r.Sampler.Validate(); err != nil {
		return Usage(err, "")
	}
	if f.DraftTemperature != nil || f.DraftTopP != nil || f.DraftTopK != nil {
		d := r.Sampler
		if f.DraftTemperature != nil {
			d.Temperature = *f.DraftTemperature
		}
		if f.DraftTopP != nil {
			d.TopP = *f.DraftTopP
		}
		if f.DraftTopK != nil {
			d.TopK = *f.DraftTopK
		}
		if err := d.Validate(); err != nil {
			return Usage(fmt.Errorf("draft sampler: %w", err), "")
		}
		r.DraftSampler = &d
	}
	var err error
	r.Rule, err = sample.ParseRule(f.Acceptance)
	return Usage(err, "")
}

// MaxDepth is the largest --depth.
const MaxDepth = 8

// ParseDepth reads --depth: a number of drafts, or auto.
func ParseDepth(value string) (int, error) {
	if value == "auto" {
		return sched.Auto, nil
	}
	depth, err := strconv.Atoi(value)
	if err != nil || depth < 0 || depth > MaxDepth {
		return 0, Usage(fmt.Errorf("--depth is %s", value), fmt.Sprintf("give auto, or 0 (plain decoding) to %d", MaxDepth))
	}
	return depth, nil
}

// Usage is the failure of an input that cannot be used, with what to do about it; nil when err is.
func Usage(err error, fix string) error { return runtime.Fail(runtime.UsageProblem, err, fix) }
