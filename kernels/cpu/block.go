package cpu

import "sync/atomic"

// Many rows go over a matrix in blocks: some strips that fit the second-level cache, and for
// each a block of rows that fits it too; inside it, a few strips at a time stay in the first-level
// cache while pass after pass of rows goes over them. On tiers that gain by it, those few are first
// unpacked to a byte a code. None of this changes a sum's order.
const (
	blockStrips = 256 << 10 // bytes of packed strips
	blockRows   = 256 << 10 // bytes of activations
	blockBatch  = 32 << 10  // bytes of strips that passes go over in turn, one strip at least
	rowUnit     = 48        // rows of a block are a multiple, so that passes of 4, 12 and 16 come out even
	roomLeast   = 24 << 10  // bytes of unpacked blocks that any kernel may want
	looseRows   = 32        // rows from which unpacking pays, where it does
)

// loosePacking describes strips unpacked to a byte a code.
func (w *weight) loosePacking() weight {
	l := *w
	l.packing = packed8
	l.block = l.codeBytes() + l.sub*l.tailBytes()
	l.strip = l.block * l.groups
	return l
}

// canLoosen tells whether w's strips can be unpacked: the usual 4-bit blocks can.
func (w *weight) canLoosen() bool { return w.packing == packed4 && w.sub == 1 && !w.wide }

// batch is how many strips of the given size stay in cache together.
func batch(strip int) int { return max(1, blockBatch/strip) }

// room is a worker's memory for unpacked strips. It grows when a product that needs more is
// recorded, which may be while the worker uses the old one.
type room struct{ mem atomic.Pointer[[]byte] }

// reserve makes room for the unpacked strips of w with every worker.
func (d *Device) reserve(w *weight) {
	l := w.loosePacking()
	need := max(batch(l.strip)*l.strip, roomLeast)
	d.growing.Lock()
	defer d.growing.Unlock()
	for i := range d.desks {
		r := &d.desks[i].room
		if old := r.mem.Load(); old == nil || len(*old) < need {
			mem := make([]byte, need+border+slack)
			mem = mem[(border-int(addressOf(mem)%border))%border:][:need+slack]
			r.mem.Store(&mem)
		}
	}
}

// blocks computes strips from..to-1, all of them whole, for many rows.
func (r *pass) blocks(d *desk, from, to int) {
	k := &r.x.kernels
	done := r.tileBlocks(d, from, to)
	if done == r.n {
		return
	}
	l, loose := &d.loose, k.loose && r.n-done >= looseRows
	if loose {
		*l = r.w.loosePacking()
		l.mem = *d.room.mem.Load()
	}
	few := batch(r.w.strip)
	if loose {
		few = batch(l.strip)
	}
	strips := max(few, blockStrips/r.w.strip/few*few)
	rows := max(rowUnit, blockRows/r.x.rowBytes()/rowUnit*rowUnit)
	p := *r
	for tile := from; tile < to; tile += strips {
		for row := done; row < r.n; row += rows {
			for s := tile; s < min(tile+strips, to); s += few {
				n := min(few, tile+strips-s, to-s)
				p.w, p.from, p.to = r.w, s, s+n
				if loose {
					r.w.unpackStrips(l.mem, s, n, &d.args)
					p.w, p.from, p.to = l, 0, n
				}
				for i := row; i < min(row+rows, r.n); i += k.most {
					p.row, p.n = r.row+i, min(k.most, row+rows-i, r.n-i)
					p.out = r.out[i*r.stride+16*s:]
					p.compute(d)
				}
			}
		}
	}
}

// rowBytes is the size of a row's activations.
func (o *operand) rowBytes() int {
	if o.form == nil {
		return 4 * o.k
	}
	return o.form.groups * o.form.bytes
}
