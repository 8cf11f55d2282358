package profiles

import (
	"fmt"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/kernels"
)

// setting is one choice of a profile, and the reason for it.
type setting struct {
	Name  string `json:"setting"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// settings are all choices of a profile.
func settings(p *runtime.Profile) []setting {
	return []setting{arithmetic(p.Mode), memory(p.Mode), draftHead(p.DraftHeadBits)}
}

func arithmetic(m kernels.Mode) setting {
	s := setting{Name: "arithmetic", Value: m.String()}
	switch m {
	case kernels.Fast:
		s.Why = "weights of 2 to 4 bits are multiplied by 8-bit activations and wider ones by 16-bit: the fastest that a CPU has instructions for"
	case kernels.Exact:
		s.Why = "every quantised weight is multiplied by 16-bit activations, which follows float32's text, for more time a product"
	case kernels.Float32:
		s.Why = "weights are dequantised and summed in float32: the yardstick, and slow"
	}
	return s
}

func memory(m kernels.Mode) setting {
	if m.KVFloat32() {
		return setting{"keys and values", "float32", "nothing is rounded between tokens, for twice the memory a token"}
	}
	return setting{"keys and values", "bfloat16", "half of float32's memory, so that twice the context fits and is read in half the time"}
}

func draftHead(bits int) setting {
	if bits == 0 {
		return setting{"draft head", "the model's own", "drafts are drawn from the weights as they were published; every draft reads all of them"}
	}
	return setting{
		"draft head", fmt.Sprintf("%d bit", bits),
		"a draft reads fewer bytes; some more drafts are refused, and the text stays what the model alone would write",
	}
}
