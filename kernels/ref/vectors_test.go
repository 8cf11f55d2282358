package ref_test

import (
	"testing"

	"mtplx/kernels"
	"mtplx/kernels/conform"
	"mtplx/kernels/ref"
)

// open gives a device that the test closes at its end.
func open(t testing.TB) kernels.Device {
	t.Helper()
	d := ref.New()
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func TestVectors(t *testing.T) { conform.Vectors(t, open(t)) }

// TestProductFunctions runs both kinds of activation at every width, which no mode does.
func TestProductFunctions(t *testing.T) {
	for _, v := range conform.ProductVectors {
		m, x := v.Make()
		groups := v.K / 64
		for kind, want := range map[kernels.Kind]uint64{kernels.Int8: v.Int8, kernels.Int16: v.Int16} {
			var y []float32
			q, s, b := make([]int16, v.K), make([]float32, groups), make([]float32, groups)
			for row := range 16 {
				for g := range groups {
					s[g], b[g] = ref.Quantize(q[g*64:(g+1)*64], x[row*v.K+g*64:][:64], kind)
				}
				for n := range v.N {
					var f float32
					for g := range groups {
						scale, bias := m.ScaleBias(n, g)
						f = ref.DotCodes(f, m.Code[n*v.K+g*64:][:64], scale, bias, q[g*64:(g+1)*64], s[g], b[g])
					}
					y = append(y, f)
				}
			}
			if got := conform.Hash(y); got != want {
				t.Errorf("%d bits %dx%d, activations of kind %d: hash %016x, want %016x", v.Bits, v.N, v.K, kind, got, want)
			}
		}
	}
}

func TestQuantizeVectors(t *testing.T) {
	_, x := conform.ProductVector{Bits: 4, N: 48, K: 320}.Make()
	if got := conform.Hash(x); got != 0xc6d3d66f94101ba3 {
		t.Fatalf("inputs: hash %016x", got)
	}
	for kind, want := range map[kernels.Kind][3]uint64{
		kernels.Int8:  {0x11ccdd2e10be30b0, 0xbdb3b3b6faf9fcb9, 0x31aaa046524914ba},
		kernels.Int16: {0x7b87a7f5639c45f0, 0xe842bd5619e2c8a1, 0x00edd67292182161},
	} {
		q := make([]int16, len(x))
		var s, b []float32
		for i := 0; i < len(x); i += 64 {
			si, bi := ref.Quantize(q[i:i+64], x[i:i+64], kind)
			s, b = append(s, si), append(b, bi)
		}
		if got := [3]uint64{conform.Hash(q), conform.Hash(s), conform.Hash(b)}; got != want {
			t.Errorf("kind %d: codes, s and b hash to %016x, want %016x", kind, got, want)
		}
	}
}
