package gpu

import (
	"fmt"
	"time"
)

// ReadBandwidth is the device's best plain reading of as many bytes, in 10^9 bytes a second: what everything
// else is set beside.
func (d *Device) ReadBandwidth(bytes int) (gbs float64, err error) {
	bytes &^= 63
	if bytes < 64 {
		return 0, fmt.Errorf("measure reading of %d bytes: too few", bytes)
	}
	wrap := func(err error) error { return fmt.Errorf("measure reading of %d bytes: %w", bytes, err) }
	x, err := d.backend.Alloc(bytes, "read")
	if err != nil {
		return 0, wrap(err)
	}
	defer x.Release()
	y, err := d.backend.Alloc(64, "read")
	if err != nil {
		return 0, wrap(err)
	}
	defer y.Release()
	s, err := d.backend.NewStream("read")
	if err != nil {
		return 0, wrap(err)
	}
	defer func() { _ = s.Close() }()
	for _, groups := range []int{4, 8, 16} { // a processor
		g, err := d.backend.Record("read", []Launch{{
			Kernel: "measure_read", Grid: [3]uint32{u32(groups * max(1, d.traits.Units)), 1, 1}, Threads: 256,
			Args: []Arg{{Mem: x}, {Mem: y, Write: true}, constants(words{}.u(bytes/16, 1))},
		}})
		if err != nil {
			return 0, wrap(err)
		}
		for range 5 {
			start := time.Now()
			if err := s.Run(g); err != nil {
				g.Release()
				return 0, wrap(err)
			}
			gbs = max(gbs, float64(bytes)/time.Since(start).Seconds()/1e9)
		}
		g.Release()
	}
	return gbs, nil
}
