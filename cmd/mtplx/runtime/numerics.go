package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"mtplx/bench/suites"
	"mtplx/kernels"
	"mtplx/model/qwen"
	"mtplx/model/qwen/numerics"
	"mtplx/model/tokenizer"
	"mtplx/model/weights"
)

// NumericsOptions say what to measure the numeric modes on.
type NumericsOptions struct {
	Model    string // directory; "" is the embedded default checkpoint
	Name     string // what the model is called; "" is its directory's name
	Tokens   int    // of text, about
	Device   string // as OpenDevice takes it; "" is auto
	Threads  int    // of the CPU, 0: all the machine offers
	Progress func(step string)
}

// heldOut are the suites whose texts the modes are measured on: written for this project and no part of
// what the default checkpoint was trained on.
var heldOut = []string{"code", "prose"}

// leastSequence is the fewest tokens of a sequence: less says nothing about a text.
const leastSequence = 8

// Numerics measures every numeric mode's error against a float64 forward of the same weights. One mode's
// weights are in memory at a time.
func Numerics(ctx context.Context, o NumericsOptions) (*numerics.Report, error) {
	if o.Tokens < leastSequence {
		return nil, Fail(UsageProblem, fmt.Errorf("--tokens is %d", o.Tokens), fmt.Sprintf("give at least %d", leastSequence))
	}
	if o.Threads < 0 {
		return nil, Fail(UsageProblem, fmt.Errorf("--threads is %d", o.Threads), "give a positive number, or 0 for all the machine offers")
	}
	set, name, err := OpenSet(o.Model)
	if err != nil {
		return nil, err
	}
	defer func() { _ = set.Close() }()
	r := &Runtime{}
	if err := r.openText(set); err != nil {
		return nil, err
	}
	ck, err := qwen.Load(set)
	if err != nil {
		return nil, LoadFailure(err)
	}
	texts, err := heldOutTexts(r.Tokenizer, o.Tokens, min(numerics.Longest, ck.MaxPositions))
	if err != nil {
		return nil, err
	}
	vocab := min(r.Tokenizer.Size(), ck.VocabSize)
	ref, err := numerics.NewReference(ctx, ck, texts, vocab, o.Threads, func(done int) {
		o.Progress(fmt.Sprintf("float64: %d of %d texts", done, len(texts)))
	})
	if err != nil {
		return nil, Fail(BadModel, err, "")
	}
	rep := &numerics.Report{Model: cmp.Or(o.Name, name), Tokens: ref.Tokens(), Sequences: len(texts), Float64: ref.Float64()}
	for _, a := range arithmetics {
		o.Progress(fmt.Sprintf("mode %v, keys and values %s", a.mode, a.kv.Stored(a.mode)))
		m, err := compare(ctx, ref, set, &o, a, ck, vocab)
		if err != nil {
			return nil, err
		}
		rep.Modes = append(rep.Modes, m)
	}
	return rep, nil
}

// arithmetic is a numeric mode, and how keys and values are kept in it.
type arithmetic struct {
	mode kernels.Mode
	kv   kernels.KV
}

// arithmetics are what is measured: the modes, each way of keeping keys and values as people would use it, and what the
// ways cost by themselves.
var arithmetics = []arithmetic{
	{mode: kernels.Fast},
	{mode: kernels.Exact},
	{mode: kernels.Float32},
	{kernels.Fast, kernels.KVQ8},
	{kernels.Fast, kernels.KVQ8V4},
	{kernels.Fast, kernels.KVQ8V3},
	{kernels.Float32, kernels.KVQ8},
	{kernels.Float32, kernels.KVQ8V4},
	{kernels.Float32, kernels.KVQ8V3},
}

func compare(ctx context.Context, ref *numerics.Reference, set *weights.Set, o *NumericsOptions, a arithmetic, ck *qwen.Checkpoint, vocab int) (none numerics.Mode, _ error) {
	l, err := LoadModel(ctx, set, o.Device, o.Threads, numerics.Options(a.mode, a.kv, &ck.Config))
	if err != nil {
		return none, err
	}
	defer l.Close()
	l.Model.LimitVocabulary(vocab)
	e, err := numerics.NewEngine(l.Device, l.Model)
	if err != nil {
		return none, Fail(NoResource, err, "")
	}
	defer e.Close()
	out, err := ref.Compare(ctx, a.mode.String(), e.Run)
	out.KV = a.kv.Stored(a.mode)
	if err != nil && ctx.Err() == nil {
		return none, Fail(Inexact, err, "")
	}
	return out, err
}

// LoadFailure gives a checkpoint's error its kind.
func LoadFailure(err error) error {
	if errors.Is(err, qwen.ErrUnsupported) {
		return Fail(Unsupported, err, "")
	}
	return Fail(BadModel, err, "")
}

// heldOutTexts takes about n tokens of the held-out suites, their texts in turn, none longer than longest.
func heldOutTexts(tok *tokenizer.Tokenizer, n, longest int) ([][]int32, error) {
	var all [][]suites.Prompt
	rows := 0
	for _, name := range heldOut {
		prompts, err := suites.Load(name)
		if err != nil {
			return nil, err
		}
		all = append(all, prompts)
		rows = max(rows, len(prompts))
	}
	var texts [][]int32
	left := n
	for i := range rows {
		for _, prompts := range all {
			if i >= len(prompts) || left < leastSequence {
				continue
			}
			ids := tok.Encode(nil, prompts[i].Prompt, false)
			ids = ids[:min(len(ids), longest, left)]
			if len(ids) >= leastSequence {
				texts = append(texts, ids)
				left -= len(ids)
			}
		}
	}
	if left >= leastSequence {
		return nil, Fail(UsageProblem, fmt.Errorf("--tokens is %d, but the built-in texts have %d", n, n-left), "ask for fewer")
	}
	return texts, nil
}
