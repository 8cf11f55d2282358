package lookup

import "math/bits"

// Bounds of an index.
const (
	Shortest = 2       // tokens that must match
	Longest  = 8       // tokens beyond which the latest match is as good as any
	Known    = 32      // a match is measured up to this length
	Tries    = 256     // places that are compared
	Window   = 1 << 16 // tokens that an index remembers
	Bytes    = 8 * Window
)

// Index finds the end of a text in what is before it.
type Index struct {
	// A place is the position of the token that follows a pair; 0 is none. latest has, by the pair's hash, the latest
	// place; before has, by place modulo the window, the place before it with the same hash.
	latest, before []int32
	next           int // the first place that has not been added
}

// New makes an index for a text that may come to have so many tokens.
func New(tokens int) *Index {
	n := 1 << bits.Len(uint(max(min(tokens, Window), 2)-1))
	return &Index{latest: make([]int32, n), before: make([]int32, n), next: Shortest}
}

func (x *Index) slot(a, b int32) uint32 {
	h := (uint64(uint32(a))<<32 | uint64(uint32(b))) * 0x9e3779b97f4a7c15
	return uint32(h>>40) & uint32(len(x.latest)-1)
}

// Read adds what a text has gained. Find does so too; a long prompt is better read before its session holds others up.
func (x *Index) Read(text []int32) {
	x.next = max(x.next, len(text)-len(x.before)) // what is before it would be forgotten at once
	for ; x.next < len(text); x.next++ {
		s := x.slot(text[x.next-2], text[x.next-1])
		x.before[x.next&(len(x.before)-1)] = x.latest[s]
		x.latest[s] = int32(x.next)
	}
}

// Find appends to dst up to n tokens that followed the end of the text where it occurred before, and tells how many
// tokens match there, at most Known; none when nothing matches. A match that overlaps the end goes on into what it
// proposes, so that a text that repeats itself is continued.
func (x *Index) Find(dst, text []int32, n int) (found []int32, match int) {
	if len(text) < Shortest || n <= 0 {
		return dst, 0
	}
	x.Read(text)
	end, at := len(text), 0
	place := int(x.latest[x.slot(text[end-2], text[end-1])])
	for range Tries {
		if place == 0 || place <= x.next-1-len(x.before) {
			break
		}
		if m := common(text, place, Longest); m > match {
			if at, match = place, m; m == Longest {
				break
			}
		}
		place = int(x.before[place&(len(x.before)-1)])
	}
	if match < Shortest {
		return dst, 0
	}
	if match == Longest {
		match = common(text, at, Known)
	}
	from := len(dst)
	for i := range n {
		if at+i < end {
			dst = append(dst, text[at+i])
		} else {
			dst = append(dst, dst[from+at+i-end])
		}
	}
	return dst, match
}

// common is how many tokens before a place are the text's last, at most `most`.
func common(text []int32, place, most int) int {
	n := 0
	for n < min(most, place) && text[place-1-n] == text[len(text)-1-n] {
		n++
	}
	return n
}
