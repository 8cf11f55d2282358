package stages

import (
	"time"

	"mtplx/sched/page"
	"mtplx/stages/sample"
)

// Lane is one session on its way through cycles. The scheduler makes it and plans its share of
// each cycle; the stages read the plan and write the outcome.
type Lane struct {
	ID    uint64
	State *page.State

	// Text is the prompt and every token emitted so far. While decoding, the last of them, the
	// root, has not been forwarded: State.Len() == len(Text)-1.
	Text   []int32
	Prompt int // length of the prompt

	// How tokens are chosen. Draft and Target may differ; Rule and Seed decide the randomness.
	Target, Draft sample.Sampler
	Rule          sample.Rule
	Seed          uint64
	// Shaper and Constraint are nil for a lane without penalties, biases and grammar.
	Shaper     *sample.Shaper
	Constraint Constraint
	// Logprobs asks for the log probability of each emitted token, and of TopLogprobs others.
	Logprobs    bool
	TopLogprobs int
	// Memory and Reranker take over from the head's own draw where they are set and have a say; see there.
	Memory   Memory
	Reranker Reranker
	// Drift, where it is set, moves the head's output before it is fed back.
	Drift Drift
	// NoChain has the head asked for one draft at a time.
	NoChain bool
	// Mixed tells that several heads draft for the lane together.
	Mixed bool
	// Speculate is false for plain decoding: the head is then never run.
	Speculate bool

	// Found is what followed the end of Text where it occurred before, which the lane may copy.
	Found []int32

	// The plan of this cycle: prompt rows to forward (0 when decoding), how many tokens to draft, and
	// whether they are the first of Found instead of the head's.
	Chunk, Depth int
	Copying      bool
	// Ahead is how many drafts of the next cycle may be guessed while this one is verified. There is room for as many
	// rows past the verify's.
	Ahead int

	// Slice is how many rows of its history the head may read in this cycle where the lane wants no drafts, 0 for all that
	// there are. Pays has it read them before there is no more room to put them off.
	Slice int
	Pays  bool

	// The outcome: drafts and the distributions they were drawn from; the trunk's span; the
	// first of the forward's wanted rows that is this lane's; how many drafts stand, and the token
	// after them (-1 when a prompt is not through yet).
	Drafts   []int32
	Q        []sample.Dist
	By       []Source // of each draft, where the head was asked
	Span     page.Span
	FirstRow int
	Accepted int
	Next     int32
	// Foreseen tells that the first drafts were guessed while the cycle before was verified.
	Foreseen bool
	// Cut, where the head went on for another token than the one drawn, is the row of its span that the right one follows.
	Cut     int
	Strayed bool // it did so in this cycle
	Emitted int  // set by commit: how many of them became text
	// Logprob describes the accepted drafts and Next, where asked for.
	Logprob []sample.Logprob

	// HiddenBase is the position of the session's first trunk hidden row still on the device: that of position
	// p is row p-HiddenBase.
	HiddenBase int

	// Out is the session's delivery: commit writes it, nobody else.
	Out Delivery
	// Err ends the lane at commit. Finished is set by commit; the scheduler then releases it.
	Err      error
	Finished bool

	Guess Guess
	Stats Stats
	// P and Root are scratch of accept and verify.
	P    []sample.Dist
	Root []int32

	recent recent
	masker sample.Masker
	mask   []uint64
	tried  int
}

// Constraint is what a grammar allows at the end of a lane's text. It belongs to whoever holds the lane.
type Constraint interface {
	// Mask sets the bit of every token that may come next, and no other; dst has a bit for each token.
	Mask(dst []uint64)
	// Advance adds a token to the text; false, and no change, says that it may not come next.
	Advance(id int32) bool
	// Rollback takes the last n tokens back.
	Rollback(n int)
}

// Delivery is where commit puts a lane's tokens. Deliver must not block.
type Delivery interface {
	// Deliver takes the tokens emitted this cycle, of which the first `drafted` came from the
	// head, and says how many of them are part of the text and whether the session is over.
	Deliver(l *Lane, tokens []int32, drafted int) (emitted int, finished bool)
	// Full tells whether the session should sit out until its reader has caught up.
	Full() bool
	// Fail ends the session with an error.
	Fail(l *Lane, err error)
}

// Decoding tells whether the prompt is through.
func (l *Lane) Decoding() bool { return l.State.Len() >= l.Prompt }

// Stats is what a lane has seen.
type Stats struct {
	Cycles      int // cycles that decoded
	Verifies    int // verify forwards: cycles with at least one draft
	Drafted     []int
	Accepted    []int
	Bonus       int // tokens drawn after a full accept
	Corrections int // tokens drawn from a residual
	// Copied is how many tokens of the text itself were proposed, and CopiedAccepted how many of them
	// stood; Drafted and Accepted do not count them.
	Copied, CopiedAccepted int
	// Guesses is how often the head drafted for the next cycle while one was verified, and Foreseen how often that came
	// true and was used; the others were discarded.
	Guesses, Foreseen int
	// Followed is how many rows the head was let go on with for tokens that nobody had drawn yet, and Cut how often
	// another one was drawn.
	Followed, Cut int
	// BySource tells of the drafts in Drafted and Accepted, and of copies, who proposed them.
	BySource   Tally
	PromptTime time.Duration
	DraftTime  time.Duration
	VerifyTime time.Duration
	AcceptTime time.Duration
	CommitTime time.Duration
}

// Count books a cycle: `drafted` tokens were proposed, `accepted` of them stand, and `emitted` tokens
// became text. Drafts behind the end of a text count as never proposed, so that tokens add up: one a cycle
// without drafts, else accepted drafts, accepted copies, corrections and bonuses. Copied says that the tokens
// were copied from the text instead of drafted by the head; by is who proposed each otherwise.
func (s *Stats) Count(drafted, accepted, emitted int, copied bool, by []Source) {
	s.Cycles++
	if drafted == 0 {
		return
	}
	s.Verifies++
	ended := emitted <= accepted
	if ended {
		drafted, accepted = emitted, emitted
	}
	switch {
	case ended:
	case accepted == drafted:
		s.Bonus++
	default:
		s.Corrections++
	}
	if copied {
		s.Copied += drafted
		s.CopiedAccepted += accepted
		s.BySource.Proposed[FromText] += drafted
		s.BySource.Accepted[FromText] += accepted
		return
	}
	s.BySource.count(by, drafted, accepted)
	for len(s.Drafted) < drafted {
		s.Drafted = append(s.Drafted, 0)
		s.Accepted = append(s.Accepted, 0)
	}
	for i := range drafted {
		s.Drafted[i]++
		if i < accepted {
			s.Accepted[i]++
		}
	}
}
