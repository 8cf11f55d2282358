package draft

import (
	"math/bits"

	"mtplx/sched/page"
	"mtplx/stages"
	"mtplx/stages/sample"
)

// follow has the head go on after a lane's span for as many drafts as the lane wants besides. The tokens in between are
// drawn here all the same, in draw; rows for others are dropped, and the head is asked again from there on, since that
// takes what any draft took without: where it was wrong once in many thousand rows nothing better is worth its lines.
func (s *Stage) follow(l *stages.Lane, span *page.Span) {
	n := min(l.Depth-len(l.Drafts)-1, s.follows)
	if n < 1 || s.crowded || !l.Expectable() || !s.patient(len(span.Tokens), n) {
		return
	}
	span.Follow = n
	e := &span.Expect
	d, at := &l.Draft, int64(len(l.Text)+len(l.Drafts))
	*e = page.Expect{Race: l.Rule == sample.Coupled, Seed: l.Seed, Position: at, Purpose: uint32(sample.ForNoise), TopK: d.TopK, TopP: d.TopP, MinP: d.MinP}
	if e.Race || d.Temperature == 0 {
		return
	}
	s.u = s.u[:0]
	for i := range n {
		s.u = append(s.u, sample.Uniform(l.Seed, at+int64(i), sample.ForDraft))
	}
	e.U = s.u
}

// shapes bounds the shapes that are told apart, in rows of a span and in rows that follow it.
const shapes = 16

// patient counts what is wanted of a shape: a number of rows, as devices round it, with so many that follow.
func (s *Stage) patient(rows, n int) bool {
	w := &s.wanted[min(bits.Len(uint(rows-1)), shapes-1)][min(n, shapes-1)]
	if *w < s.Patience {
		*w++
		return false
	}
	return true
}

// drawFollowed draws what the rows of a forward give, for as long as they were for the tokens drawn.
func (s *Stage) drawFollowed() {
	for n := 0; ; n++ {
		i := 0 // of the lanes that have so many rows
		for k, l := range s.lanes {
			if !s.wants[k] || s.following[k].rows < n {
				continue
			}
			row := i
			if n > 0 {
				row = s.follower.Followed(n, i)
			}
			i++
			f := &s.following[k]
			if n > 0 && !f.right {
				continue
			}
			if n == 0 {
				s.watch(l, row)
			}
			drafts := len(l.Drafts)
			s.draw(l, row)
			if n == f.rows {
				continue
			}
			f.right = l.Err == nil && len(l.Drafts) > drafts && l.Drafts[drafts] == s.follower.Expected(row)
			if l.Stats.Followed++; !f.right {
				l.Stats.Cut++
				l.Cut, l.Strayed = n+1, true
			}
		}
		if i == 0 {
			return
		}
		s.followed = max(s.followed, n)
	}
}

// following is what follows a lane's span: how many rows, and whether they were right so far.
type following struct {
	rows  int
	right bool
}
