package page

import (
	"bytes"
	"testing"

	"mtplx/sched/queue"
)

// sealed is a buffer that its device alone looks into.
type sealed struct{ block }

func (sealed) Bytes() []byte { panic("the whole buffer was looked at") }

// sealing is a device that copies between sealed buffers and others.
type sealing struct{ memory }

func open(b queue.Buffer) queue.Buffer {
	if s, ok := b.(sealed); ok {
		return s.block
	}
	return b
}

func (s *sealing) Copy(dst queue.Buffer, dstOff int, src queue.Buffer, srcOff, n int) error {
	return s.memory.Copy(open(dst), dstOff, open(src), srcOff, n)
}

func TestWindowsTouchTheirPartAlone(t *testing.T) {
	d := &sealing{}
	w := NewWindow(d)
	defer w.Close()
	big := sealed{make(block, 10000)}
	for _, n := range []int{3, 5000, 100} {
		in, out := bytes.Repeat([]byte{byte(n)}, n), make([]byte, n)
		if err := w.Write(big, 50, in); err != nil {
			t.Fatal(err)
		}
		if err := w.Read(out, big, 50); err != nil || !bytes.Equal(in, out) {
			t.Errorf("%d bytes did not come back (%v)", n, err)
		}
		if big.block[49] != 0 {
			t.Errorf("writing %d bytes at 50 changed the one before", n)
		}
	}
	if big.block[149] != 100 || big.block[150] == 100 || big.block[5049] == 0 || big.block[5050] != 0 {
		t.Error("a write changed what lies behind it")
	}
	d.failCopy = true
	if w.Read(make([]byte, 4), big, 0) == nil || w.Write(big, 0, make([]byte, 4)) == nil {
		t.Error("a copy that failed was no error")
	}
}
