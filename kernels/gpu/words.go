package gpu

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// words builds a kernel's constants: 32-bit words in the order of the struct in the source.
type words []byte

func (w words) u(v ...int) words {
	for _, x := range v {
		w = binary.LittleEndian.AppendUint32(w, uint32(x))
	}
	return w
}

func (w words) f(v float32) words {
	return binary.LittleEndian.AppendUint32(w, math.Float32bits(v))
}

func (w words) flag(on bool) words {
	if on {
		return w.u(1)
	}
	return w.u(0)
}

// slots appends slots_at: where each field begins, in words.
func (w words) slots(s *kernels.Slots) words {
	buf := s.Buf.Bytes()
	base := uintptr(unsafe.Pointer(unsafe.SliceData(buf)))
	at := func(p unsafe.Pointer, n int) int {
		if n == 0 {
			return 0
		}
		return int(uintptr(p)-base) / 4
	}
	for _, f := range [][]int32{
		s.ID, s.Lane, s.In, s.Out, s.Logit,
	} {
		w = w.u(at(unsafe.Pointer(unsafe.SliceData(f)), len(f)))
	}
	w = w.u(at(unsafe.Pointer(unsafe.SliceData(s.InvT)), len(s.InvT)))
	for _, f := range [][]int32{
		s.First, s.Count, s.Base, s.Certain, s.Fold, s.State, s.TapeIn, s.TapeOut, s.Pages,
	} {
		w = w.u(at(unsafe.Pointer(unsafe.SliceData(f)), len(f)))
	}
	for _, f := range [][]float32{s.Cos, s.Sin} {
		w = w.u(at(unsafe.Pointer(unsafe.SliceData(f)), len(f)))
	}
	return w.u(s.Dims.Pages, s.Dims.Rotary)
}

// first is the first word.
func (w words) first() int { return int(binary.LittleEndian.Uint32(w)) }

func up(n, by int) int { return (n + by - 1) / by }

// bucket is n rounded up to a power of two, at most most.
func bucket(n, most int) int {
	b := 1
	for b < n {
		b *= 2
	}
	return min(b, most)
}

// buffer is queue.Buffer over a backend's memory.
type buffer struct {
	dev  *Device
	mem  Memory
	size int
}

func (b *buffer) Bytes() []byte {
	if b.mem == nil {
		return nil
	}
	return b.mem.Bytes()
}

// Seen is kernels.Seen.
func (b *buffer) Seen(n int) []byte {
	if s, ok := b.mem.(Seeable); ok {
		return s.Seen(n)
	}
	return b.Bytes()[:n:n]
}

func (b *buffer) Release() {
	if b.mem != nil {
		b.mem.Release()
		b.mem = nil
	}
}

// operand is a buffer of rows that an operation reads or writes, or a part of one.
type operand struct {
	mem   Memory
	words int // 32-bit words it holds
	at    int // bytes before the first of them
}

// operandOf is a buffer of this device with at least need 32-bit words.
func (d *Device) operandOf(b queue.Buffer, what string, need int) (operand, error) {
	if v, part := b.(*kernels.View); part {
		whole, err := d.operandOf(v.Of, what, (v.At+v.Size)/4)
		if err != nil {
			return operand{}, err
		}
		if v.Size/4 < need {
			return operand{}, fmt.Errorf("%s holds %d values, needs %d", what, v.Size/4, need)
		}
		return operand{whole.mem, v.Size / 4, whole.at + v.At}, nil
	}
	own, ok := b.(*buffer)
	switch {
	case b == nil:
		return operand{}, fmt.Errorf("%s is missing", what)
	case !ok || own.dev != d:
		return operand{}, fmt.Errorf("%s is memory of another device", what)
	case own.mem == nil:
		return operand{}, fmt.Errorf("%s was released", what)
	case own.size/4 < need:
		return operand{}, fmt.Errorf("%s holds %d values, needs %d", what, own.size/4, need)
	}
	return operand{own.mem, own.size / 4, 0}, nil
}

// bytes is the host's view of the operand.
func (o operand) bytes() []byte { return o.mem.Bytes()[o.at : o.at+4*o.words] }

// wordsOf views whole 32-bit words of memory, whose start is on a border of at least 4 bytes.
func wordsOf(b []byte) []int32 {
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/4)
}

// rows is the number of whole rows of n words.
func (o operand) rows(n int) int { return o.words / n }

func in(o operand) Arg  { return Arg{Mem: o.mem, At: o.at} }
func out(o operand) Arg { return Arg{Mem: o.mem, At: o.at, Write: true} }

func constants(w words) Arg { return Arg{Data: w} }
