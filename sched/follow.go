package sched

import (
	"slices"

	"mtplx/sched/bank"
)

// leastFollow is how many tokens two prompts must share, beyond what is remembered, for one to wait until the
// other has computed them.
const leastFollow = 128

// follows tells whether a prompt that has not begun should wait, because another is about to compute the
// beginning that they share: many requests with one system prompt then compute it once. The other takes a
// checkpoint where they part. One waits only for prompts that have begun or came before it, so nobody waits
// in a circle, and each that is waited for goes on.
func (e *Engine) follows(b *board, s *Session) bool {
	if e.env.Bank == nil || s.reuse.Mode == bank.Off || s.lane.State.Len() > s.restored.Tokens {
		return false
	}
	for _, o := range b.prompts {
		if e.leads(o, s, false) {
			s.followed = true
			return true
		}
	}
	for _, o := range b.travelling {
		if e.leads(o, s, true) {
			s.followed = true
			return true
		}
	}
	if s.followed {
		s.followed = false
		e.reopen(b, s)
	}
	return false
}

// leads tells whether o is about to compute what s can use. A lane that travels is the stages': only what the
// loop itself knows of it is looked at.
func (e *Engine) leads(o, s *Session, travels bool) bool {
	begun := o.at > o.restored.Tokens
	if o == s || o.reuse.Mode == bank.Off || s.lane.Speculate && !o.lane.Speculate || !begun && o.lane.ID > s.lane.ID {
		return false
	}
	if p := o.pending; p != nil && s.followed && len(p.Tokens) >= s.restored.Tokens+leastFollow {
		return shared(p.Tokens, s.prompt) == len(p.Tokens) // it is remembered after the next cycle
	}
	at := min(shared(o.prompt, s.prompt), len(o.prompt)-1, len(s.prompt)-1)
	switch {
	case at < s.restored.Tokens+leastFollow, at < o.at:
		return false
	case at == o.at:
		return travels // it is on its way to where they part
	}
	if i, found := slices.BinarySearch(o.cuts, at); !found {
		o.cuts = slices.Insert(o.cuts, i, at)
	}
	return true
}

// shared is the length of the beginning that two texts share.
func shared(a, b []int32) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// reopen looks a prompt that has waited up once more.
func (e *Engine) reopen(b *board, s *Session) {
	s.lane.State.Release()
	s.lane.State = nil
	err := e.open(s)
	if err == nil {
		err = b.resume(s)
	}
	if err != nil {
		s.lane.Err = err
	}
}
