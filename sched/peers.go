package sched

import "time"

// together tells whether all streams of the cycle came with its prompts and are to wait for them: sessions that arrive at
// once are read at full width until each has its first token, as if none of them wrote yet. A stream waits so for at most
// patience times as long as it has waited itself, by what the prompts' rows cost. Prompts that arrive at a stream that
// runs are bound by its budget, whoever else came with them.
func (e *Engine) together(b *board) bool {
	c := &b.planner.Costs
	if !c.Chunk.Known() {
		return false
	}
	rows := 0
	var last time.Time
	for _, s := range b.prompts {
		rows += s.lane.Prompt - s.lane.State.Len()
		if s.started.After(last) {
			last = s.started
		}
	}
	left := time.Duration(float64(rows) * c.Chunk.At(e.env.Rows) / float64(e.env.Rows) * float64(time.Second))
	now := time.Now()
	for _, s := range b.streams {
		if s.first.Before(last) || now.Add(left).Sub(s.first) > patience*s.first.Sub(s.started) {
			return false
		}
	}
	return true
}
