package depth

import "testing"

// crowded plays cycles of many lanes whose drafts stand so many tenths of the time, on a device whose rows cost as
// given. It returns how many cycles drafted at all, and how many tokens were proposed.
func crowded(p *Planner, lanes []*Lane, cycles int, row float64, stands int) (drafting, proposed int) {
	n := len(lanes)
	for i := range cycles {
		for _, l := range lanes {
			l.Limit = 8
		}
		p.Plan(lanes, 9*n)
		tokens, rows, some := n, n, false
		for j, l := range lanes {
			proposed += l.Depth
			some = some || l.Depth > 0
			rows += l.Depth
			stood := 0
			for stood < l.Depth && (i+j+stood)%10 < stands {
				stood++
			}
			tokens += stood
			if l.Depth > 0 {
				p.Observe(l, l.Depth, stood)
			}
		}
		if some {
			drafting++
		}
		seconds := 1e-3 + row*float64(rows-n)
		p.Costs.Verify.Observe(n, rows, seconds)
		p.Yield(n, tokens, seconds)
	}
	return drafting, proposed
}

// Where plain decoding yields far more, next to nothing is drafted: single lanes now and then, so that a change is
// noticed.
func TestPlainDecodingIsLeftAloneWhereItYieldsFarMore(t *testing.T) {
	for _, n := range []int{2, 16, 64} {
		for name, row := range map[string]float64{"dear rows": 1e-3, "drafts that never stand": 1e-4 / float64(n)} {
			p := NewPlanner([]float64{0.7, 0.6}, 8)
			p.Alone = true
			var lanes []*Lane
			for range n {
				lanes = append(lanes, p.NewLane(nil, true))
			}
			stand := 7
			if row < 1e-3 {
				stand = 0
			}
			crowded(p, lanes, 1000, row, stand)
			drafting, proposed := crowded(p, lanes, 4000, row, stand)
			if drafting == 0 || drafting > 120 || proposed > 250+20*n {
				t.Errorf("%s, %d lanes: %d of 4000 cycles draft %d tokens; want next to none", name, n, drafting, proposed)
			}
			if stand > 0 {
				continue
			}
			crowded(p, lanes, 8000, row, 10)
			if drafting, _ = crowded(p, lanes, 1000, row, 10); drafting < 900 {
				t.Errorf("%d lanes: drafts have come to stand, and %d of 1000 cycles draft", n, drafting)
			}
		}
	}
}

// A check of a plan of many lanes is several plain cycles, and what the first of them take, right after drafts, is booked
// nowhere; nor is it when a plan is left.
func TestChecksWaitUntilPlainCyclesAreUsual(t *testing.T) {
	p := NewPlanner([]float64{0.9, 0.9}, 2)
	p.Alone = true
	p.Costs.ObserveFurther(16, []int{1, 2, 3}, []float64{1, 1.3, 1.6})
	p.Costs.Verify.Observe(1, 1, 0.5)
	lanes := make([]*Lane, 16)
	for i := range lanes {
		lanes[i] = p.NewLane(nil, true)
	}
	plain, drafted, runs := 0, false, []int{}
	for range 3000 {
		for _, l := range lanes {
			l.Limit = 2
		}
		p.Plan(lanes, 64)
		rows := loadOf(lanes).rows
		switch {
		case rows == 16:
			plain++
		case drafted && plain > 0:
			runs = append(runs, plain)
			fallthrough
		default:
			plain, drafted = 0, true
		}
		if want := rows == 16 && plain <= unsettling && drafted; p.Unsettled() != want {
			t.Fatalf("plain cycle %d after drafts, unsettled: %v, want %v", plain, p.Unsettled(), want)
		}
		took := 0.7 + 0.3*float64(rows)/16
		before := p.plain[16].plains.n
		if !p.Unsettled() {
			p.Costs.Verify.Observe(16, rows, took)
		}
		for _, l := range lanes {
			p.Observe(l, l.Depth, l.Depth)
		}
		p.Yield(16, rows, took)
		if after := p.plain[16].plains.n; p.Unsettled() && after != before {
			t.Fatalf("plain cycle %d after drafts was booked", plain)
		}
	}
	if len(runs) < 2 {
		t.Fatalf("%d checks in 3000 cycles", len(runs))
	}
	for _, n := range runs {
		if n != checkFor {
			t.Errorf("a check of %d plain cycles, want %d", n, checkFor)
		}
	}
}
