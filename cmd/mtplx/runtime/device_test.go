package runtime

import (
	"errors"
	"strings"
	"testing"

	"mtplx/kernels"
)

func TestDevicesAreParsed(t *testing.T) {
	for value, want := range map[string]struct {
		kind string
		n    int
	}{"": {"auto", 0}, "auto": {"auto", 0}, "cpu": {"cpu", 0}, "cuda": {"cuda", 0}, "cuda:3": {"cuda", 3}, "metal": {"metal", 0}} {
		if kind, n, err := ParseDevice(value); err != nil || kind != want.kind || n != want.n {
			t.Errorf("%q is %s, number %d, %v; want %+v", value, kind, n, err, want)
		}
	}
	for _, value := range []string{"gpu", "CPU", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "metal:1", ":", "auto:0"} {
		_, _, err := ParseDevice(value)
		var f *Failure
		if !errors.As(err, &f) || f.Kind != UsageProblem || !strings.Contains(f.Error(), value) || !strings.Contains(f.Error(), "cuda:N") {
			t.Errorf("%q gives %v; want a usage problem that names it and what there is", value, err)
		}
	}
}

// with replaces what accelerators there are.
func with(t *testing.T, a ...accelerator) {
	t.Helper()
	before := accelerators
	accelerators = a
	t.Cleanup(func() { accelerators = before })
}

func TestAutoFallsBackAndSaysWhy(t *testing.T) {
	broken := errors.New("no card in the slot")
	fails := func(kind string, built bool) accelerator {
		return accelerator{kind: kind, built: built, fix: "push it in", open: func(int) (kernels.Device, error) { return nil, broken }}
	}
	with(t, fails("metal", false), fails("cuda", true))
	for _, value := range []string{"", "auto"} {
		d, c, err := OpenDevice(value, 1)
		if err != nil {
			t.Fatal(err)
		}
		_ = d.Close()
		if c.Kind != "cpu" || c.Why != broken.Error() || c.Name != d.Name() {
			t.Errorf("%q gave %+v; want the CPU, because of the GPU that was built in alone", value, c)
		}
	}
	var f *Failure
	if _, _, err := OpenDevice("cuda:1", 1); !errors.As(err, &f) || f.Kind != Environment || !errors.Is(err, broken) || f.Fix != "push it in" {
		t.Errorf("cuda by name gave %v; want a failure of the environment with its cause and a remedy", err)
	}
	if d, c, err := OpenDevice("cpu", 1); err != nil || c.Why != "asked for" {
		t.Errorf("cpu gave %+v, %v", c, err)
	} else {
		_ = d.Close()
	}
}

func TestAutoTakesTheFirstAccelerator(t *testing.T) {
	var asked []int
	opens := func(kind string) accelerator {
		return accelerator{kind: kind, built: true, open: func(n int) (kernels.Device, error) {
			asked = append(asked, n)
			return named{kind: kind}, nil
		}}
	}
	with(t, opens("metal"), opens("cuda"))
	for value, want := range map[string]string{"auto": "metal", "cuda:2": "cuda", "metal": "metal"} {
		asked = nil
		_, c, err := OpenDevice(value, 0)
		if err != nil || c.Kind != want || c.Name != "a "+want || c.Why == "" || len(asked) != 1 || (asked[0] == 2) != (value == "cuda:2") {
			t.Errorf("%q gave %+v, %v, opening numbers %v", value, c, err, asked)
		}
	}
}

// named is a device that has a name and nothing else.
type named struct {
	kernels.Device
	kind string
}

func (n named) Name() string { return "a " + n.kind }
