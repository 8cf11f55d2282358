package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"mtplx/kernels"
	"mtplx/model/adapter"
	"mtplx/model/chat"
	"mtplx/model/corrector"
	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/tokenizer"
	"mtplx/model/weights"
	"mtplx/sched"
	"mtplx/sched/bank"
	"mtplx/sched/queue"
	"mtplx/sched/trace"
	"mtplx/stages"
	"mtplx/stages/ensemble"
)

// A block of ids is the same to the draft stage, which lists blocks, and to kernels, which multiply by them. Neither
// may know the other; this does not compile when they differ.
const _ = uint(stages.BlockIDs-kernels.BlockOutputs) + uint(kernels.BlockOutputs-stages.BlockIDs)

// Options say what to open and how.
type Options struct {
	Model   string // directory; "" is the embedded default checkpoint
	Name    string // what the model is called; "" is its directory's name
	Profile Profile
	// DraftHead overrides the profile's draft head: "" (keep), "off", "4" or "3".
	DraftHead string
	// DraftVocab is how many tokens the head proposes from: "" and "auto" (an eighth of the vocabulary, at least 4,096, or all
	// where a GPU reads that in no time), "all", or a number.
	DraftVocab string
	Mode       string // overrides the profile's numeric mode when set
	KV         string // how keys and values are kept; "" is plain
	Device     string // as OpenDevice takes it; "" is auto
	Threads    int    // of the CPU, 0: as many as the machine offers
	Context    int    // 0: the checkpoint's own limit
	Sessions   int    // 0: one
	Cycles     int    // cycles in flight, 0: one
	Overlap    sched.Overlap
	Chain      sched.Chain
	Waiting    int // sessions that may wait for admission, 0: the engine's default
	// Calibrate is how long to time forwards before the first request, for depths chosen by cost.
	Calibrate time.Duration
	// Lookup lets sessions copy from their own text; see sched.Env.
	Lookup bool
	// Proposals are what proposes tokens besides the head's own draws.
	Proposals sched.Proposals
	// Corrector is a file that mends the head's output before it is fed back, by Blend of what it says; "" is none.
	Corrector string
	Blend     float64
	// Adapters are files or folders with adapters of the head: one that it has, or those of an ensemble, whose Adapters
	// count Open fills in.
	Adapters []string
	Together bool // they draft as an ensemble, beside the bare head
	Ensemble ensemble.Options
	// Feedback shows the head's output to whoever proposes, though nothing moves it.
	Feedback bool
	// Bank keeps the memory of sessions for those that begin alike; nil keeps none.
	Bank *BankOptions
	// Observe, when set, is told of every cycle; see sched.Env.
	Observe func(*stages.Cycle)
	// Watch, when set, is told of every program that the engine's queues run; see Runtime.Watch.
	Watch func(which int, run queue.Run)
	// Progress, when set, is called as parts of the model are packed for the device.
	Progress func(done, parts int)

	open func() (kernels.Device, Choice, error) // starts the device, instead of OpenDevice
}

// BankOptions are what a session bank may take. Dir, when set, is its tier on disk, of DiskBytes. Idle, when set, is
// how long what nobody asks for is kept.
type BankOptions struct {
	Dir       string
	DiskBytes int64
	Idle      time.Duration
	Log       *slog.Logger
}

// Runtime is an opened model with its engine.
type Runtime struct {
	Name      string
	Profile   Profile
	Proposals sched.Proposals // what proposes besides the head's own draws
	Config    qwen.Config
	Contract  qwen.Contract
	Model     *qwen.Model
	Device    kernels.Device
	Choice    Choice // which device that is, and why
	Tokenizer *tokenizer.Tokenizer
	Template  *chat.Template
	Engine    *sched.Engine
	// Notices are things a user should know that are no errors: no MTP tensors, a contract that
	// could not be read.
	Notices []string
	// LoadTime is how long the weights took to be read and packed.
	LoadTime time.Duration

	stop   []int32
	queues []queue.Queue
	watch  func(which int, run queue.Run) // Options.Watch
	opened atomic.Bool                    // the engine is: its queues run nothing but cycles
}

// OpenSet opens a checkpoint's files: a directory, or the embedded default for "".
func OpenSet(dir string) (*weights.Set, string, error) {
	if dir == "" {
		set, err := weights.OpenMemory("embedded default checkpoint", demo.Files())
		return set, "mtplx-default", Fail(General, err, "")
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "", Fail(BadModel, fmt.Errorf("open model %q: no such directory", dir), "give --model a directory that holds config.json and safetensors, or leave it out for the embedded model")
	case err != nil:
		return nil, "", Fail(BadModel, fmt.Errorf("open model: %w", err), "")
	case !info.IsDir():
		return nil, "", Fail(BadModel, fmt.Errorf("open model %q: it is a file", dir), "give --model the directory that holds it")
	}
	set, err := weights.OpenDir(dir)
	return set, filepath.Base(filepath.Clean(dir)), Fail(BadModel, err, "")
}

// Loaded is a checkpoint on a device.
type Loaded struct {
	Checkpoint *qwen.Checkpoint
	Device     kernels.Device
	Choice     Choice
	Model      *qwen.Model
}

// Close releases the model and ends the device.
func (l *Loaded) Close() {
	l.Model.Close()
	_ = l.Device.Close()
}

// LoadModel puts a checkpoint onto a device that it starts; see OpenDevice. The end of ctx ends the loading, not what was
// loaded. The caller closes what it gets.
func LoadModel(ctx context.Context, set *weights.Set, device string, threads int, opt qwen.Options) (*Loaded, error) {
	return loadOn(ctx, set, opt, func() (kernels.Device, Choice, error) { return OpenDevice(device, threads) })
}

func loadOn(ctx context.Context, set *weights.Set, opt qwen.Options, open func() (kernels.Device, Choice, error)) (*Loaded, error) {
	ck, err := qwen.Load(set)
	if err != nil {
		return nil, LoadFailure(err)
	}
	forget := opt.Loaded
	opt.Loaded = func(done, parts int) error {
		if forget != nil {
			if err := forget(done, parts); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
	l := &Loaded{Checkpoint: ck}
	if l.Device, l.Choice, err = open(); err != nil {
		return nil, err
	}
	opt.Follow = opt.Follow && kernels.Guesses(l.Device)
	if l.Model, err = qwen.New(l.Device, ck, opt); err != nil {
		_ = l.Device.Close()
		fix := ""
		if errors.Is(err, adapter.ErrOtherHead) {
			return nil, Fail(UsageProblem, err, "give --mtp-adapter what was made for this model's head, or leave it out")
		}
		if errors.Is(err, qwen.ErrMemory) {
			fix = "give a smaller --context, fewer sessions, a smaller model, or --device cpu"
		}
		return nil, Fail(NoResource, err, fix)
	}
	return l, nil
}

// Open opens a model and starts its engine. The end of ctx ends the opening, not what was opened. The caller closes the runtime.
func Open(ctx context.Context, o Options) (_ *Runtime, err error) {
	opt, err := modelOptions(&o)
	if err != nil {
		return nil, err
	}
	set, name, err := OpenSet(o.Model)
	if err != nil {
		return nil, err
	}
	defer func() { _ = set.Close() }() // the device keeps nothing of the files
	if o.Name != "" {
		name = o.Name
	}
	r := &Runtime{Name: name, Profile: o.Profile, Proposals: o.Proposals}
	defer func() {
		if err != nil {
			r.Close()
		}
	}()
	start := time.Now()
	opt.Loaded = func(done, parts int) error {
		set.Drop()
		if o.Progress != nil {
			o.Progress(done, parts)
		}
		return nil
	}
	text := make(chan error, 1)
	go func() { text <- r.openText(set) }() // beside the weights: both take tens of milliseconds
	open := o.open
	if open == nil {
		open = func() (kernels.Device, Choice, error) { return OpenDevice(o.Device, o.Threads) }
	}
	l, err := loadOn(ctx, set, opt, open)
	if textErr := <-text; err == nil {
		err = textErr
	}
	if err != nil {
		return nil, err
	}
	r.LoadTime = time.Since(start)
	ck, m := l.Checkpoint, l.Model
	r.Config, r.Contract, r.Device, r.Choice, r.Model = ck.Config, ck.Contract, l.Device, l.Choice, m
	if c := m.Options().Context; o.Context == 0 && c < ck.MaxPositions {
		r.Notices = append(r.Notices, fmt.Sprintf("%s has memory for a context of %d tokens; the model would take %d", l.Choice.Name, c, ck.MaxPositions))
	}
	if e := ck.Contract.RuntimeContractError; e != "" {
		r.Notices = append(r.Notices, "the model's mtplx_runtime.json cannot be used: "+e)
	}
	if !m.HasHead() {
		r.Notices = append(r.Notices, "the model has no MTP tensors: decoding plainly, without drafts")
	}
	r.stop = stopTokens(set, r.Tokenizer, ck)
	b, err := r.openBank(set, &o)
	if err != nil {
		return nil, err
	}
	return r, r.start(&o, b) //nolint:contextcheck // the timing of forwards is bounded by Calibrate
}

// openBank makes the session bank, if one is wanted.
func (r *Runtime) openBank(set *weights.Set, o *Options) (*bank.Bank, error) {
	if o.Bank == nil {
		return nil, nil
	}
	opt := bank.Options{Idle: o.Bank.Idle, Pool: r.Model.Pool(), Log: o.Bank.Log}
	if spare, bounded := r.Model.Spare(); bounded {
		g := opt.Pool.Geometry()
		usual := int64(max(g.Pages*g.Layers*g.PageBytes/2, 8*(g.StateBytes+g.TapeBytes)))
		opt.Bytes = max(1, min(spare, usual)) // without room for one, none is kept
	}
	if o.Bank.Dir != "" {
		of, err := set.Fingerprint()
		if err != nil {
			return nil, Fail(BadModel, err, "")
		}
		m := r.Model.Options()
		opt.Fingerprint = bankFingerprint(of, r.Choice.Kind, &m)
		if opt.Disk, err = bank.OpenDisk(o.Bank.Dir, o.Bank.DiskBytes, o.Bank.Log); err != nil {
			return nil, Fail(Environment, err, "give --bank-dir a directory that can be written, and --bank-disk a budget")
		}
	}
	b, err := bank.New(opt)
	return b, Fail(NoResource, err, "")
}

// bankFingerprint names whatever decides the bits of a bank: the checkpoint of a fingerprint, the kind of device, and how the
// model computes.
func bankFingerprint(checkpoint, kind string, m *qwen.Options) string {
	name := fmt.Appendf(nil, "%s %v %v %s head %d of %d", checkpoint, m.Mode, m.KV, kind, m.DraftHeadBits, m.DraftVocabulary)
	for _, a := range m.Adapters { // the head's history is theirs
		name = fmt.Appendf(name, " adapter %s", a.Fingerprint())
	}
	if m.Ensemble {
		name = append(name, " beside the head"...)
	}
	return string(name)
}

// Chains tells whether the head goes on by itself from one draft to the next.
func (r *Runtime) Chains() bool { return r.Model.Follows() }

// CheckOptions says what is wrong with options, without opening anything.
func CheckOptions(o *Options) error {
	if _, _, err := ParseDevice(o.Device); err != nil {
		return err
	}
	_, err := modelOptions(o)
	return err
}

func modelOptions(o *Options) (qwen.Options, error) {
	opt := qwen.Options{Mode: o.Profile.Mode, DraftHeadBits: o.Profile.DraftHeadBits, Context: o.Context, Sessions: o.Sessions, Lanes: o.Sessions, Follow: o.Chain != sched.ChainOff}
	if o.Bank != nil {
		opt.SparePages = true
	}
	if o.Mode != "" {
		m, err := kernels.ParseMode(o.Mode)
		if err != nil {
			return opt, Fail(UsageProblem, err, "")
		}
		opt.Mode = m
	}
	kv, err := kernels.ParseKV(o.KV)
	if err != nil {
		return opt, Fail(UsageProblem, err, "")
	}
	opt.KV = kv
	switch o.DraftHead {
	case "":
	case "off":
		opt.DraftHeadBits = 0
	case "4", "3":
		opt.DraftHeadBits = int(o.DraftHead[0] - '0')
	default:
		return opt, Fail(UsageProblem, fmt.Errorf("unknown draft head %q", o.DraftHead), "--draft-lm-head takes off, 4 or 3")
	}
	if opt.DraftVocabulary, err = DraftVocabulary(o.DraftVocab); err != nil {
		return opt, err
	}
	opt.Feedback = o.Feedback || o.Proposals.Drift.Active()
	if o.Corrector != "" {
		if opt.Corrector, err = corrector.Read(o.Corrector, o.Blend); err != nil {
			return opt, Fail(UsageProblem, err, "give --mtp-corrector an .npz or .safetensors file with scale, shift, A and B, mean, or some of them")
		}
	}
	if err := readAdapters(&opt, o); err != nil {
		return opt, err
	}
	if o.Threads < 0 {
		return opt, Fail(UsageProblem, fmt.Errorf("--threads is %d", o.Threads), "give a positive number, or 0 for all the machine offers")
	}
	return opt, nil
}

// DraftVocabulary reads a value of --draft-vocab, for qwen.Options.
func DraftVocabulary(value string) (int, error) {
	switch value {
	case "", "auto":
		return qwen.AutoDraftVocabulary, nil
	case "all":
		return 0, nil
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 {
		return 0, Fail(UsageProblem, fmt.Errorf("unknown draft vocabulary %q", value), "--draft-vocab takes auto, all, or how many tokens the head proposes from")
	}
	return n, nil
}

// openText reads what turns text into tokens and back.
func (r *Runtime) openText(set *weights.Set) error {
	data, err := set.File("tokenizer.json")
	if err != nil {
		return Fail(BadModel, fmt.Errorf("open tokenizer: %w", err), "the model directory needs a tokenizer.json")
	}
	if r.Tokenizer, err = tokenizer.Load(data); err != nil {
		return Fail(BadModel, err, "")
	}
	r.Template, err = openTemplate(set)
	return Fail(BadModel, err, "")
}

// start records the forwards and opens the engine.
func (r *Runtime) start(opt *Options, b *bank.Bank) (err error) {
	defer func() {
		if err != nil && b != nil {
			b.Close()
		}
	}()
	for _, label := range []string{trace.DraftQueue: "draft", trace.VerifyQueue: "verify"} {
		q, err := r.Device.NewQueue(label)
		if err != nil {
			return Fail(NoResource, err, "")
		}
		r.queues = append(r.queues, q)
	}
	r.Model.LimitVocabulary(r.Tokenizer.Size())
	if err := opt.Proposals.Validate(r.Model.Options().Depth, r.Model.Vocabulary()); err != nil {
		return Fail(UsageProblem, err, "")
	}
	o := r.Model.Options()
	env := sched.Env{
		Vocabulary: r.Model.Vocabulary(),
		Context:    o.Context, Rows: o.Rows, Kept: o.Kept, Lanes: o.Lanes, Depth: o.Depth,
		Cycles: opt.Cycles, Overlap: opt.Overlap, Chain: opt.Chain, Waiting: opt.Waiting, Calibrate: opt.Calibrate, Lookup: opt.Lookup, Proposals: opt.Proposals, Observe: opt.Observe,
		Pool: r.Model.Pool(), Bank: b, NewEvent: r.Device.NewEvent, Hidden: r.hidden(),
		DraftQueue: r.queues[trace.DraftQueue], VerifyQueue: r.queues[trace.VerifyQueue],
		NewTrunk: func(q queue.Queue) (stages.Forward, error) { return r.Model.NewTrunk(q) },
	}
	if d, ok := r.Device.(interface{ Recorded() uint64 }); ok {
		env.Recorded = d.Recorded
	}
	if d, ok := r.Device.(interface{ RecordAtOnce(on bool) }); ok {
		env.RecordAtOnce = d.RecordAtOnce
	}
	if r.Model.HasHead() {
		r.drafters(&env, opt)
	}
	r.watch = opt.Watch
	r.Watch(nil) // before anything runs, so that a device makes ready what timing takes when it does the rest
	if r.Engine, err = sched.Open(env); err != nil {
		return Fail(NoResource, err, "")
	}
	r.opened.Store(true)
	return nil
}

// Watch has f told, besides Options.Watch, of every program that the engine's queues run from now on, at the device's
// own times; nil ends that. which is trace.DraftQueue or trace.VerifyQueue. f is called from both queues' goroutines
// and holds them up.
func (r *Runtime) Watch(f func(which int, run queue.Run)) {
	for i, q := range r.queues {
		t, ok := q.(queue.Timed)
		switch {
		case !ok:
		case f == nil && r.watch == nil:
			t.Watch(nil)
		default:
			t.Watch(func(run queue.Run) {
				if !r.opened.Load() {
					return
				}
				for _, told := range []func(int, queue.Run){r.watch, f} {
					if told != nil {
						told(i, run)
					}
				}
			})
		}
	}
}

// hidden is the size of the head's output where it can be moved.
func (r *Runtime) hidden() int {
	if !r.Model.HasHead() || !r.Model.Options().Feedback {
		return 0
	}
	return r.Config.HiddenSize
}

// Close ends the engine and releases the device.
func (r *Runtime) Close() {
	if r.Engine != nil {
		r.Engine.Close()
	}
	for _, q := range r.queues {
		q.Close()
	}
	if r.Model != nil {
		r.Model.Close()
	}
	if r.Device != nil {
		_ = r.Device.Close()
	}
}

// StopTokens ends texts of this model.
func (r *Runtime) StopTokens() []int32 { return slices.Clone(r.stop) }
