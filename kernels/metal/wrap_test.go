//go:build linux

package metal

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"mtplx/kernels"
	"mtplx/kernels/metal/internal/fake"
)

// TestWrap computes on a mapped file in place. The mapping allows no write, so that a copy back, or a kernel
// that writes, would end the test.
func TestWrap(t *testing.T) {
	d, rt := openFake(t, fake.Options{GPU: emulated(t)})
	const n = 2 * pageBytes
	path := filepath.Join(t.TempDir(), "checkpoint")
	content := make([]byte, n+pageBytes)
	for i := range content[:len(content)/4] {
		*(*float32)(unsafe.Pointer(&content[4*i])) = float32(i%5) - 2.5 // nowhere 0, wherever the mapping begins
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	mapped, err := syscall.Mmap(int(f.Fd()), 0, len(content), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Munmap(mapped) })
	// The pages of this machine may be smaller than Apple's.
	skip := int(-uintptr(unsafe.Pointer(&mapped[0])) % pageBytes)

	q := openQueue(t, d, "verify")
	var got [2][]float32
	whole := mapped[skip : skip+n]
	moved := append(make([]byte, 4, n+4), whole...)[4:]
	if uintptr(unsafe.Pointer(&moved[0]))%pageBytes == 0 {
		t.Fatal("the copy happens to lie on a page")
	}
	for i, part := range [][]byte{whole, moved} {
		x, inPlace, err := d.Wrap(part, "gains")
		if err != nil {
			t.Fatal(err)
		}
		if inPlace != (i == 0) {
			t.Errorf("%d bytes at %p are used in place: %v", len(part), &part[0], inPlace)
		}
		if inPlace && &x.Bytes()[0] != &part[0] {
			t.Error("the buffer's view is not the mapping")
		}
		y := alloc(t, d)
		p := normalise(t, d, q, x, y)
		if err := await(t, d, q, p); err != nil {
			t.Fatal(err)
		}
		got[i] = slices.Clone(kernels.Floats(y))
		p.Release()
		x.Release()
	}
	if got[0][0] == 0 || !slices.Equal(got[0], got[1]) {
		t.Errorf("in place gives %v, a copy %v", got[0], got[1])
	}
	if c := rt.Count("MTLDevice", "newBufferWithBytesNoCopy:length:options:deallocator:"); c != 1 {
		t.Errorf("%d buffers were made without a copy", c)
	}
}
