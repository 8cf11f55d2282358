package depth

import "testing"

func TestStreakClimbsAfterARunAndFallsAtOnce(t *testing.T) {
	s := NewStreak(3)
	if d := s.Depth(8); d != 1 {
		t.Fatalf("starts at %d, want 1", d)
	}
	for i := range 3 {
		s.Observe(1, 1)
		if d := s.Depth(8); d != 1 {
			t.Fatalf("after %d full accepts the depth is %d, want 1", i+1, d)
		}
	}
	s.Observe(1, 1)
	if d := s.Depth(8); d != 2 {
		t.Fatalf("after 4 full accepts the depth is %d, want 2", d)
	}
	if d := s.Depth(1); d != 1 {
		t.Fatalf("a limit of 1 gave %d", d)
	}
	for range 8 {
		s.Observe(2, 2)
		s.Depth(8)
	}
	if d := s.Depth(8); d != 3 {
		t.Fatalf("the depth is %d, want the most, 3", d)
	}
	s.Observe(3, 2) // lost beyond the first half
	if d := s.Depth(8); d != 3 {
		t.Fatalf("a late loss lowered the depth to %d", d)
	}
	s.Observe(3, 0)
	if d := s.Depth(8); d != 2 {
		t.Fatalf("an early loss left the depth at %d, want 2", d)
	}
}

func TestThresholdStopsWhereADraftIsNotWorthItsPrice(t *testing.T) {
	p := NewThreshold()
	// The bar is (4.8+6.0) ms * 40 * 1.1 = 0.475: after two drafts, 0.92*0.64*0.32 = 0.19 is below it.
	if d := p.Depth(8); d != 2 {
		t.Fatalf("depth %d, want 2", d)
	}
	for range 60 {
		p.Observe(3, 3)
	}
	if d := p.Depth(8); d != 8 {
		t.Fatalf("when everything stands the depth is %d, want the limit", d)
	}
	p = NewThreshold()
	p.Rates = []float64{0.9, 0.8, 0.68}
	// 0.9*0.8*0.68 = 0.49 stands above the bar for a middling draft, and below it after a doubtful one.
	if !p.Continue(2, 1, 0.5) || p.Continue(2, -3, 0) {
		t.Fatalf("goes on after a middling draft: %v, after a doubtful one: %v", p.Continue(2, 1, 0.5), p.Continue(2, -3, 0))
	}
	for range 60 {
		p.Observe(2, 0)
	}
	if d := p.Depth(8); d != 2 {
		t.Fatalf("the base of 2 is always drafted, got %d", d)
	}
}
