package kernels

import (
	"fmt"
	"unsafe"

	"mtplx/sched/queue"
)

// SlotDims bounds what one forward can carry.
type SlotDims struct {
	Rows   int // rows of a forward
	Lanes  int // lanes of a forward
	Logits int // rows whose logits are wanted
	Pages  int // pages of one lane: context / PageTokens, rounded up
	Rotary int // rotated dims / 2: angles of a position
}

// PageTokens is the number of positions in a page of keys and values.
const PageTokens = 64

// Slots is what changes from one replay of a program to the next. The host fills it before
// Submit. A forward is ragged: each lane owns Count consecutive rows, at consecutive positions
// from Base. All slices are views of one buffer of 32-bit words, in the order of the fields.
type Slots struct {
	Dims SlotDims
	Buf  queue.Buffer

	// Head holds the counts: rows, lanes, rows of logits.
	Head []int32

	// Of each row: token id, lane, row of the hidden pool it reads (head programs only) and
	// row of the hidden pool its final norm is written to.
	ID, Lane, In, Out []int32

	// Of each row of logits: the forward's row it belongs to, and 1/temperature for Support.
	Logit []int32
	InvT  []float32

	// Of each lane: its first row, how many rows, the position of its first row.
	First, Count, Base []int32
	// Certain rows are applied to the recurrent state for good; the Count-Certain rows after
	// them go to the tape. Fold tape rows of TapeIn are applied first. State, TapeIn and
	// TapeOut index the pools. A lane with Base 0 starts from zero state whatever they hold.
	Certain, Fold, State, TapeIn, TapeOut []int32
	// Page ids of each lane: Pages[lane*Dims.Pages+i] holds positions 64i..64i+63.
	Pages []int32

	// Cosine and sine of each row's rotary angles, [row][Dims.Rotary].
	Cos, Sin []float32
}

// Indices into Slots.Head.
const (
	HeadRows = iota
	HeadLanes
	HeadLogits
	headWords = 16
)

// check names bounds that slots cannot have.
func (d *SlotDims) check() error {
	if d.Rows < 1 || d.Lanes < 1 || d.Logits < 1 || d.Pages < 1 || d.Rotary < 0 {
		return fmt.Errorf("bounds %+v must be positive", *d)
	}
	return nil
}

// Words is the size of slots of these bounds, in 32-bit words.
func (d *SlotDims) Words() int {
	return headWords + 4*d.Rows + 2*d.Logits + 8*d.Lanes + d.Lanes*d.Pages + 2*d.Rows*d.Rotary
}

// NewSlots allocates slots of the given bounds on a device.
func NewSlots(d queue.Device, dims SlotDims) (*Slots, error) {
	if err := dims.check(); err != nil {
		return nil, fmt.Errorf("allocate slots: %w", err)
	}
	buf, err := d.Alloc(4*dims.Words(), "slots")
	if err != nil {
		return nil, fmt.Errorf("allocate slots of %d words: %w", dims.Words(), err)
	}
	return LaySlots(buf, dims)
}

// LaySlots lays slots of the given bounds over fresh memory.
func LaySlots(buf queue.Buffer, dims SlotDims) (*Slots, error) {
	if err := dims.check(); err != nil {
		return nil, fmt.Errorf("lay slots: %w", err)
	}
	w := Int32s(buf)
	if len(w) < dims.Words() {
		return nil, fmt.Errorf("lay slots of %d words over %d", dims.Words(), len(w))
	}
	cut := func(n int) []int32 { s := w[:n:n]; w = w[n:]; return s }
	floats := func(n int) []float32 {
		s := cut(n)
		if n == 0 {
			return nil
		}
		return unsafe.Slice((*float32)(unsafe.Pointer(&s[0])), n)
	}
	s := &Slots{Dims: dims, Buf: buf}
	s.Head = cut(headWords)
	s.ID, s.Lane, s.In, s.Out = cut(dims.Rows), cut(dims.Rows), cut(dims.Rows), cut(dims.Rows)
	s.Logit, s.InvT = cut(dims.Logits), floats(dims.Logits)
	s.First, s.Count, s.Base = cut(dims.Lanes), cut(dims.Lanes), cut(dims.Lanes)
	s.Certain, s.Fold, s.State = cut(dims.Lanes), cut(dims.Lanes), cut(dims.Lanes)
	s.TapeIn, s.TapeOut = cut(dims.Lanes), cut(dims.Lanes)
	s.Pages = cut(dims.Lanes * dims.Pages)
	s.Cos, s.Sin = floats(dims.Rows*dims.Rotary), floats(dims.Rows*dims.Rotary)
	return s, nil
}

// Rows is the number of rows of the forward.
func (s *Slots) Rows() int { return int(s.Head[HeadRows]) }

// Lanes is the number of lanes of the forward.
func (s *Slots) Lanes() int { return int(s.Head[HeadLanes]) }

// Logits is the number of rows whose logits are wanted.
func (s *Slots) Logits() int { return int(s.Head[HeadLogits]) }

// Position is the absolute position of a row.
func (s *Slots) Position(row int) int {
	l := s.Lane[row]
	return int(s.Base[l]) + row - int(s.First[l])
}

// Int32s views a buffer as 32-bit integers.
func Int32s(b queue.Buffer) []int32 {
	p := b.Bytes()
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(p))), len(p)/4)
}

// Floats views a buffer as float32.
func Floats(b queue.Buffer) []float32 {
	p := b.Bytes()
	return unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(p))), len(p)/4)
}

// Halves views a buffer as 16-bit words.
func Halves(b queue.Buffer) []uint16 {
	p := b.Bytes()
	return unsafe.Slice((*uint16)(unsafe.Pointer(unsafe.SliceData(p))), len(p)/2)
}
