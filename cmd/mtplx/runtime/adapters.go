package runtime

import (
	"errors"
	"fmt"

	"mtplx/model/adapter"
	"mtplx/model/qwen"
	"mtplx/sched"
	"mtplx/sched/queue"
	"mtplx/stages"
	"mtplx/stages/ensemble"
)

// readAdapters reads what o names, for a model's options.
func readAdapters(opt *qwen.Options, o *Options) error {
	switch {
	case len(o.Adapters) == 0 && o.Together:
		return Fail(UsageProblem, errors.New("--adapter-ensemble-q is given without an adapter"), "give --mtp-adapter FILE, once for each")
	case len(o.Adapters) > 1 && !o.Together:
		return Fail(UsageProblem, fmt.Errorf("%d adapters are given, and the head can have one", len(o.Adapters)), "give --adapter-ensemble-q to let them draft together, or one --mtp-adapter")
	case o.Together && (o.Feedback || o.Proposals.Drift.Active()):
		return Fail(UsageProblem, errors.New("--adapter-ensemble-q and --online-hidden-corrector-alpha are both given: what is learnt of one head's output says nothing of another's"), "give one of them")
	}
	if opt.Ensemble = o.Together; o.Together {
		o.Ensemble.Adapters = len(o.Adapters)
		if err := o.Ensemble.Validate(qwen.Deepest); err != nil {
			return Fail(UsageProblem, err, "")
		}
	}
	for _, path := range o.Adapters {
		a, err := ReadAdapter(path)
		if err != nil {
			return err
		}
		opt.Adapters = append(opt.Adapters, a)
	}
	return nil
}

// ReadAdapter reads what --mtp-adapter names.
func ReadAdapter(path string) (*adapter.Adapter, error) {
	a, err := adapter.Read(path)
	if err != nil {
		err = fmt.Errorf("--mtp-adapter %s: %w", path, err)
	}
	return a, Fail(UsageProblem, err, "give --mtp-adapter a .safetensors or .npz file with pairs for the head, or its folder")
}

// drafters tells an engine how the model's heads are recorded: one, or several that draft together.
func (r *Runtime) drafters(env *sched.Env, o *Options) {
	m := r.Model
	if !o.Together {
		env.Adapted = len(o.Adapters) > 0
		env.NewHead = func(q queue.Queue) (stages.Forward, error) { return m.NewHead(q) }
		env.NewReader = func(q queue.Queue) (stages.Forward, error) { return m.NewReader(q) }
		return
	}
	join := func(record func(queue.Queue) ([]*qwen.Forward, error)) func(queue.Queue) (stages.Forward, error) {
		return func(q queue.Queue) (stages.Forward, error) {
			all, err := record(q)
			if err != nil {
				return nil, err
			}
			heads := make([]stages.Forward, len(all))
			for i, f := range all {
				heads[i] = f
			}
			return ensemble.New(&o.Ensemble, heads)
		}
	}
	env.NewHead, env.NewReader = join(m.NewHeads), join(m.NewReaders)
}
