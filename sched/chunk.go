package sched

import (
	"sort"

	"mtplx/stages/depth"
)

// firstChunk is the number of prompt rows that join running streams first, and the least that plans leave room for.
// Each of the next chunks is at most twice as large: what rows cost beside these streams shows before there are many.
const firstChunk = 2

// patience bounds what keeping the latency of streams may cost a prompt that joins them: rows are not so few that it
// takes more than this multiple of what it takes alone, even where each chunk has a price of its own.
const patience = 8

// joining is what is known of chunks beside streams.
type joining struct {
	last  int     // rows of the cycle before, 0 when it had no chunk beside streams
	error float64 // what chunks have lately added to forwards, as a multiple of what was expected; 0: nothing was seen
}

// Of the error, so much is of the last chunk; and no chunk counts for more than twice or less than half as dear.
const (
	latest    = 0.25
	mostError = 2
)

// observe books a forward with chunks beside streams, before its costs are booked. Costs are curves through chunks of
// all sizes, most of them large ones without company, and learn slowly, so as not to follow the noise of single
// forwards. That is too slow for a bound: the first chunks beside streams would exceed it.
func (j *joining) observe(costs *depth.Costs, streams, rows, prompts int, seconds float64) {
	expected := costs.Chunk.At(prompts)
	if streams == 0 || prompts == 0 || !costs.Verify.Known() || expected <= 0 {
		return
	}
	off := (seconds - costs.Verify.At(streams, rows)) / expected
	j.error = j.factor() + latest*(min(max(off, 1.0/mostError), mostError)-j.factor())
}

func (j *joining) factor() float64 {
	if j.error == 0 {
		return 1
	}
	return j.error
}

// chunk is how many prompt rows may join the streams, whose plans are made: as many as keep the cycle, by what forwards
// have cost, within Stretch of what it would take without them. Where more prompts than streams share the cycle, each
// prompt counts for what one would beside its share of streams: otherwise the first of many sessions that arrive
// together would hold up all others for as long as it writes.
//
// A head reads a prompt's rows in the cycle after the one that computed them. So what it is about to read counts here,
// and what it will read next must fit into the shortest cycle that may follow, one without drafts.
func (e *Engine) chunk(b *board, most int) int {
	c := &b.planner.Costs
	if most <= 0 {
		return 0
	}
	most = min(most, max(firstChunk, 2*b.joining.last))
	if !c.Chunk.Known() {
		return min(firstChunk, most)
	}
	adds := func(rows int) float64 { return b.joining.factor() * c.Chunk.At(rows) }
	unread, reads := 0, false
	for _, s := range b.prompts {
		if l := &s.lane; l.Speculate {
			unread += l.State.Len() - l.State.HeadLen()
			reads = true
		}
	}
	n := float64(len(b.streams))
	beyond := (e.env.Stretch - 1) * max(1, float64(len(b.prompts))/n)
	quiet := b.planner.Seconds(b.plans, b.overlap.way == onward)
	now, next := beyond*quiet, beyond*b.planner.Plainest(len(b.streams))
	reading := 0.0
	if unread > 0 {
		reading = c.Read.At(unread)
		now -= reading
	}
	fits := func(rows int) bool {
		return adds(rows) <= now && (!reads || c.Read.At(rows) <= next)
	}
	rows := sort.Search(most, func(i int) bool { return !fits(i + 1) })
	alone := patience * c.Chunk.At(e.env.Rows) / float64(e.env.Rows)
	moves := func(rows int) bool { return quiet+reading+adds(rows) <= alone*float64(rows) }
	if rows > 0 && moves(rows) {
		return rows
	}
	return max(min(1+sort.Search(most, func(i int) bool { return moves(i + 1) }), most), rows)
}
