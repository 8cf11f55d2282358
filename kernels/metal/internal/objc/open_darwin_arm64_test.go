package objc

import (
	"runtime"
	"testing"
	"unsafe"
)

// mac sends messages of a test, in an autorelease pool that ends with it.
type mac struct {
	rt Runtime
	m  *Message
}

func (s *mac) send(to ID, do string, args ...uintptr) uintptr {
	s.m.To, s.m.Do, s.m.N = to, s.rt.Selector(do), copy(s.m.Args[:], args)
	return s.rt.Send(s.m)
}

func newMac(t *testing.T) *mac {
	t.Helper()
	rt, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &mac{rt, &Message{}}
	runtime.LockOSThread()
	pool := ID(s.send(rt.Class("NSAutoreleasePool"), "new"))
	t.Cleanup(func() {
		s.send(pool, "drain")
		runtime.UnlockOSThread()
	})
	return s
}

// C strings that do not move.
var (
	text   = append([]byte("verify"), 0)
	digits = append([]byte("-2.5"), 0)
)

// TestSend has arguments and results come through purego's entry, which a new version of purego may lay
// out otherwise, and nothing allocated.
func TestSend(t *testing.T) {
	s := newMac(t)
	str := ID(s.send(s.rt.Class("NSString"), "stringWithUTF8String:", uintptr(unsafe.Pointer(&text[0]))))
	if n := s.send(str, "length"); n != 6 {
		t.Errorf("the string has %d characters, want 6", n)
	}
	if got := Text(s.send(str, "UTF8String")); got != "verify" {
		t.Errorf("the string is %q", got)
	}
	if s.send(str, "isEqual:", uintptr(str))&0xff != 1 {
		t.Error("the string is not equal to itself")
	}
	number := ID(s.send(s.rt.Class("NSString"), "stringWithUTF8String:", uintptr(unsafe.Pointer(&digits[0]))))
	if s.send(number, "doubleValue"); s.m.Real != -2.5 {
		t.Errorf("the string's number is %v, want -2.5", s.m.Real)
	}
	if s.rt.Class("NoSuchClassOfMtplx") != 0 {
		t.Error("a class that is not there was found")
	}
	do := s.rt.Selector("length")
	n := testing.AllocsPerRun(100, func() {
		s.m.To, s.m.Do, s.m.N = str, do, 0
		s.rt.Send(s.m)
	})
	if n != 0 {
		t.Errorf("a message makes %v allocations", n)
	}
}

// TestBlock has the system call a block with an object.
func TestBlock(t *testing.T) {
	s := newMac(t)
	str := ID(s.send(s.rt.Class("NSString"), "stringWithUTF8String:", uintptr(unsafe.Pointer(&text[0]))))
	array := ID(s.send(s.rt.Class("NSArray"), "arrayWithObject:", uintptr(str)))
	var got []ID
	block := s.rt.Block(func(o ID) { got = append(got, o) })
	s.send(array, "enumerateObjectsUsingBlock:", uintptr(block)) // the index and the flag that follow are not looked at
	s.send(block, "release")
	if len(got) != 1 || got[0] != str {
		t.Errorf("the block was called with %v, want %v once", got, str)
	}
}
