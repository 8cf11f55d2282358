package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"mtplx/kernels"
)

// TestQuantiserVectors checks the shared vectors of 48x320 at 4 bits: inputs, packed bytes,
// codes, s and b.
func TestQuantiserVectors(t *testing.T) {
	m, x := vectorMatrix(4, 48, 320)
	if got := hashWords(x); got != 0xc6d3d66f94101ba3 {
		t.Fatalf("inputs hash to %016x", got)
	}
	want := map[kernels.Mode][3]uint64{
		kernels.Fast:  {0x11ccdd2e10be30b0, 0xbdb3b3b6faf9fcb9, 0x31aaa046524914ba},
		kernels.Exact: {0x7b87a7f5639c45f0, 0xe842bd5619e2c8a1, 0x00edd67292182161},
	}
	for _, tier := range Tiers() {
		r := newRig(t, tier, 1, 16)
		for mode, hashes := range want {
			w := r.load(m, mode)
			if got := hashBytes(w.mem); got != 0x03e7a69c02c99f67 {
				t.Errorf("packed weight hashes to %016x", got)
			}
			f := bindActs(r.acts(x, 16, w)).forms[0]
			var q []int16
			var s, b []float32
			for row := range 16 {
				for g := range f.groups {
					var c codes
					f.load(&c, f.codes[f.at(row)+g*f.step(row):][:f.bytes])
					for _, v := range c {
						q = append(q, int16(v))
					}
					s = append(s, f.scales[f.scaleAt(row)+8*g])
					b = append(b, f.scales[f.scaleAt(row)+8*g+4])
				}
			}
			if got := [3]uint64{hashWords(q), hashWords(s), hashWords(b)}; got != hashes {
				t.Errorf("%s, %v: codes, s, b hash to %016x, want %016x", tier, mode, got, hashes)
			}
		}
	}
}

// FuzzQuantise holds the assembly to the contract written plainly, rows of any length at any
// place of a quad.
func FuzzQuantise(f *testing.F) {
	f.Add(uint64(1), 64, 1, 0)
	f.Add(uint64(2), 200, 7, 6)
	f.Add(uint64(3), 96, 5, 4)
	for i := range 32 { // every kind of row, whole groups and a rest, every place of a quad
		f.Add(uint64(i), 64+37*(i%12), 9, i%9)
	}
	f.Fuzz(func(t *testing.T, seed uint64, k, rows, row int) {
		if k < 1 || k > 500 || rows < 1 || rows > 9 || row < 0 || row >= rows {
			return
		}
		rng := rand.New(rand.NewPCG(seed, 1))
		x := randomRows(rng, 8, k)[int(seed%8)*k:][:k]
		for i := range tierNames {
			// A quantiser takes no instruction that its tier's other operations do not.
			tr := tier(i)
			if !haveTier(tr.vectors()) {
				continue
			}
			tier := tr.String()
			for _, form := range []kernels.Form{{Kind: kernels.Int8, Group: 64}, {Kind: kernels.Int16, Group: 64}, {Kind: kernels.Int8, Group: 32}, {Kind: kernels.Int16, Group: 32}} {
				p := bindForm(form, k, rows, make([]byte, kernels.ActBytes(form, k, rows)), tr)
				// In two parts, which is what workers do who share a row.
				cut := min(k, 64*(1+row%3))
				p.quantise(row, 0, x[:cut])
				p.quantise(row, cut/64, x[cut:])
				for i := 0; i < k; i += form.Group {
					in := x[i:min(i+form.Group, k)]
					var mx float32
					for _, v := range in {
						mx = max(mx, float32(math.Abs(float64(v))))
					}
					var s, inv float32
					if mx >= 0x1p-100 {
						s = mx / form.Kind.Max()
						inv = 1 / s
					}
					var c codes
					p.load(&c, p.codes[p.at(row)+i/64*p.step(row):][:p.bytes])
					var sum int32
					for j, v := range in {
						q := int32(math.RoundToEven(float64(float32(v * inv))))
						sum += q
						if c[i%64+j] != q {
							t.Fatalf("%s %+v: code of input %d (%v) is %d, want %d", tier, form, i+j, v, c[i%64+j], q)
						}
					}
					at := p.scaleAt(row) + i/form.Group*8
					if b := float32(s * float32(sum)); p.scales[at] != s || p.scales[at+4] != b {
						t.Fatalf("%s %+v: group of input %d: s %v b %v, want %v %v", tier, form, i, p.scales[at], p.scales[at+4], s, b)
					}
				}
			}
		}
	})
}
