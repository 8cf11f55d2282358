package cpu

import (
	"slices"
	"strings"
	"testing"
)

func TestTiersFollowFeatures(t *testing.T) {
	for _, c := range []struct {
		dotProd, i8mm bool
		want          []tier
	}{
		{false, false, []tier{tierPortable, tierNEON}},
		{true, false, []tier{tierPortable, tierNEON, tierDotProd}},
		{false, true, []tier{tierPortable, tierNEON}},
		{true, true, []tier{tierPortable, tierNEON, tierDotProd, tierI8MM}},
	} {
		var got []tier
		for i := range tierNames {
			if tier(i).runsWith(c.dotProd, c.i8mm) {
				got = append(got, tier(i))
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("dot products %v, matrix products %v: tiers %v, want %v", c.dotProd, c.i8mm, got, c.want)
		}
	}
}

// TestTierIsChosenByName takes each of the machine's tiers by name, the best without one, and none that it
// lacks. Emulators of several processors run it.
func TestTierIsChosenByName(t *testing.T) {
	have := Tiers()
	for _, name := range []string{"portable", "neon", "dotprod", "i8mm"} {
		got, err := chooseTier(name)
		switch {
		case slices.Contains(have, name):
			if err != nil || got.String() != name {
				t.Errorf("tier %q gives %v, error %v", name, got, err)
			}
		case err == nil:
			t.Errorf("tier %q was chosen on a machine that has %v", name, have)
		case !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), strings.Join(have, ", ")):
			t.Errorf("tier %q: error %q names not both it and those there are, %v", name, err, have)
		}
	}
	if got, err := chooseTier(""); err != nil || got.String() != have[len(have)-1] {
		t.Errorf("no name gives %v, error %v, want the best of %v", got, err, have)
	}
	if _, err := chooseTier("vnni"); err == nil {
		t.Error("another architecture's tier was chosen")
	}
}
