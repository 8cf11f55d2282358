package stages

import "mtplx/stages/sample"

// Source is who proposed a draft.
type Source uint8

// The sources of drafts.
const (
	FromHead     Source = iota // drawn from the head's distribution
	FromMemory                 // recalled instead
	FromRanks                  // chosen out of the head's best candidates
	FromAdapters               // drawn from a distribution that adapters of the head take part in
	FromText                   // copied from the text itself
	sources
)

var sourceNames = [sources]string{"head", "correction_cache", "reranker", "adapters", "copy"}

func (s Source) String() string { return sourceNames[s] }

// Memory names tokens to propose in place of the head's. A proposal was certain to be made, so its q has one point,
// whatever the memory holds. What it learns from is judged drafts only: a draft behind the first one that fell was
// drawn with randomness that its position will use again, and a proposal must not depend on that.
//
// A memory belongs to one lane. Two sessions with one seed share their randomness, so that what one was taught would
// tell the other how its own drafts will be judged.
type Memory interface {
	// Propose names what follows the text and the drafts made so far, if it knows.
	Propose(text, drafts []int32) (id int32, ok bool)
	// Learn is told what became of drafts behind a text: the first `accepted` stand, next comes after them.
	Learn(text, drafts []int32, accepted int, next int32)
}

// Reranker chooses a draft out of the head's best candidates, with certainty: its q has one point. It belongs to one
// lane, for the reason given at Memory.
type Reranker interface {
	// Covers tells whether it wants to see the candidates of a depth (0 is the first draft), and how many.
	Covers(depth int) (candidates int)
	// Choose takes one of q; not ok leaves the draw as it would be without it.
	Choose(depth int, q *sample.Dist) (id int32, ok bool)
	// Learn is told what became of the cycle's drafts, as Memory's is.
	Learn(drafts []int32, accepted int, next int32)
}

// learn tells what proposes for the lane how its drafts were judged. Copies of the text say nothing of the head.
func (l *Lane) learn() {
	if l.Copying || len(l.Drafts) == 0 {
		return
	}
	if l.Memory != nil {
		l.Memory.Learn(l.Text, l.Drafts, l.Accepted, l.Next)
	}
	if l.Reranker != nil {
		l.Reranker.Learn(l.Drafts, l.Accepted, l.Next)
	}
}

// Tally counts the drafts that each source proposed, and those of them that stood.
type Tally struct{ Proposed, Accepted [sources]int }

// Add counts what another tally has counted, too.
func (s *Tally) Add(t *Tally) {
	for i := range t.Proposed {
		s.Proposed[i] += t.Proposed[i]
		s.Accepted[i] += t.Accepted[i]
	}
}

// Others is how many of the head's places came from elsewhere than its own draw, or how many of those stood. Copies are
// made without the head.
func (s Tally) Others(accepted bool) (n int) {
	of := s.Proposed
	if accepted {
		of = s.Accepted
	}
	for _, x := range of[FromHead+1 : FromText] {
		n += x
	}
	return n
}

func (s *Tally) count(by []Source, drafted, accepted int) {
	for i, from := range by[:min(drafted, len(by))] {
		s.Proposed[from]++
		if i < accepted {
			s.Accepted[from]++
		}
	}
}
