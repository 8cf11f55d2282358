package gpu

import "time"

// Traits are what a backend says of its hardware.
type Traits struct {
	Name string // of the device, for people
	Tier string // of the compiled kernels: "emulator", "sm_80", "apple7"
	// Units is the number of processors, for reports.
	Units int
	// Matrix is set when the integer matrix step is in the compiled kernels.
	Matrix bool
	// Walkers is how many threadgroups of a product a processor holds at once, where each walks over
	// several strips of the weight without a pause between them; 0: a threadgroup has one strip.
	Walkers int
	// Fused has operations that follow one another run as one kernel, for few rows and where there is one. It takes
	// threadgroups of 256 threads with some 200 registers each.
	Fused bool
	// Streams is how many simdgroups a product of many rows must come to, on a device with Matrix, to
	// add a matrix step's sums in registers, a strip a simdgroup (src/stream.metal); 0: none does.
	Streams int
	// Lines has products of one row keep that in threadgroup memory (src/line.metal), of which a threadgroup takes 27 KB.
	Lines bool
	// Tiles is how many tiles of outputs and rows a product of many rows must come to, on a device with Matrix, to be
	// computed a tile a threadgroup, of which each takes 29 KB of threadgroup memory (src/tile.metal); 0: none is.
	Tiles int
	// Queries is how many rows of a forward a lane must have for its attention to take 32 query vectors a threadgroup, which
	// takes 18 KB of threadgroup memory and 128 threads with some 160 registers each (src/attention_tile.metal); 0: none has.
	Queries int
	// Many is from how many rows on norms, gated units and the delta net's recurrence take kernels for many rows, where rows
	// are whole blocks of 64 and heads 128 by 128 (src/rows_many.metal, src/delta_long.metal): these keep a head's state and
	// two keys in registers, some 250 a thread, and take 28 KB of threadgroup memory; 0: never.
	Many int
	// Direct is how many times a shape runs before what is replayed for it is made, where graphs are Instantiable: that takes a
	// processor as long as several runs save, and many shapes come once.
	Direct int
}

// many tells whether so many rows of k values are left to kernels for many rows.
func (t Traits) many(rows, k int) bool { return t.Many > 0 && rows >= t.Many && k%64 == 0 }

// Backend is one GPU: memory and launches. It is safe for concurrent use. One whose memory has a bound is a
// kernels.Confined as well.
type Backend interface {
	// Alloc gives size zeroed bytes; 0 is allowed.
	Alloc(size int, label string) (Memory, error)
	// Copy moves n bytes within the device; ranges are checked by the caller and do not overlap
	// unless the memories differ.
	Copy(dst Memory, dstOff int, src Memory, srcOff, n int) error
	// Record makes launches ready to run, in order, each seeing the writes of those before.
	Record(label string, launches []Launch) (Graph, error)
	NewStream(label string) (Stream, error)
	Close() error
}

// Memory is device memory with a host's view, as package doc says.
type Memory interface {
	Bytes() []byte
	// Write copies p to offset off, without a view that lasts.
	Write(off int, p []byte) error
	// Live tells that the host writes at any time, as into slots.
	Live()
	Release()
}

// Seeable is a Memory that is a mirror, of which the host reads the first n bytes and writes none.
type Seeable interface {
	Seen(n int) []byte
}

// Graph is recorded launches.
type Graph interface{ Release() }

// Instantiable is a Graph whose launches are put on a stream one by one until it has been made what the device replays in
// one go. Both give the same bits.
type Instantiable interface {
	Graph
	// Instantiate has it made: with the next Run, so that the one after it replays, or else beside runs, whose launches are put one
	// by one until then.
	Instantiate(atOnce bool)
}

// Stream runs graphs one after another.
type Stream interface {
	// Run returns when the graph's writes are visible. It allocates nothing.
	Run(g Graph) error
	Close() error
}

// Clocked is a Stream of a device with a clock.
type Clocked interface {
	// RunTimed is Run, and tells when the device began and ended the graph, on the host's clock. It allocates nothing
	// once a graph has been timed.
	RunTimed(g Graph) (start, end time.Time, err error)
}

// Launch is a kernel over a grid of threadgroups.
type Launch struct {
	Kernel  string
	Grid    [3]uint32 // threadgroups
	Threads uint32    // a threadgroup
	Args    []Arg
}

// Arg is one argument: memory from a place on, or constants.
type Arg struct {
	Mem   Memory
	At    int  // bytes from the memory's start, on a border of kernels.ViewBorder
	Write bool // the kernel writes the memory
	Data  []byte

	shaped func(Shape) words // makes Data when a graph is recorded
}

// Shape is what a grid is sized for: counts rounded up to powers of two within the slots' bounds.
type Shape struct{ Rows, Lanes, Logits, Splits int }

// dispatch is a launch whose grid depends on the shape. A zero in the grid means that the shape
// does not need it.
type dispatch struct {
	kernel  string
	threads uint32
	args    []Arg
	grid    func(Shape) [3]uint32
}

// where is d for the shapes of which when says is; for others its grid is empty, and it is left out of their graphs.
func (d dispatch) where(when func(Shape) bool, is bool) dispatch {
	grid := d.grid
	d.grid = func(sh Shape) [3]uint32 {
		if when(sh) != is {
			return [3]uint32{}
		}
		return grid(sh)
	}
	return d
}

// either is one for the shapes of which when says so, and other for all others.
func either(when func(Shape) bool, one, other dispatch) []dispatch {
	return []dispatch{one.where(when, true), other.where(when, false)}
}

// step is a lowered operation.
type step struct {
	kernel     string
	slot       int // the program's slots that it counts by
	checks     []check
	dispatches []dispatch
	fault      Memory // raised by the device, or nil
}
