package metal

import (
	"fmt"
	"sync"

	"mtplx/kernels/gpu"
	"mtplx/kernels/metal/internal/objc"
)

// backend is one GPU with its compiled kernels.
type backend struct {
	*vocabulary
	device    objc.ID
	library   objc.ID
	residency objc.ID // a residency set of all memory, 0 where the system has none
	working   uint64  // bytes that the system recommends to stay within
	largest   uint64  // bytes of a buffer

	mu        sync.Mutex
	pipelines map[pipelineKey]objc.ID
	lost      error

	placed sync.Mutex // the residency set
}

var _ gpu.Backend = (*backend)(nil)

// queries is gpu.Traits.Queries, by count and not by measurement: with four key heads, as many rows of six heads each are 48
// threadgroups, and the system does not tell how many processors there are.
const queries = 64

// newBackend takes the device over, on errors too.
func newBackend(v *vocabulary, device objc.ID) (*backend, gpu.Traits, error) {
	b := &backend{vocabulary: v, device: device, pipelines: map[pipelineKey]objc.ID{}}
	var t gpu.Traits
	err := v.within(func(c *caller) error {
		name := c.words(c.object(device, verbName))
		family := familyNewest
		for family >= familyApple7 && !c.truth(device, verbSupportsFamily, uintptr(family)) {
			family--
		}
		t = gpu.Traits{Name: "metal (" + name + ")", Tier: fmt.Sprintf("apple%d", family-1000), Units: 1, Queries: queries}
		if family < familyApple7 {
			return fmt.Errorf("the GPU %s is too old: the kernels need the family Apple 7, which M1 was the first Mac to have", name)
		}
		if !c.truth(device, verbHasUnifiedMemory) {
			return fmt.Errorf("the GPU %s has memory of its own; only GPUs that share the processor's are supported", name)
		}
		b.working, b.largest = uint64(c.call(device, verbWorkingSet)), uint64(c.call(device, verbMaxBuffer))
		if err := b.compile(c); err != nil {
			return err
		}
		return b.makeResident(c)
	})
	if err != nil {
		_ = b.Close()
		return nil, t, err
	}
	return b, t, nil
}

// makeResident makes the residency set where the system has them (macOS 15).
func (b *backend) makeResident(c *caller) error {
	if !c.responds(b.device, verbNewResidencySet) {
		return nil
	}
	d := c.create("MTLResidencySetDescriptor")
	defer c.release(d)
	if b.residency = c.object(b.device, verbNewResidencySet, uintptr(d), c.failing()); b.residency == 0 {
		return fmt.Errorf("make the GPU's residency set: %s", c.why(c.failure))
	}
	c.call(b.residency, verbRequestResidency)
	return nil
}

// Close gives everything back; memories, graphs and streams were released before.
func (b *backend) Close() error {
	return b.within(func(c *caller) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.pipelines {
			c.release(p)
		}
		clear(b.pipelines)
		for _, o := range []*objc.ID{&b.residency, &b.library, &b.device} {
			c.release(*o)
			*o = 0
		}
		return nil
	})
}
