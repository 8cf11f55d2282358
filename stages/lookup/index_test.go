package lookup

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// naive is Find by comparing every place, the latest first.
func naive(text []int32, n, window int) (found []int32, match int) {
	at := 0
	for place := len(text) - 1; place >= max(Shortest, len(text)-window); place-- {
		if m := common(text, place, Longest); m >= Shortest && m > match {
			at, match = place, m
		}
	}
	if match == 0 {
		return nil, 0
	}
	match = common(text, at, Known)
	whole := slices.Clone(text)
	for i := range n {
		whole = append(whole, whole[at+i])
	}
	return whole[len(text):], match
}

// text repeats pieces of itself, with slips, over a small alphabet.
func repeating(rng *rand.Rand, n, alphabet int) []int32 {
	var text []int32
	for len(text) < n {
		if len(text) > 20 && rng.IntN(3) > 0 {
			from := rng.IntN(len(text) - 10)
			piece := slices.Clone(text[from : from+rng.IntN(min(40, len(text)-from))])
			if len(piece) > 0 && rng.IntN(2) == 0 {
				piece[rng.IntN(len(piece))] = int32(rng.IntN(alphabet))
			}
			text = append(text, piece...)
		} else {
			text = append(text, int32(rng.IntN(alphabet)))
		}
	}
	return text[:n]
}

func TestFindTakesTheLongestMatchOfThoseTheLatest(t *testing.T) {
	kinds := map[string]int{}
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 2))
		text := repeating(rng, 40+rng.IntN(160), 3+rng.IntN(60)) // no pair occurs more than Tries times
		x, start := New(len(text)), 1
		if rng.IntN(2) == 0 {
			start = 1 + rng.IntN(len(text)-1)
			x.Read(text[:start])
		}
		for end := start; end <= len(text); end += 1 + rng.IntN(4) {
			n := rng.IntN(10)
			found, match := x.Find(nil, text[:end], n)
			want, length := naive(text[:end], n, len(text)+8)
			if n == 0 {
				want, length = nil, 0
			}
			if !slices.Equal(found, want) || match != length {
				t.Fatalf("seed %d: after %v found %v (match %d), want %v (match %d)", seed, text[:end], found, match, want, length)
			}
			kinds[strconv.Itoa(min(match, Longest+1))]++
		}
	}
	for _, k := range []string{"0", "2", "5", "8", "9"} {
		if kinds[k] == 0 {
			t.Errorf("no match of length %s was tried: %v", k, kinds)
		}
	}
}

func TestARepeatingTextIsContinuedBeyondItsEnd(t *testing.T) {
	found, match := New(10).Find([]int32{9}, []int32{5, 1, 2, 3, 1, 2, 3, 1}, 5)
	if !slices.Equal(found, []int32{9, 2, 3, 1, 2, 3}) || match != 4 {
		t.Fatalf("found %v after a match of %d", found, match)
	}
}

// What is further back than the window is forgotten and nothing is taken for it.
func TestTheWindowBoundsWhatIsFound(t *testing.T) {
	const most = 64
	x := New(most) // less than the text comes to have
	rng := rand.New(rand.NewPCG(3, 4))
	text := repeating(rng, 4000, 40)
	hits := 0
	for end := 2; end <= len(text); end++ {
		found, match := x.Find(nil, text[:end], 6)
		want, length := naive(text[:end], 6, most)
		if !slices.Equal(found, want) || match != length {
			t.Fatalf("at %d found %v (match %d), want %v (match %d)", end, found, match, want, length)
		}
		if match > 0 {
			hits++
		}
	}
	if hits < 100 {
		t.Fatalf("only %d of %d ends were found again", hits, len(text))
	}
}

func TestAnIndexTakesWhatItSaysAndAllocatesNothingMore(t *testing.T) {
	if x := New(1 << 20); 4*(len(x.latest)+len(x.before)) != Bytes {
		t.Errorf("a long text's index takes %d bytes, not %d", 4*(len(x.latest)+len(x.before)), Bytes)
	}
	text := repeating(rand.New(rand.NewPCG(5, 6)), 3000, 30)
	x, dst, end := New(len(text)), make([]int32, 0, 8), 100
	if n := testing.AllocsPerRun(1000, func() {
		end++
		dst, _ = x.Find(dst[:0], text[:end], 8)
	}); n > 0 {
		t.Errorf("finding allocates %.2f times", n)
	}
}

func FuzzFind(f *testing.F) {
	f.Add([]byte("for x in range(10): for x in"), uint8(8))
	f.Add([]byte("aaaaaaaaaaaaaaaaaaaa"), uint8(3))
	f.Add([]byte{0, 0, 255, 255, 0, 0}, uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, n uint8) {
		if len(data) > Tries {
			data = data[:Tries]
		}
		text := make([]int32, len(data))
		for i, b := range data {
			text[i] = int32(b)
		}
		x := New(len(text))
		x.Read(text[:len(text)/2])
		found, match := x.Find(nil, text, int(n))
		want, length := naive(text, int(n), 2*Tries)
		if n == 0 {
			want, length = nil, 0
		}
		if !slices.Equal(found, want) || match != length {
			t.Fatalf("found %v (match %d), want %v (match %d)", found, match, want, length)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	text := repeating(rand.New(rand.NewPCG(7, 8)), 1<<15, 2000)
	x, dst, end := New(len(text)), make([]int32, 0, 8), 1000
	b.ReportAllocs()
	for b.Loop() {
		if end += 3; end > len(text) {
			end = 1000
			b.StopTimer()
			x = New(len(text))
			b.StartTimer()
		}
		dst, _ = x.Find(dst[:0], text[:end], 8)
	}
}
