//go:build cuda && linux

package cuda

import (
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
)

// TestCall calls C's strtol and labs by way of purego's entry: four arguments and the result come
// through, and nothing is allocated.
func TestCall(t *testing.T) {
	lib, err := purego.Dlopen("libc.so.6", purego.RTLD_NOW)
	if err != nil {
		t.Fatal(err)
	}
	memcmp, err := purego.Dlsym(lib, "memcmp")
	if err != nil {
		t.Fatal(err)
	}
	labs, err := purego.Dlsym(lib, "labs")
	if err != nil {
		t.Fatal(err)
	}
	minus := -1234567890123
	if got := call4(labs, uintptr(minus), 0, 0, 0); got != 1234567890123 {
		t.Errorf("labs(-1234567890123) is %d", got)
	}
	a, b := []byte("verify"), []byte("verity")
	if got := int32(call4(memcmp, uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0])), 4, 0)); got != 0 {
		t.Errorf("memcmp of four equal bytes is %d", got)
	}
	if got := int32(call4(memcmp, uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0])), 6, 0)); got >= 0 {
		t.Errorf("memcmp of verify and verity is %d, want below 0", got)
	}
	if n := testing.AllocsPerRun(100, func() { call4(labs, 5, 0, 0, 0) }); n != 0 {
		t.Errorf("a call makes %v allocations", n)
	}
}
