package metal

import (
	"runtime"
	"unsafe"

	"mtplx/kernels/metal/internal/objc"
)

// caller sends messages for one goroutine at a time. Its fields are memory that the messages'
// addresses may name: it always lies on the heap, which Go does not move.
type caller struct {
	*vocabulary
	message objc.Message
	text    []byte  // a C string under way
	failure objc.ID // an NSError that a method gave
}

func (v *vocabulary) caller() *caller { return &caller{vocabulary: v} }

// call sends a message. It allocates nothing.
func (c *caller) call(to objc.ID, do verb, args ...uintptr) uintptr {
	m := &c.message
	m.To, m.Do, m.N = to, c.selectors[do], copy(m.Args[:], args)
	return c.rt.Send(m)
}

// object is call for methods that return an object.
func (c *caller) object(to objc.ID, do verb, args ...uintptr) objc.ID {
	return objc.ID(c.call(to, do, args...))
}

// real is call for methods that return a double.
func (c *caller) real(to objc.ID, do verb, args ...uintptr) float64 {
	c.call(to, do, args...)
	return c.message.Real
}

// truth is call for methods that return BOOL, of which only the lowest byte is defined.
func (c *caller) truth(to objc.ID, do verb, args ...uintptr) bool {
	return c.call(to, do, args...)&0xff != 0
}

func (c *caller) release(o objc.ID) {
	if o != 0 {
		c.call(o, verbRelease)
	}
}

func (c *caller) responds(o objc.ID, to verb) bool {
	return c.truth(o, verbRespondsToSelector, uintptr(c.selectors[to]))
}

// create is the class's method new.
func (c *caller) create(class string) objc.ID { return c.object(c.rt.Class(class), verbNew) }

// string is an autoreleased NSString.
func (c *caller) string(s string) objc.ID {
	c.text = append(append(c.text[:0], s...), 0)
	return c.object(c.rt.Class("NSString"), verbStringWithUTF8, uintptr(unsafe.Pointer(&c.text[0])))
}

// words is an NSString's text.
func (c *caller) words(o objc.ID) string {
	if o == 0 {
		return ""
	}
	return objc.Text(c.call(o, verbUTF8String))
}

func (c *caller) label(o objc.ID, s string) { c.call(o, verbSetLabel, uintptr(c.string(s))) }

// failing is the address of the caller's failure, for methods that end in error:.
func (c *caller) failing() uintptr {
	c.failure = 0
	return uintptr(unsafe.Pointer(&c.failure))
}

// why is the text of an NSError.
func (c *caller) why(failure objc.ID) string {
	if failure == 0 {
		return "no reason is given"
	}
	if s := c.words(c.object(failure, verbLocalizedDescription)); s != "" {
		return s
	}
	return "no reason is given"
}

// open begins an autorelease pool. Pools belong to threads, so the goroutine keeps its thread until
// shut.
func (c *caller) open() (pool objc.ID) {
	runtime.LockOSThread()
	return c.create("NSAutoreleasePool")
}

func (c *caller) shut(pool objc.ID) {
	c.call(pool, verbDrain)
	runtime.UnlockOSThread()
}

// within runs f in a pool of its own.
func (v *vocabulary) within(f func(c *caller) error) error {
	c := v.caller()
	pool := c.open()
	defer c.shut(pool)
	return f(c)
}
