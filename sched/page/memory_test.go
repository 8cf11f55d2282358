package page

import (
	"fmt"

	"mtplx/sched/queue"
)

// memory is a device that has memory and nothing else.
type memory struct {
	queue.Device
	failCopy bool
}

type block []byte

func (b block) Bytes() []byte { return b }
func (b block) Release()      {}

func (m *memory) Alloc(n int, _ string) (queue.Buffer, error) { return block(make([]byte, n)), nil }

func (m *memory) Copy(dst queue.Buffer, dstOff int, src queue.Buffer, srcOff, n int) error {
	if m.failCopy {
		return fmt.Errorf("copy refused by the test")
	}
	copy(dst.Bytes()[dstOff:dstOff+n], src.Bytes()[srcOff:srcOff+n])
	return nil
}
