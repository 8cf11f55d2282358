package doctor

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"mtplx/bench/selftest"
	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels/conform"
)

// A device's self-test is a finding like any other, and what it measured stands below the findings, to be pasted.
func TestSelfTestIsAFinding(t *testing.T) {
	report := func(failure string) *selftest.Report {
		return &selftest.Report{
			Device: "cuda:0", Tier: "sm_90", Pass: failure == "", Parts: []conform.Part{{Name: "norm"}, {Name: "delta", Failure: failure}},
			Speed: &selftest.Speed{ReadGBs: 3000},
		}
	}
	for _, c := range []struct {
		name   string
		report *selftest.Report
		err    error
		status Status
		exit   runtime.Kind
		says   string
		below  string
	}{
		{"passes", report(""), nil, OK, 0, "cuda:0 gives the reference's bits in 2 parts", "plain read 3000 GB/s"},
		{"differs", report("bit 3"), nil, Fail, runtime.Inexact, "cuda:0 failed its self-test", "bit 3"},
		{"is not there", nil, runtime.Fail(runtime.Environment, errors.New("no card"), "plug one in"), Fail, runtime.Environment, "no card", ""},
		{"breaks", nil, errors.New("lost"), Fail, runtime.General, "lost", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := trial{device: "cuda:0", test: func(_ context.Context, _ selftest.Open, o selftest.Options) (*selftest.Report, error) {
				if o.NoConform || o.NoBits || o.NoSpeed {
					t.Errorf("%+v leaves something out", o)
				}
				return c.report, c.err
			}}
			m := healthy(t)
			found, err := examine(t.Context(), m, []entry{{"device", false, &tr}}, false, nil)
			if err != nil {
				t.Fatal(err)
			}
			f := found[0]
			if f.Status != c.status || f.Exit != c.exit || !strings.Contains(f.Message, c.says) || (f.Fix == "") != (c.status == OK) {
				t.Errorf("%+v", f)
			}
			r := newReport("1", m, false, found)
			r.Device = tr.report
			var out bytes.Buffer
			if err := (&Cmd{}).print(&out, r); (err == nil) != (c.status == OK) {
				t.Error(err)
			}
			_, below, _ := strings.Cut(out.String(), "1 ok, 0 skip\n")
			if c.status != OK {
				_, below, _ = strings.Cut(out.String(), "0 ok, 0 skip\n")
			}
			if !strings.Contains(below, c.below) || (c.below == "") != (strings.TrimSpace(below) == "") {
				t.Errorf("below the findings stands %q, want %q", below, c.below)
			}
		})
	}
}
