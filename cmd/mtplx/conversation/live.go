package conversation

import (
	"sync"

	"mtplx/stages"
)

// Progress is how far an answer is.
type Progress struct {
	Prompt, Read      int // tokens of the prompt, and how many of them the model has read
	Drafted, Accepted int // tokens that the head proposed, and how many of them stand
}

// Acceptance is the share of drafts that stand, and whether there are any.
func (p Progress) Acceptance() (share float64, known bool) {
	if p.Drafted == 0 {
		return 0, false
	}
	return float64(p.Accepted) / float64(p.Drafted), true
}

// Live follows the answer that an engine is writing. It is safe for concurrent use.
type Live struct {
	mu sync.Mutex
	p  Progress
}

// Observe is told of every cycle; see sched.Env.
func (l *Live) Observe(c *stages.Cycle) {
	for _, lane := range c.Lanes {
		p := Progress{Prompt: lane.Prompt, Read: lane.Prompt}
		if lane.State != nil {
			p.Read = min(lane.State.Len(), lane.Prompt)
		}
		for i := range lane.Stats.Drafted {
			p.Drafted += lane.Stats.Drafted[i]
			p.Accepted += lane.Stats.Accepted[i]
		}
		l.Set(p)
	}
}

// Set replaces the picture.
func (l *Live) Set(p Progress) {
	l.mu.Lock()
	l.p = p
	l.mu.Unlock()
}

// Progress is the picture now.
func (l *Live) Progress() Progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.p
}
