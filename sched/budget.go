package sched

import "slices"

// budget is what the cycle at hand may take where there are streams in it, in seconds.
type budget struct {
	streams float64 // what they take by themselves, as planned
	most    float64 // with what prompts and the reading of history add
	next    float64 // what may be added to the shortest cycle that may follow
	paid    int     // rows of streams' history that the head is to read in this one
	pace    pace
}

// pace is how long cycles are that streams have by themselves, lately, beside the shortest that so many could have: how
// many times as long, and how much longer. Neither holds on when texts grow or streams come and leave, but the lesser of
// the two does. What is planned counts, not what is measured: that is known for cycles with prompts, too, and free of a
// device's hiccups.
type pace struct {
	times, more [paceMemory]float64
	sorted      [paceMemory]float64
	n           int
}

// Of the last cycles, a tenth are longer than usual ones.
const (
	paceMemory = 64
	paceLeast  = 16 // cycles that are enough to tell
	paceRank   = 0.9
)

func (p *pace) observe(planned, shortest float64) {
	i := p.n % paceMemory
	p.times[i], p.more[i] = planned/shortest, planned-shortest
	p.n++
}

// usual is what nine of ten cycles do not exceed where the shortest takes so long; false where too few were seen.
func (p *pace) usual(shortest float64) (float64, bool) {
	if p.n < paceLeast {
		return 0, false
	}
	return min(shortest*p.ranked(&p.times), shortest+p.ranked(&p.more)), true
}

func (p *pace) ranked(of *[paceMemory]float64) float64 {
	x := p.sorted[:copy(p.sorted[:], of[:min(p.n, paceMemory)])]
	slices.Sort(x)
	return x[int(paceRank*float64(len(x)-1))]
}

// allow sets the budget of the cycle whose streams' plans are made: Stretch times what their cycles usually take, which
// is what nine of ten do not exceed. A latency is bounded by that of the longest cycles and not of the cycle at hand: a
// short one leaves much room for a prompt, and one that is long by itself next to none. Where more prompts than streams
// share the cycle, each prompt counts for what one would beside its share of streams: otherwise the first of many
// sessions that arrive together would hold up all others for as long as it writes.
func (e *Engine) allow(b *board) {
	g, n := &b.budget, len(b.streams)
	late := b.joining.streams.factor()
	plainest := late * b.planner.Plainest(n)
	g.streams, g.paid = late*b.planner.Seconds(b.plans, b.overlap.way == onward), 0
	beyond := (e.env.Stretch - 1) * max(1, float64(len(b.prompts))/float64(n))
	usual := g.streams
	if plainest > 0 && b.overlap.way != many {
		g.pace.observe(g.streams, plainest)
		if x, ok := g.pace.usual(plainest); ok {
			usual = x
		}
	}
	g.most, g.next = (1+beyond)*usual, beyond*plainest
}
