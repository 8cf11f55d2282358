package metal

import (
	"fmt"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// simdWidth is what the kernels are written for.
const simdWidth = 32

// compile has Metal compile the kernels, with arithmetic as written: fast math would reorder sums.
func (b *backend) compile(c *caller) error {
	source, err := gpu.Flatten("kernels.metal")
	if err != nil {
		return err
	}
	options := c.create("MTLCompileOptions")
	defer c.release(options)
	if c.responds(options, verbSetMathMode) {
		c.call(options, verbSetMathMode, mathModeSafe)
		c.call(options, verbSetMathFunctions, mathFunctionsPrecise)
	} else {
		c.call(options, verbSetFastMath, 0)
	}
	// A library may come with an error that holds warnings only.
	b.library = c.object(b.device, verbNewLibrary, uintptr(c.string(source)), uintptr(options), c.failing())
	if b.library == 0 {
		return fmt.Errorf("compile the kernels with this system's Metal compiler (a newer macOS may help):\n%s", c.why(c.failure))
	}
	return nil
}

type pipelineKey struct {
	kernel  string
	threads uint32
}

// pipeline is a kernel made ready for threadgroups of a size, on its first use.
func (b *backend) pipeline(c *caller, kernel string, threads uint32) (objc.ID, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := pipelineKey{kernel, threads}
	if p, ok := b.pipelines[key]; ok {
		return p, nil
	}
	f := c.object(b.library, verbNewFunction, uintptr(c.string(kernel)))
	if f == 0 {
		return 0, fmt.Errorf("the kernels have no function %s", kernel)
	}
	defer c.release(f)
	d := c.create("MTLComputePipelineDescriptor")
	defer c.release(d)
	c.label(d, kernel)
	c.call(d, verbSetFunction, uintptr(f))
	c.call(d, verbSetMaxThreads, uintptr(threads)) // a promise for which the compiler spares registers
	c.call(d, verbSetWholeWidths, 1)
	p := c.object(b.device, verbNewPipeline, uintptr(d), 0, 0, c.failing())
	if p == 0 {
		return 0, fmt.Errorf("make kernel %s ready for the GPU: %s", kernel, c.why(c.failure))
	}
	if w := c.call(p, verbExecutionWidth); w != simdWidth {
		c.release(p)
		return 0, fmt.Errorf("kernel %s runs in simdgroups of %d threads on this GPU; the kernels are written for %d", kernel, w, simdWidth)
	}
	if most := c.call(p, verbMaxThreads); most < uintptr(threads) {
		c.release(p)
		return 0, fmt.Errorf("kernel %s runs at most %d threads a threadgroup on this GPU; it needs %d", kernel, most, threads)
	}
	b.pipelines[key] = p
	return p, nil
}
