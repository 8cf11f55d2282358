package conform

import (
	"fmt"
	"math/rand/v2"
	"unsafe"

	"mtplx/kernels"
)

// checkMemory checks buffers and copies.
func checkMemory(t T, d kernels.Device) {
	r := NewRig(t, d)
	for _, size := range []int{0, 1, 4, 63, 64, 65, 4096, 100001} {
		b, err := d.Alloc(size, "memory")
		if err != nil {
			t.Fatal(err)
		}
		mem := b.Bytes()
		if len(mem) != size {
			t.Fatalf("a buffer of %d bytes has %d", size, len(mem))
		}
		if size > 0 && uintptr(unsafe.Pointer(&mem[0]))%64 != 0 {
			t.Errorf("a buffer of %d bytes starts off a 64-byte border", size)
		}
		for i, v := range mem {
			if v != 0 {
				t.Fatalf("byte %d of a fresh buffer of %d is %d", i, size, v)
			}
			mem[i] = 0xa5 // a later buffer must be zero all the same
		}
		b.Release()
	}
	if b, err := d.Alloc(-1, "memory"); err == nil {
		b.Release()
		t.Error("a buffer of -1 bytes was given")
	}

	a, b := r.Alloc(100), r.Alloc(50)
	for i := range a.Bytes() {
		a.Bytes()[i] = byte(i)
	}
	if err := d.Copy(b, 10, a, 60, 40); err != nil {
		t.Fatal(err)
	}
	for i, v := range b.Bytes() {
		want := byte(0)
		if i >= 10 {
			want = byte(i + 50)
		}
		if v != want {
			t.Fatalf("byte %d after a copy is %d, want %d", i, v, want)
		}
	}
	for _, c := range [][3]int{{11, 60, 40}, {0, 61, 40}, {-1, 0, 1}, {0, -1, 1}, {0, 0, -1}, {1 << 62, 0, 1}} {
		if err := d.Copy(b, c[0], a, c[1], c[2]); err == nil {
			t.Errorf("a copy of %d bytes from %d of 100 to %d of 50 was done", c[2], c[1], c[0])
		}
	}
}

// checkLoad checks what a weight says of itself, and matrices that no device takes.
func checkLoad(t T, d kernels.Device) {
	r := NewRig(t, d)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, bits := range allBits {
		for _, group := range allGroups {
			for _, mode := range allModes {
				w := r.Load(Random(rng, bits, group, 7, 130, BFloat16), mode)
				what := fmt.Sprintf("%d bits, group %d, %v", bits, group, mode)
				if w.Rows() != 7 || w.Cols() != 130 {
					t.Errorf("%s: a weight of 7x130 says %dx%d", what, w.Rows(), w.Cols())
				}
				if got, want := w.Form(), kernels.FormFor(mode, bits, group); got != want {
					t.Errorf("%s: form %+v, want %+v", what, got, want)
				}
				if w.Bytes() < 7*130/4 {
					t.Errorf("%s: takes %d bytes", what, w.Bytes())
				}
			}
		}
	}
	for name, change := range map[string]func(m *Matrix){
		"7 bits":      func(m *Matrix) { m.B = 7 },
		"16 bits":     func(m *Matrix) { m.B = 16 },
		"groups of 0": func(m *Matrix) { m.G = 0 },
		"groups of 7": func(m *Matrix) { m.G = 7 },
		"no rows":     func(m *Matrix) { m.N = 0 },
	} {
		m := Quantised(rng, 4, 64, 3, 64, BFloat16)
		change(m)
		if w, err := d.Load(m, kernels.Fast, "bad"); err == nil {
			w.Release()
			t.Errorf("a matrix with %s was loaded", name)
		}
	}
	if d.Threads() < 1 || d.Tier() == "" || d.Name() == "" {
		t.Errorf("the device says %d threads, tier %q, name %q", d.Threads(), d.Tier(), d.Name())
	}
}
