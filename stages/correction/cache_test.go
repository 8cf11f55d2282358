package correction

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// oracle is a cache by words: places are what the keys say, written out.
type oracle struct {
	o       Options
	deepest int
	tokens  map[string]int32
}

func (c *oracle) place(root int32, drafts []int32) string {
	source := root
	if n := len(drafts); n > 0 {
		source = drafts[n-1]
	}
	switch c.o.Key {
	case SourceToken:
		return fmt.Sprint(len(drafts), source)
	case PrimarySource:
		return fmt.Sprint(len(drafts), root, source)
	case LocalPrefix:
	}
	return fmt.Sprint(root, drafts)
}

func (c *oracle) read(prompt []int32) {
	for at := 1; c.o.Prompt && at < len(prompt); at++ {
		for depth := c.o.PromptLeast; depth <= c.deepest; depth++ {
			if root := at - depth; root >= 0 {
				c.tokens[c.place(prompt[root], prompt[root+1:at])] = prompt[at]
			}
		}
	}
}

func (c *oracle) learn(text, drafts []int32, accepted int, next int32) {
	if c.o.Online && accepted < len(drafts) && accepted+1 >= c.o.Least {
		c.tokens[c.place(text[len(text)-1], drafts[:accepted])] = next
	}
}

// Texts are short enough that no place displaces another here but by chance of one in hundreds, which the table's size
// is raised to rule out.
func TestTheLatestCorrectionOfAPlaceIsProposed(t *testing.T) {
	known, unknown := 0, 0
	for seed := range uint64(90) {
		rng := rand.New(rand.NewPCG(seed, 3))
		const deepest = 6
		o := Options{Key: Key(seed % 3), Online: rng.IntN(4) > 0, Prompt: rng.IntN(2) == 0, Least: 1 + rng.IntN(3), PromptLeast: 1 + rng.IntN(3)}
		c, want := New(o, most, deepest), oracle{o, deepest, map[string]int32{}}
		text := []int32{0}
		for range rng.IntN(60) {
			text = append(text, int32(rng.IntN(5)))
		}
		c.Read(text)
		want.read(text)
		for range 200 {
			drafts := make([]int32, rng.IntN(deepest))
			for i := range drafts {
				drafts[i] = int32(rng.IntN(5))
			}
			id, ok := c.Propose(text, drafts)
			wid, wok := want.tokens[want.place(text[len(text)-1], drafts)]
			if id != wid || ok != wok {
				t.Fatalf("seed %d, %+v: after %v and %v proposed %d %v, want %d %v", seed, o, text, drafts, id, ok, wid, wok)
			}
			if ok {
				known++
			} else {
				unknown++
			}
			accepted, next := rng.IntN(len(drafts)+1), int32(rng.IntN(5))
			c.Learn(text, drafts, accepted, next)
			want.learn(text, drafts, accepted, next)
			text = append(append(text, drafts[:accepted]...), next)
		}
	}
	if known < 1000 || unknown < 1000 {
		t.Errorf("%d places were known and %d not: that says too little", known, unknown)
	}
}

// What is behind the first draft that fell was drawn with randomness that its position will use again: it must not be
// learnt from.
func TestDraftsBehindTheOneThatFellTeachNothing(t *testing.T) {
	for _, key := range []Key{LocalPrefix, SourceToken, PrimarySource} {
		o := Options{Key: key, Online: true, Least: 1}
		a, b := New(o, 100, 8), New(o, 100, 8)
		a.Learn([]int32{1, 2}, []int32{3, 4, 5, 6}, 1, 9)
		b.Learn([]int32{1, 2}, []int32{3, 7, 8}, 1, 9)
		if slices.Equal(a.places, make([]place, len(a.places))) {
			t.Errorf("%v: nothing was learnt", key)
		}
		if !slices.Equal(a.places, b.places) {
			t.Errorf("%v: two cycles that differ behind the second draft taught different things", key)
		}
	}
}

func TestACacheTakesWhatItSaysAndAllocatesNothingMore(t *testing.T) {
	o := Options{Online: true, Prompt: true, Least: 1, PromptLeast: 1}
	c := New(o, 1<<20, 8)
	if 8*len(c.places) != Bytes {
		t.Errorf("a long text's cache takes %d bytes, not %d", 8*len(c.places), Bytes)
	}
	text, drafts := []int32{1, 2, 3}, []int32{4, 5, 6}
	if n := testing.AllocsPerRun(100, func() {
		c.Propose(text, drafts)
		c.Learn(text, drafts, 1, 7)
	}); n > 0 {
		t.Errorf("a cycle allocates %.2f times", n)
	}
}

func TestOptionsAreValidated(t *testing.T) {
	for name, o := range map[string]Options{
		"online correction cache begins at depth 0; give 1 to 8": {Online: true},
		"prompt correction cache begins at depth 9":              {Prompt: true, PromptLeast: 9},
		"key 7": {Key: 7},
	} {
		if err := o.Validate(8); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: error %v, want %q", o, err, name)
		}
	}
	if err := (&Options{}).Validate(8); err != nil {
		t.Error(err)
	}
	for i, n := range keyNames {
		if k, err := ParseKey(n); err != nil || k != Key(i) || k.String() != n {
			t.Errorf("ParseKey(%q) = %v, %v", n, k, err)
		}
	}
	if _, err := ParseKey("global"); err == nil {
		t.Error(`ParseKey("global") was accepted`)
	}
}
