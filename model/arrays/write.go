package arrays

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
)

// AppendSafetensors appends arrays as a .safetensors file of float32.
func AppendSafetensors(dst []byte, a map[string]Array) ([]byte, error) {
	type entry struct {
		DType   string `json:"dtype"`
		Shape   []int  `json:"shape"`
		Offsets [2]int `json:"data_offsets"`
	}
	header, at := map[string]entry{}, 0
	names := slices.Sorted(maps.Keys(a))
	for _, n := range names {
		header[n] = entry{"F32", append([]int{}, a[n].Shape...), [2]int{at, at + 4*len(a[n].Data)}}
		at += 4 * len(a[n].Data)
	}
	text, err := json.Marshal(header)
	if err != nil {
		return dst, fmt.Errorf("write arrays: %w", err)
	}
	dst = append(binary.LittleEndian.AppendUint64(dst, uint64(len(text))), text...)
	for _, n := range names {
		for _, v := range a[n].Data {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
		}
	}
	return dst, nil
}
