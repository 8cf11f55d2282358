package selftest

import (
	"context"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/conform"
)

// Options say how much to test. The zero value is the whole self-test, in short.
type Options struct {
	Full        bool  // every case of conformance, and larger products
	NoConform   bool  // leave conformance out
	NoBits      bool  // leave the default model out
	NoSpeed     bool  // measure nothing
	Networks    bool  // measure whole forwards of known models' shapes, which takes their memory
	ProductRows []int // numbers of rows of products; nil: 1 and 4
	// Progress, when set, is told what is done next.
	Progress func(step string)
}

// Open starts the device under test; whoever gets it closes it.
type Open func() (kernels.Device, error)

// Run tests a device. The error is that of opening it, or the context's.
func Run(ctx context.Context, open Open, o Options) (*Report, error) {
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	start := time.Now()
	d, err := open()
	if err != nil {
		return nil, err
	}
	r := &Report{Device: d.Name(), Tier: d.Tier(), Units: d.Threads()}
	if err := d.Close(); err != nil {
		return nil, err
	}
	if !o.NoConform {
		o.Progress("conformance")
		r.Parts, err = conform.Check(ctx, !o.Full, open, func(p conform.Part) { o.Progress("conformance: " + p.Name) })
		if err != nil {
			return nil, err
		}
	}
	if !o.NoBits {
		for _, c := range bitChecks {
			o.Progress("bits: " + c.name)
			began := time.Now()
			err := withModel(ctx, open, c.run)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			p := conform.Part{Name: c.name, Seconds: time.Since(began).Seconds()}
			if err != nil {
				p.Failure = c.name + ": " + err.Error()
			}
			r.Bits = append(r.Bits, p)
		}
	}
	if !o.NoSpeed {
		r.Speed = measure(ctx, open, &o)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	r.Seconds = time.Since(start).Seconds()
	r.judge()
	return r, nil
}
