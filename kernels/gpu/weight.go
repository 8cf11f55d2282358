package gpu

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"sync"
	"sync/atomic"

	"mtplx/kernels"
	"mtplx/kernels/internal/repack"
)

// storage is how a weight's elements lie (src/product.metal).
type storage uint8

const (
	codes4 storage = iota
	codes8
	bf16
	f16
	f32
)

var storageNames = [...]string{"4", "8", "bf16", "f16", "f32"}

// store is memory that weights and programs share; it goes with the last of them.
type store struct {
	mem  Memory
	size int
	refs atomic.Int32
}

func (s *store) retain() { s.refs.Add(1) }

func (s *store) release() {
	if s.refs.Add(-1) == 0 {
		s.mem.Release()
	}
}

// weight is a matrix in strips of 16 outputs, each a run of blocks of 64 inputs.
type weight struct {
	dev            *Device
	rows, cols     int
	form           kernels.Form
	storage        storage
	wide           bool // scales and biases in float32
	sub            int  // scale groups of a block
	strips, blocks int
	block          int // 16-byte units of a block

	mu    sync.Mutex
	store *store // nil once released
	at    int    // 16-byte units into the store: experts of a part share one
}

func (w *weight) Rows() int          { return w.rows }
func (w *weight) Cols() int          { return w.cols }
func (w *weight) Form() kernels.Form { return w.form }
func (w *weight) Bytes() int64       { return int64(w.size()) }
func (w *weight) size() int          { return 16 * w.block * w.blocks * w.strips }

func (w *weight) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store != nil {
		w.store.release()
		w.store = nil
	}
}

// hold is the weight's store, retained for a program, and its place in it.
func (w *weight) hold() (s *store, at int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.store == nil {
		return nil, 0, fmt.Errorf("the weight of %dx%d was released", w.rows, w.cols)
	}
	w.store.retain()
	return w.store, w.at, nil
}

// codeUnits is the size of a block's codes, in 16-byte units.
func (w *weight) codeUnits() int {
	if w.storage == codes4 {
		return 32
	}
	return 64
}

// groups is the number of scale groups that the activations of a row have.
func (w *weight) groups() int { return up(w.cols, 64/w.sub) }

// Load packs m, strips at once on all processors, and uploads as it goes. The matrix's geometry
// and its codes are checked.
func (d *Device) Load(m kernels.Matrix, mode kernels.Mode, label string) (kernels.Weight, error) {
	w, err := d.load(m, mode, label)
	if err != nil {
		return nil, fmt.Errorf("load weight %s [%d][%d], %d bits, groups of %d: %w", label, m.Rows(), m.Cols(), m.Bits(), m.Group(), err)
	}
	return w, nil
}

func (d *Device) load(m kernels.Matrix, mode kernels.Mode, label string) (*weight, error) {
	w := &weight{dev: d, rows: m.Rows(), cols: m.Cols(), sub: 1}
	if w.rows < 1 || w.cols < 1 {
		return nil, fmt.Errorf("rows and columns must be positive")
	}
	if mode > kernels.Float32 {
		return nil, fmt.Errorf("numeric mode %d is unknown", mode)
	}
	switch m.Bits() {
	case 0:
	case 2, 3, 4, 5, 6, 8:
		if g := m.Group(); g != 32 && g != 64 && g != 128 {
			return nil, fmt.Errorf("groups of %d inputs; expecting 32, 64 or 128", g)
		}
	default:
		return nil, fmt.Errorf("%d bits; expecting 2, 3, 4, 5, 6, 8, or 0 for floats", m.Bits())
	}
	w.form = kernels.FormFor(mode, m.Bits(), m.Group())
	w.strips, w.blocks = up(w.rows, 16), up(w.cols, 64)
	w.choose(m)
	if d.closed.Load() {
		return nil, errClosed
	}
	mem, err := d.backend.Alloc(w.size(), label)
	if err != nil {
		return nil, err
	}
	w.store = &store{mem: mem, size: w.size()}
	w.store.retain()
	if err := w.pack(m); err != nil {
		w.Release()
		return nil, err
	}
	return w, nil
}

// choose decides how the elements lie.
func (w *weight) choose(m kernels.Matrix) {
	if w.form.Kind == kernels.F32 {
		w.storage, w.block = f32, 256
		if m.Bits() != 0 {
			return // dequantised elements carry 24 bits
		}
		row := make([]float32, w.cols)
		isBF16, isF16 := true, true
		for n := 0; n < w.rows && (isBF16 || isF16); n++ {
			m.Floats(row, n)
			for _, v := range row {
				isBF16 = isBF16 && repack.IsBF16(v)
				isF16 = isF16 && fitsF16(v)
			}
		}
		switch {
		case isBF16:
			w.storage, w.block = bf16, 128
		case isF16:
			w.storage, w.block = f16, 128
		}
		return
	}
	w.storage = codes8
	if m.Bits() <= 4 {
		w.storage = codes4
	}
	if m.Group() == 32 {
		w.sub = 2
	}
	w.wide = !repack.NarrowScales(m)
	w.block = w.codeUnits() + 4*w.sub
	if w.wide {
		w.block += 4 * w.sub
	}
}

// fitsF16 tells whether an IEEE half of the normal range, or zero, is exactly v.
func fitsF16(v float32) bool {
	u := math.Float32bits(v)
	e := int(u>>23&255) - 127
	return u<<1 == 0 || u&0x1fff == 0 && e >= -14 && e <= 15
}

func toF16(v float32) uint16 {
	u := math.Float32bits(v)
	if u<<1 == 0 {
		return uint16(u >> 16)
	}
	return uint16(u>>16&0x8000) | uint16((u>>23&255)-112)<<10 | uint16(u>>13&0x3ff)
}

// uploadBytes is about how much is packed before it is uploaded.
const uploadBytes = 1 << 20

// pack fills the weight's memory. Runs of strips are taken in turn by as many workers as there
// are processors; the first error ends all.
func (w *weight) pack(m kernels.Matrix) error {
	strip := 16 * w.block * w.blocks
	run := max(1, uploadBytes/strip)
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), up(w.strips, run)) {
		wg.Go(func() {
			mem := make([]byte, run*strip)
			row, codes := make([]float32, w.cols), make([]uint8, 64*w.blocks)
			for failed.Load() == nil {
				from := int(next.Add(int64(run))) - run
				if from >= w.strips {
					return
				}
				to := min(from+run, w.strips)
				clear(mem)
				var err error
				for s := from; s < to && err == nil; s++ {
					at := mem[(s-from)*strip : (s-from+1)*strip]
					if w.form.Kind == kernels.F32 {
						w.packFloats(at, m, s, row)
					} else {
						err = w.packCodes(at, m, s, codes)
					}
				}
				if err == nil {
					err = w.store.mem.Write(from*strip, mem[:(to-from)*strip])
				}
				if err != nil {
					failed.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// packFloats fills a strip: [blocks][8][16][8] halves or [blocks][16][16][4] words.
func (w *weight) packFloats(mem []byte, m kernels.Matrix, s int, row []float32) {
	for o := range min(16, w.rows-16*s) {
		m.Floats(row, 16*s+o)
		for k, v := range row {
			switch w.storage {
			case f32:
				binary.LittleEndian.PutUint32(mem[((k/4*16+o)*4+k%4)*4:], math.Float32bits(v))
			case f16:
				binary.LittleEndian.PutUint16(mem[((k/8*16+o)*8+k%8)*2:], toF16(v))
			default:
				binary.LittleEndian.PutUint16(mem[((k/8*16+o)*8+k%8)*2:], uint16(math.Float32bits(v)>>16))
			}
		}
	}
}

// packCodes fills a strip. Input kk = 16j+4t+e of a block belongs to lane (o%8)*4+t of a matrix
// step, in byte e of register (j%2)*2+o/8 of step j/2; at 4 bits step 1 is the high nibbles.
func (w *weight) packCodes(mem []byte, m kernels.Matrix, s int, codes []uint8) error {
	for o := range min(16, w.rows-16*s) {
		n := 16*s + o
		m.Codes(codes[:w.cols], n)
		clear(codes[w.cols:])
		if k := tooLarge(codes[:w.cols], m.Bits()); k >= 0 {
			return fmt.Errorf("code %d of row %d is %d, which %d bits cannot hold", k, n, codes[k], m.Bits())
		}
		for b := range w.blocks {
			blk := mem[16*w.block*b : 16*w.block*(b+1)]
			w.packRow(blk, o, codes[64*b:64*b+64])
			for h := range w.sub {
				k := 64*b + 32*h
				if k >= w.cols {
					break
				}
				scale, bias := m.ScaleBias(n, k/m.Group())
				tail := blk[16*w.codeUnits():]
				sb, bb := math.Float32bits(scale), math.Float32bits(bias)
				if w.wide {
					binary.LittleEndian.PutUint32(tail[8*(16*h+o):], sb)
					binary.LittleEndian.PutUint32(tail[8*(16*h+o)+4:], bb)
				} else {
					binary.LittleEndian.PutUint32(tail[4*(16*h+o):], sb|bb>>16)
				}
			}
		}
	}
	return nil
}

// packRow puts the 64 codes of output o into a block, four at a time: those of inputs 16j+4t to 16j+4t+3.
func (w *weight) packRow(blk []byte, o int, codes []uint8) {
	o = o%8*16 + o/8 // the register of j = t = 0
	four := func(j, t int) uint32 { return binary.LittleEndian.Uint32(codes[16*j+4*t:]) }
	put := func(word int, v uint32) { binary.LittleEndian.PutUint32(blk[4*word:], v) }
	for t := range 4 {
		if w.storage == codes4 {
			put(o+4*t, four(0, t)|four(2, t)<<4)
			put(o+4*t+2, four(1, t)|four(3, t)<<4)
			continue
		}
		for j := range 4 {
			put(128*(j/2)+o+4*t+j%2*2, four(j, t))
		}
	}
}

// tooLarge is the first code that bits cannot hold, -1: none.
func tooLarge(codes []uint8, bits int) int {
	k, over := 0, uint64(0xff<<bits&0xff)*0x0101010101010101
	for k+8 <= len(codes) && binary.LittleEndian.Uint64(codes[k:])&over == 0 {
		k += 8
	}
	for ; k < len(codes); k++ {
		if codes[k]>>bits != 0 {
			return k
		}
	}
	return -1
}

// weightOf is a weight of this device.
func (d *Device) weightOf(k kernels.Weight, what string) (*weight, error) {
	w, ok := k.(*weight)
	switch {
	case k == nil:
		return nil, fmt.Errorf("%s is missing", what)
	case !ok || w.dev != d:
		return nil, fmt.Errorf("%s was loaded by another device", what)
	}
	return w, nil
}
