package sample

import (
	"fmt"
	"math"
)

// Sampler shapes the distribution that tokens are drawn from. The zero value is greedy with an empty
// nucleus, which keeps the best candidate.
type Sampler struct {
	Temperature float64 // 0 is greedy
	TopP        float64 // mass of the nucleus, of the whole vocabulary; 1 is off
	MinP        float64 // least probability relative to the best candidate's; 0 is off
	TopK        int     // most candidates; 0 is off
}

// Limits of a sampler's values.
const (
	MaxTemperature = 100
	MaxTopK        = 1 << 20
)

// Validate names the first value that makes no sense, and its range.
func (s Sampler) Validate() error {
	switch {
	case !(s.Temperature >= 0 && s.Temperature <= MaxTemperature):
		return fmt.Errorf("temperature is %v; give 0 (greedy) to %d", s.Temperature, MaxTemperature)
	case s.Temperature > 0 && s.Temperature < 1e-4:
		return fmt.Errorf("temperature is %v, too small to divide by; give 0 for greedy decoding", s.Temperature)
	case !(s.TopP >= 0 && s.TopP <= 1):
		return fmt.Errorf("top-p is %v; give 0 to 1, where 1 keeps every candidate", s.TopP)
	case !(s.MinP >= 0 && s.MinP <= 1):
		return fmt.Errorf("min-p is %v; give 0 (off) to 1", s.MinP)
	case s.TopK < 0 || s.TopK > MaxTopK:
		return fmt.Errorf("top-k is %d; give 0 (off) to %d", s.TopK, MaxTopK)
	}
	return nil
}

// Rows gives whole rows of logits. A row is a view that the caller must not change.
type Rows interface{ Logits(i int) []float32 }

// Logits is one row of a forward as a device hands it over: its best candidates and what it takes to
// normalise them, and where the whole row is, for the few samplers that reach beyond the candidates.
type Logits struct {
	IDs  []int32   // candidates: logit descending, then id ascending
	Top  []float32 // their logits
	Max  float32   // the greatest logit
	Z    float32   // sum over the vocabulary of exp((logit-Max)/temperature); temperature 0 counts as 1
	Rows Rows      // nil: the candidates are the whole vocabulary
	Row  int
}

// DraftSampler is the sampler for drafts: greedy under a greedy target, since every other choice only
// loses acceptance; else `over` where the user chose one, `recommended` where the checkpoint names one, and
// the target's own otherwise.
func DraftSampler(target Sampler, recommended, over *Sampler) Sampler {
	switch {
	case target.Temperature == 0:
		return target
	case over != nil:
		return *over
	case recommended != nil:
		return *recommended
	}
	return target
}

// finite reports logits that no distribution can be made of.
func (l *Logits) finite() error {
	m, z := float64(l.Max), float64(l.Z)
	if len(l.IDs) == 0 || math.IsNaN(m) || math.IsInf(m, 0) || math.IsNaN(z) || z <= 0 {
		return fmt.Errorf("the logits are not finite: greatest %v, normaliser %v over %d candidates", l.Max, l.Z, len(l.IDs))
	}
	return nil
}
