package kernelbench

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"mtplx/kernels"
)

// Options says what to time. The zero value times everything at full length.
type Options struct {
	// Tier is the instruction set; empty takes the device's choice.
	Tier string
	// Threads are the numbers of workers; empty means 1 and all processors.
	Threads []int
	// Shapes are products' [outputs, inputs]; empty means those of a large model.
	Shapes [][2]int
	// Bits are products' weight widths (2, 3, 4, 5, 6, 8; 0 for bfloat16); empty means 4 and 8.
	Bits []int
	// Rows are products' row counts; empty means 1, 2, 3, 4, 8, 16 and 512. One row is always
	// timed, since c is measured against it.
	Rows []int
	// Mode is the numeric mode.
	Mode kernels.Mode
	// Quick times one shape for a short while: the whole run takes less than 20 s on two cores.
	Quick bool
	// Best takes the best round in place of the median: for a machine that others use meanwhile.
	Best bool
	// ProductsOnly leaves out the operations beside products.
	ProductsOnly bool
	// Progress, when set, is called before each case with its description.
	Progress func(what string)
}

// plan is Options with every default filled in.
type plan struct {
	Options
	copies  int           // bytes that a rotation goes over
	time    time.Duration // of a case
	ceiling time.Duration // of a ceiling
}

func (o Options) plan() (*plan, error) {
	p := &plan{Options: o, time: 4 * time.Second, ceiling: time.Second}
	// Four times the last-level cache keeps a rotation's next matrix out of it.
	cache := lastLevelCache()
	p.copies = max(600<<20, 4*cache)
	if o.Quick {
		p.time, p.ceiling = 800*time.Millisecond, 400*time.Millisecond
		p.copies = max(200<<20, 2*cache)
	}
	if len(p.Threads) == 0 {
		p.Threads = []int{1}
		if n := runtime.GOMAXPROCS(0); n > 1 {
			p.Threads = append(p.Threads, n)
		}
		if o.Quick {
			p.Threads = p.Threads[len(p.Threads)-1:]
		}
	}
	if len(p.Shapes) == 0 {
		p.Shapes = [][2]int{{4096, 4096}, {17408, 5120}, {5120, 17408}}
		if o.Quick {
			p.Shapes = p.Shapes[:1]
		}
	}
	if len(p.Bits) == 0 {
		p.Bits = []int{4, 8}
	}
	if len(p.Rows) == 0 {
		p.Rows = []int{1, 2, 3, 4, 8, 16, 512}
	}
	if p.Rows[0] != 1 {
		p.Rows = append([]int{1}, p.Rows...)
	}
	for _, n := range p.Threads {
		if n < 1 {
			return nil, fmt.Errorf("benchmark kernels: %d threads; expecting at least 1", n)
		}
	}
	for _, s := range p.Shapes {
		if s[0] < 1 || s[1] < 1 || s[0] > 1<<20 || s[1] > 1<<18 {
			return nil, fmt.Errorf("benchmark kernels: shape %dx%d; expecting up to %d outputs by %d inputs", s[0], s[1], 1<<20, 1<<18)
		}
	}
	for _, b := range p.Bits {
		if b < 0 || b == 1 || b == 7 || b > 8 {
			return nil, fmt.Errorf("benchmark kernels: %d bits; expecting 2, 3, 4, 5, 6, 8, or 0 for bfloat16", b)
		}
	}
	for _, r := range p.Rows {
		if r < 1 || r > 4096 {
			return nil, fmt.Errorf("benchmark kernels: %d rows; expecting 1 to 4096", r)
		}
	}
	return p, nil
}

// lastLevelCache is the size of the largest cache that the system tells of, or 32 MB.
func lastLevelCache() int {
	size := 0
	for i := range 5 {
		b, err := os.ReadFile(fmt.Sprintf("/sys/devices/system/cpu/cpu0/cache/index%d/size", i))
		if err != nil {
			break
		}
		text, unit := strings.TrimSpace(string(b)), 1
		for suffix, u := range map[string]int{"K": 1 << 10, "M": 1 << 20} {
			if t, ok := strings.CutSuffix(text, suffix); ok {
				text, unit = t, u
			}
		}
		if n, err := strconv.Atoi(text); err == nil {
			size = max(size, n*unit)
		}
	}
	if size == 0 {
		return 32 << 20
	}
	return size
}
