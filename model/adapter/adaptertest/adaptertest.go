// Package adaptertest makes adapters for tests, of random numbers that make a head draft otherwise.
package adaptertest

import (
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"mtplx/model/adapter"
	"mtplx/model/arrays"
)

// Arrays are a file's pairs, named as by PEFT, for modules of a head whose matrices have the given shapes [out][in]; all of
// them without a name. size is how large what they add is, beside their input.
func Arrays(shapes map[string][2]int, seed uint64, rank int, size float64, modules ...string) map[string]arrays.Array {
	if len(modules) == 0 {
		modules = slices.Collect(maps.Keys(shapes))
	}
	slices.Sort(modules)
	rng := rand.New(rand.NewPCG(seed, 7))
	numbers := func(spread float64, shape ...int) arrays.Array {
		x := make([]float32, shape[0]*shape[1])
		for i := range x {
			x[i] = float32(spread * rng.NormFloat64())
		}
		return arrays.Array{Shape: shape, Data: x}
	}
	file := map[string]arrays.Array{}
	for _, m := range modules {
		out, in := shapes[m][0], shapes[m][1]
		file["mtp."+m+".lora_A.weight"] = numbers(1/math.Sqrt(float64(in)), rank, in)
		file["mtp."+m+".lora_B.weight"] = numbers(size/math.Sqrt(float64(rank)), out, rank)
	}
	return file
}

// Random is such an adapter.
func Random(t testing.TB, shapes map[string][2]int, seed uint64, rank int, size float64, modules ...string) *adapter.Adapter {
	t.Helper()
	a, err := adapter.New(Arrays(shapes, seed, rank, size, modules...), nil)
	if err != nil {
		t.Fatal(err)
	}
	a.File = "random.safetensors"
	return a
}

// Write writes such arrays to a .safetensors file.
func Write(path string, a map[string]arrays.Array) error {
	data, err := arrays.AppendSafetensors(nil, a)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
