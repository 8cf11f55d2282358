package stages

import "mtplx/stages/sample"

// Follower is a head that can go on by itself, several rows in one run, for the tokens that its device expects to be
// drawn; see Span.Follow.
type Follower interface {
	// Follows is the most rows that may follow a span; 0 says that none can.
	Follows() int
	// Followed is where Top and Logits find the n-th row after its span, of the i-th of the lanes that have so many.
	Followed(n, i int) int
	// Expected is the token that the row after the given one was forwarded for.
	Expected(row int) int32
}

// candidates is how many of a row's best tokens a device draws from.
const candidates = 64

// Expectable tells whether a device can expect the lane's drafts: nothing but the head's logits has a say in them, and
// the sampler keeps few enough tokens, as a rule. A lane that was disappointed often is left alone.
func (l *Lane) Expectable() bool {
	s, st := &l.Draft, &l.Stats
	wide := s.Temperature > 0 && l.Rule != sample.Coupled && s.TopP >= 1 && s.MinP == 0 && (s.TopK == 0 || s.TopK > candidates)
	return !l.NoChain && l.Foreseeable() && !wide && (st.Cut <= leastCut || st.Cut*mostCut <= st.Followed)
}

// A lane is left alone once more than one in mostCut rows was for another token than the one drawn, but not before
// leastCut of them were.
const (
	leastCut = 4
	mostCut  = 8
)
