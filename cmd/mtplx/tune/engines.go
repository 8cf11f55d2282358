package tune

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"mtplx/bench/suites"
	"mtplx/bench/tuning"
	"mtplx/cmd/mtplx/command"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels/cpu"
	"mtplx/stages/sample"
)

// engines opens models with settings and lets them answer prompts. As many stay open as memory has room for.
type engines struct {
	flags   command.ModelFlags
	base    runtime.Request
	prompts []suites.Prompt
	tokens  int
	most    int // that stay open; at least 1
	loading func(done, parts int)

	open    []*engine // the one used last at the end
	encoded [][]int32
}

// engine is an opened model.
type engine struct {
	settings tuning.Settings // without a depth
	r        *runtime.Runtime
	shut     func()
}

// Close closes all of them.
func (e *engines) Close() {
	for _, o := range e.open {
		o.shut()
	}
	e.open = nil
}

// compares tells whether texts are those of plain decoding whatever the settings, so that they can be held against each other.
func (e *engines) compares() bool {
	return e.base.Sampler.Temperature == 0 || e.base.Rule.Resolve(true) == sample.Coupled
}

// measure is a tuning.Measure.
func (e *engines) measure(ctx context.Context, s tuning.Settings, prompt int, seed uint64) (tuning.Sample, error) {
	depth, err := command.ParseDepth(s.Depth)
	if err != nil {
		return tuning.Sample{}, err
	}
	o, err := e.with(ctx, s.Engine())
	if err != nil {
		return tuning.Sample{}, err
	}
	res, err := e.answer(ctx, o.r, prompt, depth, seed)
	if err != nil {
		return tuning.Sample{}, err
	}
	got := tuning.Sample{Rate: res.DecodeRate(), Place: o.r.Choice.Kind}
	if e.compares() {
		got.Text = res.Tokens
	}
	return got, nil
}

func (e *engines) answer(ctx context.Context, r *runtime.Runtime, prompt, depth int, seed uint64) (*runtime.Result, error) {
	q := e.base
	q.Prompt, q.Seed, q.Endless = e.encoded[prompt], &seed, true
	q.MaxTokens = min(e.tokens, e.prompts[prompt].MaxTokens)
	q.Depth, q.Speculate = depth, depth != 0
	return r.Generate(ctx, q, nil)
}

// with is the model opened with settings.
func (e *engines) with(ctx context.Context, s tuning.Settings) (*engine, error) {
	if i := slices.IndexFunc(e.open, func(o *engine) bool { return o.settings == s }); i >= 0 {
		o := e.open[i]
		e.open = append(slices.Delete(e.open, i, i+1), o)
		return o, nil
	}
	for len(e.open) >= e.most {
		e.closeOldest()
	}
	f := e.flags
	f.DraftLMHead, f.DraftVocab, f.Threads, f.Device = s.DraftHead, s.DraftVocab, s.Threads, s.Device
	opt, err := f.Options()
	if err != nil {
		return nil, err
	}
	opt.Calibrate, opt.Progress = command.Calibration, e.loading
	r, shut, err := f.OpenWith(ctx, opt)
	for failure, ok := errors.AsType[*runtime.Failure](err); ok && failure.Kind == runtime.NoResource && len(e.open) > 0; failure, ok = errors.AsType[*runtime.Failure](err) {
		e.closeOldest() // there was less room than it seemed
		e.most = max(len(e.open), 1)
		r, shut, err = f.OpenWith(ctx, opt)
	}
	if err != nil {
		if failure, ok := errors.AsType[*runtime.Failure](err); ok && (failure.Kind == runtime.NoResource || failure.Kind == runtime.Environment) {
			err = &unable{failure}
		}
		return nil, err
	}
	o := &engine{s, r, shut}
	e.open = append(e.open, o)
	if err := e.encode(r); err != nil {
		return nil, err
	}
	if len(e.open) == 1 && e.most > 1 {
		e.most = max(min(roomFor(r), e.most), 1)
	}
	seed := uint64(0) // one answer that nobody times: memory is touched, and what drafts are worth is about known
	_, err = e.answer(ctx, r, 0, 3, seed)
	return o, err
}

// unable is the failure to open a model with settings that another machine could have. It keeps its exit code.
type unable struct{ *runtime.Failure }

// Is makes it a tuning.ErrUnable, too.
func (u *unable) Is(target error) bool { return target == tuning.ErrUnable }

// Unwrap returns the failure itself.
func (u *unable) Unwrap() error { return u.Failure }

func (e *engines) closeOldest() {
	e.open[0].shut()
	e.open = slices.Delete(e.open, 0, 1)
}

func (e *engines) encode(r *runtime.Runtime) error {
	if e.encoded != nil {
		return nil
	}
	longest := r.Model.Options().Context - e.tokens
	for i, p := range e.prompts {
		ids, err := r.Encode(p.Prompt, p.System, p.Raw)
		if err != nil {
			return err
		}
		if len(ids) >= longest {
			return command.Usage(fmt.Errorf("prompt %d of the suite, %s, has %d tokens, and an answer of %d does not fit behind it", i+1, p.ID, len(ids), e.tokens),
				"give a larger --context, a smaller --tokens, or another --suite")
		}
		e.encoded = append(e.encoded, ids)
	}
	return nil
}

// roomFor is how many models such as an opened one memory has room for, that one included. On a device of its own memory
// that is not known; there two small ones fit.
func roomFor(r *runtime.Runtime) int {
	const small = 2 << 30
	each := 2*r.Model.WeightBytes() + 256<<20 // with pages, and some room to work in
	if r.Choice.Kind == "cpu" {
		if _, free, err := cpu.SystemMemory(os.DirFS("/")); err == nil {
			return 1 + int(int64(free)/2/each)
		}
	}
	if r.Model.WeightBytes() < small {
		return 2
	}
	return 1
}
