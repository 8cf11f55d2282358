package cpu

import (
	"sync"
	"sync/atomic"
	"testing"
)

// Every unit is handed out once, whoever comes when, also when some workers never take anything but what others
// leave.
func TestSpansHandOutEverythingOnce(t *testing.T) {
	for _, total := range []int{0, 1, 63, 64, 65, 1000, 100 << 10, 3<<20 + 17} {
		for _, n := range []int{1, 2, 3, 7} {
			s := spans{total: total}
			s.open(n)
			for range 3 { // a step runs again and again
				taken := make([]atomic.Int32, (total+spanUnit-1)/spanUnit)
				var wg sync.WaitGroup
				for w := range n {
					wg.Go(func() {
						s.begin(w, n)
						for {
							lo, hi, ok := s.next(w)
							if !ok {
								return
							}
							if lo >= hi {
								t.Errorf("piece %d to %d", lo, hi)
							}
							for u := lo / spanUnit; u < hi/spanUnit; u++ {
								taken[u].Add(1)
							}
						}
					})
				}
				wg.Wait()
				for u := range taken {
					if got := taken[u].Load(); got != 1 {
						t.Fatalf("%d bytes, %d workers: unit %d was handed out %d times", total, n, u, got)
					}
				}
			}
		}
	}
}

// A worker that is through takes from the end of another's part, and what the other has taken stays its own.
func TestSpansTakeFromOthers(t *testing.T) {
	s := spans{total: 1 << 20}
	s.open(2)
	s.begin(0, 2)
	s.begin(1, 2)
	for {
		if lo, _, ok := s.next(1); !ok || lo < 1<<19 {
			if !ok || lo < 1<<19-mostPiece*spanUnit {
				t.Fatalf("the first piece of the other's part begins at %d, %v", lo, ok)
			}
			break
		}
	}
	if lo, _, ok := s.next(0); !ok || lo != 0 {
		t.Fatalf("the owner's next piece begins at %d, %v; want 0", lo, ok)
	}
}
