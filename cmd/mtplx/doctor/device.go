package doctor

import (
	"context"
	"errors"

	"mtplx/bench/selftest"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels"
)

// trial is the self-test of the device that --device names. It keeps what it measured.
type trial struct {
	device string
	test   func(context.Context, selftest.Open, selftest.Options) (*selftest.Report, error)
	report *selftest.Report
}

func (t *trial) Run(ctx context.Context, _ *Machine) Finding {
	open := func() (kernels.Device, error) {
		d, _, err := runtime.OpenDevice(t.device, 0)
		return d, err
	}
	r, err := t.test(ctx, open, selftest.Options{})
	if err != nil {
		f := &runtime.Failure{Kind: runtime.General}
		errors.As(err, &f)
		if f.Fix == "" {
			f.Fix = "name another device, or leave --device out: the CPU computes the same"
		}
		return fail(f.Kind, f.Fix, "%v", err)
	}
	if t.report = r; !r.Pass {
		return fail(runtime.Inexact, "run with --device cpu, and report what is below", "%s failed its self-test", r.Device)
	}
	return ok("%s gives the reference's bits in %d parts, and a row, a program and a session what they give alone", r.Device, len(r.Parts))
}
