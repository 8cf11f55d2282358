package runtime

import (
	"fmt"
	"slices"
	"strings"

	"mtplx/kernels"
)

// Profile is a named set of numeric and scheduling choices. Every profile keeps the promises of
// exactness; they differ in arithmetic and speed.
type Profile struct {
	Name    string
	Summary string
	Mode    kernels.Mode
	// DraftHeadBits is the width the draft head is requantised to; 0 keeps the target's.
	DraftHeadBits int
}

// Profiles are the known profiles, the default first.
var Profiles = []Profile{
	{Name: "performance-cold", Summary: "fast arithmetic and a 4-bit draft head: the default", Mode: kernels.Fast, DraftHeadBits: 4},
	{Name: "stable", Summary: "fast arithmetic, drafts from the target's own head", Mode: kernels.Fast},
	{Name: "exact", Summary: "int16 activations and float32 keys and values: float32's text at some cost", Mode: kernels.Exact},
	{Name: Tuned, Summary: "the default's arithmetic, with the depth, draft head, threads and device that mtplx tune found for this machine and model", Mode: kernels.Fast, DraftHeadBits: 4},
}

// Tuned is the profile whose settings mtplx tune measures and keeps. What it keeps reaches a command as values of flags; the
// profile itself is what they replace, the default's.
const Tuned = "tuned"

var aliases = map[string]string{"default": "performance-cold", "safe": "stable"}

// Aliases are the other names of a profile, sorted.
func (p *Profile) Aliases() []string {
	var names []string
	for alias, name := range aliases {
		if name == p.Name {
			names = append(names, alias)
		}
	}
	slices.Sort(names)
	return names
}

// FindProfile looks a profile up by name or alias; "" is the default.
func FindProfile(name string) (Profile, error) {
	if a, ok := aliases[name]; ok {
		name = a
	}
	if name == "" {
		return Profiles[0], nil
	}
	var known []string
	for _, p := range Profiles {
		if p.Name == name {
			return p, nil
		}
		known = append(known, p.Name)
	}
	return Profile{}, &Failure{Kind: UsageProblem, Err: fmt.Errorf("unknown profile %q", name), Fix: "known profiles are " + strings.Join(known, ", ")}
}
