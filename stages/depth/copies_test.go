package depth

import "testing"

// priced is a planner whose forwards cost so many seconds: a verify's row, on top of 10 ms, and each step of the head.
func priced(row, step float64) *Planner {
	p := NewPlanner([]float64{0.7, 0.6, 0.5, 0.4}, 8)
	for range 20 {
		for lanes := 1; lanes <= 4; lanes++ {
			for rows := lanes; rows <= 9*lanes; rows++ {
				p.Costs.Verify.Observe(lanes, rows, 0.010+row*float64(rows-lanes))
			}
			p.Costs.First.Observe(lanes, step)
			p.Costs.Chain.Observe(lanes, step)
			p.Costs.Bare.Observe(lanes, step/16)
			p.Costs.Rest.Observe(lanes, 1e-5)
		}
	}
	return p
}

// found gives a lane n tokens to copy after a match.
func found(l *Lane, limit, match, n int) *Lane {
	l.Limit, l.Match, l.Copies = limit, match, n
	return l
}

func TestLongMatchesThatStandAreCopied(t *testing.T) {
	p := priced(0.0002, 0.002)
	l := p.NewLane(nil, true)
	for range 20 {
		p.ObserveCopies(l, 20, 8, 8)
	}
	p.Plan([]*Lane{found(l, 8, 20, 8)}, 16)
	if !l.Copying || l.Depth != 8 {
		t.Fatalf("copying %t, depth %d; want 8 copied", l.Copying, l.Depth)
	}
	p.Plan([]*Lane{found(l, 8, 20, 8)}, 6)
	if !l.Copying || l.Depth != 5 {
		t.Errorf("copying %t, depth %d where the forward has 6 rows", l.Copying, l.Depth)
	}
	p.Plan([]*Lane{found(l, 8, 0, 0)}, 16)
	if l.Copying {
		t.Error("nothing was found, and it is copied")
	}
}

// What a text does after short matches says nothing of what it does after long ones.
func TestMatchesThatMislead(t *testing.T) {
	p := priced(0.0002, 0.0005)
	l := p.NewLane(nil, false)
	for range 40 {
		p.ObserveCopies(l, 2, 8, 0)
		p.ObserveCopies(l, 20, 8, 8)
	}
	if p.Plan([]*Lane{found(l, 8, 2, 8)}, 16); l.Copying {
		t.Errorf("%d tokens are copied after a match that never leads further", l.Depth)
	}
	if p.Plan([]*Lane{found(l, 8, 20, 8)}, 16); !l.Copying {
		t.Error("a match that always leads further is not copied")
	}
	fresh := p.NewLane(nil, false)
	if p.Plan([]*Lane{found(fresh, 8, 20, 8)}, 16); !fresh.Copying {
		t.Error("a new lane does not learn from the others")
	}
}

// What was found is compared with the text also while the head drafts, so that copying is tried once it would pay.
func TestCopiesAreLearnedOfWithoutBeingTried(t *testing.T) {
	p := priced(0.0002, 0.002)
	l := p.NewLane(nil, true)
	if p.Plan([]*Lane{found(l, 8, 2, 8)}, 16); l.Copying {
		t.Fatal("a first short match is copied at once")
	}
	for range 60 {
		p.ObserveCopies(l, 2, 3, 3)
	}
	if p.Plan([]*Lane{found(l, 8, 2, 8)}, 16); !l.Copying {
		t.Error("short matches that always lead further are not copied")
	}
}

// Without anything found, as with --lookup off, plans are those of a planner that knows of no copies, whatever was seen
// of copies before: of one lane, and of many whose plans are held against plain decoding.
func TestPlansWithoutMatchesAreTheHeads(t *testing.T) {
	for _, n := range []int{1, 2, 7} {
		with, without := priced(0.0004, 0.001), priced(0.0004, 0.001)
		with.Alone, without.Alone = true, true
		var a, b []*Lane
		for range n {
			a, b = append(a, with.NewLane(nil, true)), append(b, without.NewLane(nil, true))
		}
		for _, l := range a {
			with.ObserveCopies(l, 20, 8, 8)
		}
		drafting := 0
		for i := range 1200 {
			for j := range n {
				found(a[j], 8, 0, 0)
				b[j].Limit = 8
			}
			with.Plan(a, 16*n)
			without.Plan(b, 16*n)
			tokens, rows := n, 0
			for j := range n {
				if (i+j)%3 == 0 {
					with.ObserveCopies(a[j], 5, 4, i%5)
				}
				d := b[j].Depth
				if a[j].Depth != d || a[j].Copying {
					t.Fatalf("%d lanes, cycle %d, lane %d: depth %d, copying %t; the head alone %d", n, i, j, a[j].Depth, a[j].Copying, d)
				}
				stood := d * ((i + j) % 4) / 4
				tokens, rows = tokens+stood, rows+d
				with.Observe(a[j], d, stood)
				without.Observe(b[j], d, stood)
			}
			if rows > 0 {
				drafting++
			}
			seconds := 0.010 + 0.001*float64(rows)*float64(1+i/400) // rows become dearer
			with.Yield(n, tokens, seconds)
			without.Yield(n, tokens, seconds)
			if got, want := with.Looks(n), without.Looks(n); got != want {
				t.Fatalf("%d lanes, cycle %d: looks %t, without copies %t", n, i, got, want)
			}
		}
		if drafting == 0 || n > 1 && drafting == 1200 {
			t.Errorf("%d lanes: %d of 1200 cycles draft, so that the plans had no choice to differ in", n, drafting)
		}
	}
}

// Lanes that copy and lanes that draft share a forward, and its rows.
func TestLanesThatCopyAndLanesThatDraft(t *testing.T) {
	p := priced(0.0002, 0.002)
	copies, drafts, plain := p.NewLane(nil, true), p.NewLane(nil, true), p.NewLane(Fixed(0), true)
	for range 30 {
		p.ObserveCopies(copies, 32, 8, 8)
		p.Observe(drafts, 4, 4)
	}
	lanes := []*Lane{found(copies, 8, 32, 8), found(drafts, 8, 0, 0), found(plain, 0, 0, 0)}
	for rows := 3; rows < 24; rows++ {
		p.Plan(lanes, rows)
		if n := copies.Depth + drafts.Depth + plain.Depth; n > rows-3 {
			t.Fatalf("%d drafts of three lanes in %d rows", n, rows)
		}
	}
	if !copies.Copying || copies.Depth < 6 || drafts.Copying || drafts.Depth == 0 || plain.Depth > 0 {
		t.Errorf("copying %t %d, drafting %t %d, plain %d", copies.Copying, copies.Depth, drafts.Copying, drafts.Depth, plain.Depth)
	}
}

func TestPlanningCopiesAllocatesNothing(t *testing.T) {
	p := priced(0.0002, 0.002)
	lanes := []*Lane{p.NewLane(nil, true), p.NewLane(nil, true)}
	step := func() {
		for _, l := range lanes {
			found(l, 8, 9, 8)
		}
		p.Plan(lanes, 18)
		for _, l := range lanes {
			p.ObserveCopies(l, 9, 8, 5)
			p.Observe(l, 8, 3)
		}
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(100, step); n > 0 {
		t.Errorf("a plan with copies allocates %.2f times", n)
	}
}

// Many lanes whose plans yield less than their rows cost, though by what forwards were seen to cost they pay, soon
// decode plainly, whether the head or the text itself proposes; where copies do pay, they stay.
func TestPlansOfManyLanesMustYieldWhatTheyPromise(t *testing.T) {
	for name, c := range map[string]struct {
		step     float64 // seconds of a step of the head, as they were measured
		row      float64 // seconds of a proposed row, in truth
		low, up  float64 // bounds of the part of cycles that propose anything
		ofCopies bool    // and most of that is copied
	}{
		"dear rows":             {1, 0.01, 0, 0.15, false},
		"dear rows, cheap head": {0.0001, 0.01, 0, 0.15, false},
		"cheap rows":            {1, 0.0001, 0.85, 1, true},
	} {
		p := priced(0.00005, c.step)
		p.Alone = true
		lanes := []*Lane{p.NewLane(nil, true), p.NewLane(nil, true)}
		for range 30 {
			p.ObserveCopies(lanes[0], 20, 8, 4)
		}
		proposing, copying := 0, 0
		const cycles = 600
		for range cycles {
			for _, l := range lanes {
				found(l, 8, 20, 8)
			}
			p.Plan(lanes, 32)
			tokens, rows := 2, 0
			for _, l := range lanes {
				tokens, rows = tokens+min(l.Depth, 4), rows+l.Depth
			}
			if rows > 0 {
				proposing++
			}
			if lanes[0].Copying || lanes[1].Copying {
				copying++
			}
			p.Yield(2, tokens, 0.010+c.row*float64(rows))
		}
		if part := float64(proposing) / cycles; part < c.low || part > c.up {
			t.Errorf("%s: something is proposed in %.2f of the cycles, want %.2f to %.2f", name, part, c.low, c.up)
		}
		if c.ofCopies && copying < proposing*8/10 {
			t.Errorf("%s: copies in %d of the %d cycles that propose something", name, copying, proposing)
		}
	}
}

// However many lanes there are, those that may copy do where that pays.
func TestVeryManyLanesCopy(t *testing.T) {
	const n = 256
	p := priced(0.00001, 1)
	var lanes []*Lane
	for range n {
		lanes = append(lanes, p.NewLane(nil, true))
	}
	for range 30 {
		p.ObserveCopies(lanes[0], 20, 8, 8)
	}
	for i, l := range lanes {
		found(l, 8, 20, i%2*8)
	}
	p.Plan(lanes, 5*n)
	rows := n
	for i, l := range lanes {
		rows += l.Depth
		if l.Copying != (i%2 == 1) {
			t.Fatalf("lane %d of %d: copying %t", i, n, l.Copying)
		}
	}
	if rows != 5*n {
		t.Errorf("%d rows are planned of %d", rows, 5*n)
	}
}
