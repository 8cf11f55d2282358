//go:build unix

package emulator

import (
	"context"
	"fmt"

	"mtplx/kernels/gpu"
)

// Options says how an emulated GPU behaves. The zero value is one without matrix units that runs
// threads in ascending order and keeps denormals.
type Options struct {
	Seed    uint32 // order of threads, simdgroups and threadgroups; 0 is ascending
	Flush   bool   // denormal results become zero, as some GPUs may do
	Matrix  bool   // products use the integer matrix step
	Walkers int    // threadgroups that walk over a product's strips; 0 is one a strip
	Fused   bool   // gpu.Traits.Fused
	Streams int    // gpu.Traits.Streams
	Lines   bool   // gpu.Traits.Lines
	Tiles   int    // gpu.Traits.Tiles
	Queries int    // gpu.Traits.Queries
	Many    int    // gpu.Traits.Many
	// Sources replaces the kernels' own, for tests of the emulator itself.
	Sources map[string]string
	// MemoryBytes is the address space of the device; 0 is 1 GiB. Pages that nobody touches cost
	// nothing.
	MemoryBytes int
}

// Open compiles the emulator where that was not done yet and starts it.
func Open(ctx context.Context, o Options) (*gpu.Device, error) {
	p, err := Start(ctx, o)
	if err != nil {
		return nil, err
	}
	d, err := gpu.New(gpu.Traits{Name: "GPU emulator", Tier: "emulator", Units: 1, Matrix: o.Matrix, Walkers: o.Walkers, Fused: o.Fused, Streams: o.Streams, Lines: o.Lines, Tiles: o.Tiles, Queries: o.Queries, Many: o.Many}, p)
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	return d, nil
}

// Start is Open for callers that launch kernels themselves.
func Start(ctx context.Context, o Options) (*Process, error) {
	files := o.Sources
	if files == nil {
		var err error
		if files, err = gpu.Sources(); err != nil {
			return nil, err
		}
	}
	path, err := Build(ctx, files)
	if err != nil {
		return nil, err
	}
	size := o.MemoryBytes
	if size == 0 {
		size = 1 << 30
	}
	p, err := start(path, size, o)
	if err != nil {
		return nil, fmt.Errorf("start the GPU emulator: %w", err)
	}
	return p, nil
}
