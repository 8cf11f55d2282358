package bank

import (
	"maps"

	"mtplx/sched/page"
)

// Reason says what came of looking a text up.
type Reason string

// The reasons.
const (
	Hit                Reason = "hit"
	NewSession         Reason = "new_session"                // nothing known begins alike
	PrefixDivergence   Reason = "prefix_divergence_at_token" // pages are known, but no checkpoint in them
	NoSnapshotCoverage Reason = "no_snapshot_coverage"       // all of it is known, but no checkpoint short of its end
	NoHeadHistory      Reason = "no_head_history"            // known from sessions that ran without the head
	Evicted            Reason = "evicted"
	Bypass             Reason = "bypass" // the request asked for it
)

// why explains a miss.
func (b *Bank) why(matched int, unheaded bool) Reason {
	switch {
	case unheaded:
		return NoHeadHistory
	case matched > 0 && matched/page.Tokens == len(b.path)-1:
		return NoSnapshotCoverage
	case matched > 0:
		return PrefixDivergence
	}
	for _, k := range b.path[1:] {
		if _, ok := b.gone[k]; ok {
			return Evicted
		}
	}
	return NewSession
}

// Stats is a picture of a bank.
type Stats struct {
	Checkpoints int   // places to resume at
	Pages       int   // pages held
	Bytes       int64 // of checkpoints
	PageBytes   int64 // of pages
	MaxBytes    int64
	MaxPages    int

	Hits       uint64
	Misses     map[Reason]uint64
	LastMiss   Reason
	Reused     uint64 // tokens that were not computed again
	Inserts    uint64
	Evictions  uint64
	Expired    uint64 // places to resume at that nobody used for long
	Disk       DiskStats
	DiskLoads  uint64
	DiskTokens uint64
}

func (b *Bank) count(r *Restored) {
	if r.State != nil {
		b.stats.Hits++
		b.stats.Reused += uint64(r.Tokens)
		return
	}
	b.stats.Misses[r.Reason]++
	b.stats.LastMiss = r.Reason
}

// Stats is what the bank holds and has done.
func (b *Bank) Stats() Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.expire()
	s := b.stats
	s.Misses = maps.Clone(b.stats.Misses)
	g := b.opt.Pool.Geometry()
	s.Checkpoints, s.Pages, s.Bytes = len(b.marks), b.pages, b.bytes
	s.PageBytes = int64(b.pages) * int64(g.Layers*g.PageBytes)
	s.MaxBytes, s.MaxPages = b.opt.Bytes, b.opt.Pages
	if b.opt.Disk != nil {
		s.Disk = b.opt.Disk.Stats()
	}
	return s
}
