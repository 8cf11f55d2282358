package cpu

// spans shares a line of `total` bytes out among workers, each a contiguous part, taken piece by piece from its
// front. Who is through with its own part takes pieces from the ends of the others': a worker that the system has
// taken its processor from for a while, or whose processor is slower, does not hold up the step.
//
// A worker's part is one word, the bounds of what is left of it in units of spanUnit, and whoever changes it from
// "lo, hi" to less owns the difference. Between two runs of a step all parts are empty, so that one who looks for
// work before the owner has begun finds none.
type spans struct {
	total int
	left  []line // by worker: lo<<32 | hi
}

const (
	spanUnit = 64
	// A piece is a quarter of what is left, within these bounds: small pieces at the end make it even, and a
	// piece costs half a microsecond until its first weights are there.
	leastPiece = 32 << 10 / spanUnit
	mostPiece  = 256 << 10 / spanUnit
)

func (s *spans) open(workers int) { s.left = make([]line, workers) }

// end is where worker t's part ends, and the next one's begins.
func (s *spans) end(t, n int) int {
	if t == n-1 {
		return s.total
	}
	return s.total / n * (t + 1)
}

// begin opens worker t's part of n.
func (s *spans) begin(t, n int) {
	lo, hi := s.total/n*t/spanUnit, s.end(t, n)/spanUnit
	if t == n-1 {
		hi = (s.total + spanUnit - 1) / spanUnit
	}
	s.left[t].v.Store(uint64(lo)<<32 | uint64(hi))
}

// next is the next piece for worker t, of its own part or of another's; false when there is none left. What is
// returned is in bytes.
func (s *spans) next(t int) (lo, hi int, ok bool) {
	for i := range s.left {
		w := (t + i) % len(s.left)
		v := &s.left[w].v
		for {
			old := v.Load()
			a, b := int(old>>32), int(uint32(old))
			if a >= b {
				break
			}
			n := min(b-a, max(leastPiece, min(mostPiece, (b-a)/4)))
			if i == 0 {
				if v.CompareAndSwap(old, uint64(a+n)<<32|uint64(b)) {
					return a * spanUnit, (a + n) * spanUnit, true
				}
			} else if v.CompareAndSwap(old, uint64(a)<<32|uint64(b-n)) {
				return (b - n) * spanUnit, b * spanUnit, true
			}
		}
	}
	return 0, 0, false
}
