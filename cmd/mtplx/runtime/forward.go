package runtime

import (
	"cmp"
	"context"

	"mtplx/bench/forward"
	"mtplx/kernels"
	"mtplx/model/qwen"
)

// BenchForward times whole forwards of the model in a directory, or of the embedded one. called, when set, is its name in the
// report.
func BenchForward(ctx context.Context, model, called, numeric string, kv []string, o forward.Options) (*forward.Report, error) {
	mode, err := kernels.ParseMode(numeric)
	if err != nil {
		return nil, Fail(UsageProblem, err, "")
	}
	for _, s := range kv {
		way, err := kernels.ParseKV(s)
		if err != nil {
			return nil, Fail(UsageProblem, err, "")
		}
		o.KV = append(o.KV, way)
	}
	set, name, err := OpenSet(model)
	if err != nil {
		return nil, err
	}
	defer func() { _ = set.Close() }()
	ck, err := qwen.Load(set)
	if err != nil {
		return nil, LoadFailure(err)
	}
	o.Checkpoint, o.Mode = ck, mode
	rep, err := forward.Run(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		return nil, Fail(UsageProblem, err, "")
	}
	rep.Model = cmp.Or(called, name)
	return rep, nil
}
