package kernels

import "fmt"

// Mode is a numeric mode: which arithmetic products use and how keys and values are kept.
type Mode uint8

// The numeric modes.
const (
	// Fast multiplies 2..4-bit weights by int8 activations and 5..8-bit ones by int16; keys
	// and values are bfloat16.
	Fast Mode = iota
	// Exact multiplies every quantised weight by int16 activations; keys and values float32.
	Exact
	// Float32 dequantises weights and sums in float32: the yardstick of the goldens.
	Float32
)

var modeNames = [...]string{"fast", "exact", "float32"}

func (m Mode) String() string { return modeNames[m] }

// ParseMode reads a mode's name.
func ParseMode(s string) (Mode, error) {
	for i, n := range modeNames {
		if s == n {
			return Mode(i), nil
		}
	}
	return 0, fmt.Errorf("parse numeric mode %q: known modes are fast, exact and float32", s)
}

// KVFloat32 tells whether keys and values are kept in float32 rather than bfloat16.
func (m Mode) KVFloat32() bool { return m != Fast }

// Kind is the type of a quantised or plain activation.
type Kind uint8

// The kinds of activations that products take.
const (
	F32 Kind = iota
	Int8
	Int16
)

// Max is R of the quantiser: the largest magnitude of a code.
func (k Kind) Max() float32 {
	if k == Int8 {
		return 127
	}
	return 32512
}

// Form is what a weight asks of its input: the kind, and for integers the number of inputs
// that share a scale (64, or 32 for weights in groups of 32).
type Form struct {
	Kind  Kind
	Group int
}

// FormFor is the form that mode m gives to a weight of the given bits (0: stored as floats)
// and quantisation group.
func FormFor(m Mode, bits, group int) Form {
	switch {
	case bits == 0 || m == Float32:
		return Form{Kind: F32}
	case m == Exact || bits > 4:
		return Form{Kind: Int16, Group: min(group, 64)}
	}
	return Form{Kind: Int8, Group: min(group, 64)}
}
