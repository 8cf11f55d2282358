package runtime

import (
	"fmt"
	"strconv"
	"strings"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/kernels/cuda"
)

// Devices is what --device takes, for messages.
const Devices = "auto, cpu, cuda, cuda:N with N counted from 0, or metal"

// Choice is a device that a model runs on, and why that one.
type Choice struct {
	Kind string `json:"kind"` // cpu, cuda or metal
	Name string `json:"name"`
	Why  string `json:"why"`
}

// accelerator is a kind of device beside the CPU.
type accelerator struct {
	kind string
	open func(ordinal int) (kernels.Device, error)
	// built is false where the program was built without it: then a choice among all does not mention it.
	built bool
	fix   string
}

// accelerators are in the order in which auto tries them.
var accelerators = []accelerator{
	metalAccelerator,
	{"cuda", cuda.Open, cuda.Built, "run nvidia-smi to see whether the driver shows the GPU, or give --device cpu"},
}

// ParseDevice reads a value of --device: the kind, and the number of the GPU.
func ParseDevice(value string) (kind string, ordinal int, err error) {
	wrong := func() (string, int, error) {
		return "", 0, Fail(UsageProblem, fmt.Errorf("unknown device %q", value), "--device takes "+Devices)
	}
	kind, number, numbered := strings.Cut(value, ":")
	if kind == "" && !numbered {
		kind = "auto"
	}
	if numbered {
		if kind != "cuda" {
			return wrong()
		}
		if ordinal, err = strconv.Atoi(number); err != nil || ordinal < 0 {
			return wrong()
		}
	}
	switch kind {
	case "auto", "cpu", "cuda", "metal":
		return kind, ordinal, nil
	}
	return wrong()
}

// OpenDevice starts the device that value names; see Devices. threads is for the CPU, 0 is all it has. A device that
// was asked for by its name and cannot be had is a failure; auto, and "", fall back on the CPU and say why.
func OpenDevice(value string, threads int) (kernels.Device, Choice, error) {
	kind, ordinal, err := ParseDevice(value)
	if err != nil {
		return nil, Choice{}, err
	}
	var missing []string
	for _, a := range accelerators {
		if kind != a.kind && (kind != "auto" || !a.built) {
			continue
		}
		dev, err := a.open(ordinal)
		switch {
		case err == nil && kind == "auto":
			return dev, Choice{a.kind, dev.Name(), "the first accelerator found"}, nil
		case err == nil:
			return dev, Choice{a.kind, dev.Name(), "asked for"}, nil
		case kind != "auto":
			fix := a.fix
			if !a.built {
				fix = "" // the error says how to build it
			}
			return nil, Choice{}, Fail(Environment, err, fix)
		}
		missing = append(missing, err.Error())
	}
	dev, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		return nil, Choice{}, Fail(Environment, err, "")
	}
	why := "asked for"
	switch {
	case kind == "auto" && len(missing) == 0:
		why = "this build has no other device"
	case kind == "auto":
		why = strings.Join(missing, "; ")
	}
	return dev, Choice{"cpu", dev.Name(), why}, nil
}

// Usable are the values of --device that stand for one device each and can be had here: accelerators that the program was
// built for, in the order in which auto tries them, and the CPU.
func Usable() []string {
	var values []string
	for _, a := range accelerators {
		if !a.built {
			continue
		}
		if dev, err := a.open(0); err == nil {
			_ = dev.Close()
			values = append(values, a.kind)
		}
	}
	return append(values, "cpu")
}

// Report names a device and its processors as reports do.
func Report(d kernels.Device) string {
	if _, ok := d.(*cpu.Device); ok {
		return fmt.Sprintf("%s, %d threads", d.Tier(), d.Threads())
	}
	return d.Name()
}
