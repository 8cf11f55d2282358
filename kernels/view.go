package kernels

import (
	"fmt"

	"mtplx/sched/queue"
)

// View is a part of a buffer as a buffer of its own, for operands of operations: several programs' or steps' slots and
// results then go up and come down at once. It lives as long as what it is a part of, and Release does nothing.
type View struct {
	Of       queue.Buffer
	At, Size int // bytes; At is on a ViewBorder
}

// ViewBorder is the border that parts start on: what vectors of four words need.
const ViewBorder = 16

// NewView is n bytes of b from a border on.
func NewView(b queue.Buffer, at, n int) (*View, error) {
	if at < 0 || at%ViewBorder != 0 || n < 0 || at > len(b.Bytes())-n {
		return nil, fmt.Errorf("view %d bytes at %d of a buffer of %d: out of range, or not on a border of %d", n, at, len(b.Bytes()), ViewBorder)
	}
	return &View{Of: b, At: at, Size: n}, nil
}

// Bytes is the host's view of the part.
func (v *View) Bytes() []byte { return v.Of.Bytes()[v.At : v.At+v.Size : v.At+v.Size] }

// Seen is Seen of the part.
func (v *View) Seen(n int) []byte { return Seen(v.Of, v.At+n)[v.At:] }

// Seen is the first n bytes of a buffer for who only reads them. A device with memory of its own then brings down no more than
// about that, with the next program already where that was asked for after the last, and takes nothing for changed.
func Seen(b queue.Buffer, n int) []byte {
	if s, ok := b.(interface{ Seen(n int) []byte }); ok {
		return s.Seen(n)
	}
	return b.Bytes()[:n:n]
}

// Release does nothing.
func (*View) Release() {}
