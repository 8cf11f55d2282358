package sched

import (
	"sort"

	"mtplx/stages/depth"
)

// firstChunk is the number of prompt rows that join running streams first, and the least that plans leave room for.
// Each of the next chunks is at most twice as large: what rows cost beside these streams shows before there are many.
const firstChunk = 2

// firstWarm is what joins first on a device that makes ready what it has not run before: with it a forward is as large as
// those that warm has run.
const firstWarm = 1 << (leastWarm - 1)

func (e *Engine) firstChunk() int {
	if e.env.Recorded != nil {
		return firstWarm
	}
	return firstChunk
}

// patience bounds what keeping the latency of streams may cost a prompt that joins them: rows are not so few that it
// takes more than this multiple of what it takes alone, even where each chunk has a price of its own.
const patience = 8

// joining is what is known of chunks beside streams. Costs are curves through forwards of all sizes and learn slowly, so
// as not to follow the noise of single ones. That is too slow for a bound, which has to hold in the few cycles that a
// prompt takes; so how far they are off lately is kept here.
type joining struct {
	last    int     // rows of the last chunk beside streams, 0 when streams have been by themselves since
	run     int     // cycles with chunks since one without
	added   lateral // of what chunks add to a forward
	streams lateral // of what streams take without
}

// lateral is a cost lately, as a multiple of what its curve says.
type lateral struct{ off float64 } // less 1

// Of what a lateral says, so much is of the last measurement, and none counts for more than twice or less than half.
const (
	lately = 0.25
	farOff = 2.0
)

func (x *lateral) factor() float64 { return 1 + x.off }

func (x *lateral) observe(seconds, expected float64) {
	if expected > 0 {
		x.off += lately * (min(max(seconds/expected, 1/farOff), farOff) - 1 - x.off)
	}
}

// breather is how many cycles in a row may have chunks. What streams take by themselves, which chunks are measured
// against, changes while a prompt loads: their texts grow. Without a cycle of theirs alone now and then, all that they
// take longer would be put down to the chunks.
const breather = 15

// observe books a forward before its costs are booked.
func (j *joining) observe(costs *depth.Costs, streams, rows, prompts int, seconds float64) {
	if streams == 0 || !costs.Verify.Known() {
		return
	}
	if prompts == 0 {
		j.streams.observe(seconds, costs.Verify.At(streams, rows))
		return
	}
	j.added.observe(seconds-j.streams.factor()*costs.Verify.At(streams, rows), costs.Chunk.At(prompts))
}

// rows books what the prompts beside streams, if there are any, were given.
func (j *joining) rows(joins bool, taken int) {
	switch j.run++; {
	case !joins:
		j.last, j.run = 0, 0
	case taken == 0:
		j.run = 0
	default:
		j.last = taken
	}
}

// chunk is how many prompt rows may join the streams, whose plans are made: as many as keep the cycle within the budget
// by what forwards have cost.
//
// A head reads a prompt's rows in the cycle after the one that computed them. So what it is about to read counts here,
// and what it will read next must fit into the shortest cycle that may follow, one without drafts.
func (e *Engine) chunk(b *board, most int) int {
	c, j, g := &b.planner.Costs, &b.joining, &b.budget
	if most <= 0 || j.run == breather {
		return 0
	}
	most = min(most, max(e.firstChunk(), 2*j.last))
	if !c.Chunk.Known() {
		return min(e.firstChunk(), most)
	}
	adds := func(rows int) float64 { return j.added.factor() * c.Chunk.At(rows) }
	unread, reads := b.unread()
	reading := 0.0
	if unread += g.paid; unread > 0 {
		reading = c.Read.At(unread)
	}
	now := g.most - g.streams - reading
	fits := func(rows int) bool {
		return adds(rows) <= now && (!reads || c.Read.At(rows) <= g.next)
	}
	rows := sort.Search(most, func(i int) bool { return !fits(i + 1) })
	alone := patience * c.Chunk.At(e.env.Rows) / float64(e.env.Rows)
	moves := func(rows int) bool { return g.streams+reading+adds(rows) <= alone*float64(rows) }
	if rows > 0 && moves(rows) {
		return rows
	}
	return max(min(1+sort.Search(most, func(i int) bool { return moves(i + 1) }), most), rows)
}

// unread is how many rows of prompts the head is about to read, and whether it will read what comes next.
func (b *board) unread() (rows int, reads bool) {
	for _, s := range b.prompts {
		if l := &s.lane; l.Speculate {
			rows += l.State.Len() - l.State.HeadLen()
			reads = true
		}
	}
	return rows, reads
}
