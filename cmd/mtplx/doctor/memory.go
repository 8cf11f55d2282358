package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/sheet"
	"mtplx/kernels/cpu"
)

// What a model takes beside its weights: the program, its buffers and a session of a few thousand tokens. Weights are packed
// into as many bytes as their files have, and a tenth more where widths differ.
const (
	programBytes = 512 << 20
	packedShare  = 1.1
)

// memory is what there is for the model.
type memory struct{}

func (memory) Run(_ context.Context, m *Machine) Finding {
	total, free, err := memoryOf(m)
	if err != nil {
		return skip("the memory is not shown: %v", err)
	}
	weights, err := weightBytes(m.Model)
	if err != nil {
		weights = 0 // the check of the model says what is wrong with it
	}
	need := uint64(float64(weights)*packedShare) + programBytes
	has := fmt.Sprintf("%s of %s are free", sheet.Bytes(free), sheet.Bytes(total))
	wants := fmt.Sprintf("the model needs about %s", sheet.Bytes(need))
	switch {
	case need > total:
		return fail(runtime.NoResource, "take a smaller model, or one quantised to fewer bits", "%s, and %s", has, wants)
	case need > free:
		return warn("end what else takes memory", "%s, and %s", has, wants)
	}
	return ok("%s; %s", has, wants)
}

// memoryOf is the memory of the machine or of its control group, and what of it is free, in bytes.
func memoryOf(m *Machine) (total, free uint64, err error) {
	if m.OS == "darwin" {
		total, err := m.Sysctl("hw.memsize")
		if err != nil {
			return 0, 0, err
		}
		page, err := m.Sysctl("vm.pagesize")
		if err != nil {
			return total, total, nil //nolint:nilerr // what is free is not shown; all may be
		}
		pages := uint64(0)
		for _, name := range []string{"vm.page_free_count", "vm.page_purgeable_count", "vm.page_speculative_count"} {
			n, _ := m.Sysctl(name)
			pages += n
		}
		if pages == 0 {
			return total, total, nil
		}
		// Files that lie in memory are given up when it is asked for; the system counts those as external.
		external, _ := m.Sysctl("vm.page_pageable_external_count")
		return total, min((pages+external)*page, total), nil
	}
	return cpu.SystemMemory(m.Root)
}

// hugePages spare the processor most of the look-ups that large weights cost.
type hugePages struct{}

func (hugePages) Run(_ context.Context, m *Machine) Finding {
	if m.OS != "linux" {
		return skip("only Linux lets a program ask for large pages")
	}
	data, err := fs.ReadFile(m.Root, "sys/kernel/mm/transparent_hugepage/enabled")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return warn("use a kernel with CONFIG_TRANSPARENT_HUGEPAGE", "this kernel has no transparent huge pages: weights lie in small ones, and large products take longer")
	case err != nil:
		return skip("huge pages are not shown: %v", err)
	}
	_, rest, _ := strings.Cut(string(data), "[")
	choice, _, found := strings.Cut(rest, "]")
	switch {
	case !found:
		return skip("sys/kernel/mm/transparent_hugepage/enabled is %q", strings.TrimSpace(string(data)))
	case choice == "never":
		return warn("echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
			"huge pages are off: weights lie in small ones, and large products take longer")
	}
	return ok("huge pages are on (%s)", choice)
}

// bandwidth is how fast memory is read, which bounds how fast a large model decodes.
type bandwidth struct{}

// slowMemory is less than one channel of the slowest memory in use, in 10^9 bytes a second.
const slowMemory = 4

func (bandwidth) Run(ctx context.Context, m *Machine) Finding {
	speed, err := m.Read(ctx)
	if err != nil {
		return skip("the memory's speed could not be measured: %v", err)
	}
	if speed < slowMemory {
		return warn("end what else runs and look again; in a virtual machine, ask for one with memory of its own",
			"memory is read at %.1f GB/s, which is very little", speed)
	}
	return ok("memory is read at %.1f GB/s, so each GB of a model's weights takes %.0f ms a forward", speed, 1000/speed)
}
