package tokenizer

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// plainMerge is the definition: merge the pair of the lowest rank, the leftmost of equals, until there is none.
func plainMerge(t *Tokenizer, word string) []int32 {
	var ids []int32
	for i := range len(word) {
		ids = append(ids, t.byteID[word[i]])
	}
	for {
		at, best := -1, merge{rank: noMerge}
		for i := 0; i+1 < len(ids); i++ {
			if m := t.merges.get(ids[i], ids[i+1]); m.rank < best.rank {
				at, best = i, m
			}
		}
		if at < 0 {
			return ids
		}
		ids = slices.Replace(ids, at, at+2, best.into)
	}
}

// randomWord is n bytes that merge often: pieces of tokens, or few different letters.
func randomWord(rng *rand.Rand, t *Tokenizer, n int) string {
	var b strings.Builder
	for b.Len() < n {
		switch rng.IntN(3) {
		case 0:
			b.WriteString(t.Bytes(rng.Int32N(int32(t.Size()))))
		case 1:
			b.WriteByte("aeinost "[rng.IntN(8)])
		default:
			b.WriteByte(byte(rng.IntN(256)))
		}
	}
	return b.String()[:n]
}

func TestMergeOrder(t *testing.T) {
	tok := defaultTokenizer(t)
	rng := rand.New(rand.NewPCG(1, 2))
	check := func(word string) {
		t.Helper()
		want := plainMerge(tok, word)
		if len(word) > 1 && len(word) <= shortWord {
			if got := tok.mergeShort(nil, word); !slices.Equal(got, want) {
				t.Errorf("mergeShort(%q)\n got %v\nwant %v", word, got, want)
			}
		}
		if got := tok.mergeLong(nil, word); !slices.Equal(got, want) {
			t.Errorf("mergeLong(%q)\n got %v\nwant %v", word, got, want)
		}
		if got := tok.appendWord(nil, word); !slices.Equal(got, want) {
			t.Errorf("appendWord(%q)\n got %v\nwant %v", word, got, want)
		}
	}
	for n := 1; n < 3*shortWord; n++ {
		for range 4 {
			check(randomWord(rng, tok, n))
		}
		check(strings.Repeat("e", n))
		check(strings.Repeat(" ", n))
		check(strings.Repeat("in", n)[:n])
	}
	for _, n := range []int{500, 1000} {
		check(randomWord(rng, tok, n))
		check(strings.Repeat("=", n))
	}
}

// More words than the cache has slots push one another out; whoever asks gets the tokens of the word asked for.
func TestWordCacheUnderEviction(t *testing.T) {
	tok := defaultTokenizer(t)
	const goroutines, rounds = 4, cacheSlots
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(3, uint64(g%2))) // two each ask for the same words
			for range rounds {
				word := randomWord(rng, tok, 2+rng.IntN(5))
				got := tok.appendWord([]int32{-1}, word)
				if want := tok.mergeShort([]int32{-1}, word); !slices.Equal(got, want) {
					t.Errorf("appendWord(%q) = %v, want %v", word, got, want)
					return
				}
			}
		})
	}
	wg.Wait()
	used := 0
	for i := range tok.words.slots {
		if tok.words.slots[i].Load() != nil {
			used++
		}
	}
	if used < cacheSlots/2 {
		t.Errorf("%d of %d slots are used after %d words", used, cacheSlots, rounds)
	}
}

// A cached word must not keep the text alive that it was cut from, nor change with the caller's ids.
func TestWordCacheOwnsItsEntries(t *testing.T) {
	tok := defaultTokenizer(t)
	text := []byte("hello hello")
	ids := tok.Encode(nil, string(text), true)
	want := slices.Clone(ids)
	for i := range ids {
		ids[i] = -1
	}
	if got := tok.Encode(nil, string(text), true); !slices.Equal(got, want) {
		t.Errorf("Encode after its result was overwritten = %v, want %v", got, want)
	}
}

func TestMergeTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	table := newMergeTable(1000)
	want := map[[2]int32]merge{}
	for rank := range uint32(1000) {
		pair := [2]int32{rng.Int32N(60), rng.Int32N(60)}
		m := merge{rank, rng.Int32()}
		table.set(pair[0], pair[1], m)
		want[pair] = m
	}
	for l := range int32(61) {
		for r := range int32(61) {
			m, ok := want[[2]int32{l, r}]
			if !ok {
				m = merge{rank: noMerge}
			}
			if got := table.get(l, r); got != m {
				t.Errorf("merge of %d and %d is %v, want %v", l, r, got, m)
			}
		}
	}
	if table.count != len(want) {
		t.Errorf("the table counts %d merges, want %d", table.count, len(want))
	}
}
