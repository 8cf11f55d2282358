package sched

import "mtplx/stages"

// debts is what becomes of rows that lanes put off reading to the head: they are read once the lane drafts again or
// can put off no more, or never, when its session ends first.
type debts struct{ read, dropped float64 }

// debtMemory is how many rows the share that is paid rests on.
const debtMemory = 1 << 14

func (d *debts) pay(rows int) { d.add(float64(rows), 0) }

// drop books what a session that ends has left unread.
func (d *debts) drop(l *stages.Lane) {
	if l.Speculate && l.State != nil && l.Decoding() {
		d.add(0, float64(l.State.Len()-l.State.HeadLen()))
	}
}

func (d *debts) add(read, dropped float64) {
	d.read, d.dropped = d.read+read, d.dropped+dropped
	if n := d.read + d.dropped; n > debtMemory {
		d.read, d.dropped = d.read*debtMemory/n, d.dropped*debtMemory/n
	}
}

// share is the part of such rows that is read in the end, by what was seen.
func (d *debts) share() float64 {
	const trust = 256
	return (d.read + trust) / (d.read + d.dropped + trust)
}
