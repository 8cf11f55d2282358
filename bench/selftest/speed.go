package selftest

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

// reader is a device that measures plain reading itself.
type reader interface {
	ReadBandwidth(bytes int) (gbs float64, err error)
}

// Weights rotate over so many bytes, which no cache holds.
const (
	rotateGPU = 400e6
	rotateCPU = 128e6
)

// shape is a product of a model.
type shape struct {
	name       string
	n, k, bits int
	large      bool // for a long test only
}

var shapes = []shape{
	{"0.8B gate-up", 7168, 1024, 4, false},
	{"0.8B down", 1024, 3584, 4, true},
	{"4B gate-up", 18432, 2560, 4, false},
	{"4B down", 2560, 9216, 4, true},
	{"27B gate-up", 34816, 5120, 4, true},
	{"27B down", 5120, 17408, 4, false},
	{"27B out", 5120, 6144, 4, true},
	{"27B head", 248320, 5120, 4, true},
	{"27B down 8 bit", 5120, 17408, 8, true},
	{"4B down bf16", 2560, 9216, 0, true},
}

// measure times what o asks for. What goes wrong is in the result.
func measure(ctx context.Context, open Open, o *Options) *Speed {
	s := &Speed{Products: []Product{}}
	rows := o.ProductRows
	if rows == nil {
		rows = []int{1, 4}
	}
	on := func(name string, f func(r *conform.Rig, rotate float64)) {
		if s.Failure != "" || ctx.Err() != nil {
			return
		}
		o.Progress("speed: " + name)
		failures := conform.Try(ctx, name, true, func(t conform.T) {
			d, err := open()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() })
			rotate := rotateGPU
			if _, ok := d.(*cpu.Device); ok {
				rotate = rotateCPU
			}
			f(conform.NewRig(t, d), rotate)
		})
		s.Failure = strings.Join(failures, "; ")
	}
	//nolint:contextcheck // a program that was submitted cannot be stopped halfway
	on("reading", func(r *conform.Rig, rotate float64) { s.ReadGBs = readBandwidth(r, int(10*rotate)) })
	for i := range shapes {
		if x := &shapes[i]; o.Full || !x.large {
			//nolint:contextcheck // as above
			on(x.name, func(r *conform.Rig, rotate float64) {
				s.Products = append(s.Products, x.time(r, rotate, rows, s.ReadGBs)...)
			})
		}
	}
	for i := range networks {
		if n := &networks[i]; o.Networks {
			//nolint:contextcheck // as above
			on("forward "+n.name, func(r *conform.Rig, _ float64) { s.Forwards = append(s.Forwards, n.time(r, s.ReadGBs)...) })
		}
	}
	return s
}

// readBandwidth is the device's best plain reading.
func readBandwidth(r *conform.Rig, bytes int) float64 {
	r.T.Helper()
	if c, ok := r.D.(kernels.Confined); ok {
		if free, total, err := c.Memory(); err == nil && total > 0 {
			bytes = min(bytes, int(free/4))
		}
	}
	if d, ok := r.D.(reader); ok {
		gbs, err := d.ReadBandwidth(bytes)
		if err != nil {
			r.T.Fatal(err)
		}
		return gbs
	}
	if _, ok := r.D.(*cpu.Device); !ok {
		return 0 // the reference has no speed
	}
	bytes = rotateCPU
	mem := r.Alloc(bytes)
	for i, b := 0, mem.Bytes(); i < len(b); i += 4096 {
		b[i] = 1 // every page must be real
	}
	gbs := 0.0
	for _, ahead := range cpu.Aheads {
		p := r.Record(&cpu.Sweep{Buffers: []queue.Buffer{mem}, Ahead: ahead})
		gbs = max(gbs, float64(bytes)/shortest(r, p, 5)/1e9)
		p.Release()
	}
	return gbs
}

// shortest is the shortest of several replays, in seconds.
func shortest(r *conform.Rig, p queue.Program, times int) float64 {
	r.T.Helper()
	least := time.Hour
	for i := range times + 2 {
		from := time.Now()
		if err := r.Replay(p); err != nil {
			r.T.Fatal(err)
		}
		if d := time.Since(from); i >= 2 {
			least = min(least, d)
		}
	}
	return least.Seconds()
}

// share is bytes in so many seconds as a part of what reading does; 0 when that is not known.
func share(bytes int64, seconds, gbs float64) float64 {
	if gbs == 0 {
		return 0
	}
	return float64(bytes) / seconds / 1e9 / gbs
}

// time measures a shape whose weights come from memory.
func (x *shape) time(r *conform.Rig, rotate float64, rows []int, read float64) []Product {
	r.T.Helper()
	m := newTiled(x.n, x.k, x.bits)
	var weights []kernels.Weight
	for size := 0.0; size < rotate; size += float64(weights[0].Bytes()) {
		weights = append(weights, r.Load(m, kernels.Fast))
	}
	out := make([]Product, 0, len(rows))
	for _, n := range rows {
		slots, acts := r.RowSlots(n, n), r.Acts(n, weights[0])
		in, to := r.Put(conform.Normals(rand.New(rand.NewPCG(1, 2)), n*x.k, 1)), r.Floats(n*x.n, 0)
		r.Run(&kernels.Quantize{S: slots, X: in, Acts: acts})
		ops := make([]queue.Op, len(weights))
		for i, w := range weights {
			ops[i] = &kernels.Product{S: slots, X: acts, Parts: []kernels.Part{{W: w}}, Out: to, Stride: x.n}
		}
		p := r.Record(ops...)
		t := shortest(r, p, 10) / float64(len(weights))
		p.Release()
		v := Product{Name: x.name, N: x.n, K: x.k, Bits: x.bits, Rows: n, Micros: 1e6 * t, OfRead: share(weights[0].Bytes(), t, read), C: 1}
		if len(out) > 0 {
			v.C = v.Micros / out[0].Micros
		}
		out = append(out, v)
	}
	return out
}

// tiled is a matrix whose rows repeat a table, so that making it costs little.
type tiled struct {
	n, k, bits int
	table      []uint8
}

// tileRows is how many rows of a tiled matrix differ.
const tileRows = 4096

func newTiled(n, k, bits int) *tiled {
	rng := rand.New(rand.NewPCG(1, 1))
	m := &tiled{n: n, k: k, bits: bits, table: make([]uint8, k+tileRows)}
	for i := range m.table {
		m.table[i] = uint8(rng.Uint32N(1 << max(1, bits)))
	}
	return m
}

func (m *tiled) Rows() int { return m.n }
func (m *tiled) Cols() int { return m.k }
func (m *tiled) Bits() int { return m.bits }

func (m *tiled) Group() int {
	if m.bits == 0 {
		return 0
	}
	return 64
}

func (m *tiled) Codes(dst []uint8, row int)          { copy(dst, m.table[row*61%tileRows:]) }
func (m *tiled) ScaleBias(row, g int) (s, b float32) { return 0.0078125, -0.0625 }

func (m *tiled) Floats(dst []float32, row int) {
	for i := range dst {
		dst[i] = float32(m.table[row*61%tileRows+i]) / 256
	}
}
