package sched

// ClearBank forgets what the bank remembers, on disk too, and returns how many places to resume at that were; 0 without
// a bank. Sessions that run keep what they have resumed, and write the same text.
func (e *Engine) ClearBank() int {
	if e.env.Bank == nil {
		return 0
	}
	return e.env.Bank.Clear()
}

// ClearSession is ClearBank for what sessions with one Reuse.Session have left.
func (e *Engine) ClearSession(id string) int {
	if e.env.Bank == nil {
		return 0
	}
	return e.env.Bank.ClearSession(id)
}
