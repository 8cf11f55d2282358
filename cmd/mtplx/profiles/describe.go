package profiles

import (
	"fmt"

	"mtplx/cmd/mtplx/runtime"
	"mtplx/cmd/mtplx/tune"
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
	s := []setting{arithmetic(p.Mode), memory(p.Mode)}
	if p.Name == runtime.Tuned {
		return append(s, tuned()...)
	}
	return append(s, draftHead(p.DraftHeadBits))
}

// tuned is what is kept for models on this machine, which is all that the profile changes.
func tuned() []setting {
	const name = "measured"
	here, err := tune.Here()
	if err != nil {
		return []setting{{name, "cannot be read", err.Error()}}
	}
	if len(here) == 0 {
		return []setting{{name, "nothing yet", "mtplx tune measures depth, draft head, draft vocabulary, threads and device for a model on this machine, and keeps what is fastest"}}
	}
	var s []setting
	for i := range here {
		e := &here[i]
		s = append(s, setting{name + " for " + e.ModelName, e.Settings.String(), e.Measured()})
	}
	return s
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
