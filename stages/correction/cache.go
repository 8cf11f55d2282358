package correction

import (
	"fmt"
	"math/bits"
)

// Key is what makes two places the same. The depth of the draft is part of each.
type Key uint8

// The keys.
const (
	LocalPrefix   Key = iota // the text's last token and all drafts since
	SourceToken              // the token before
	PrimarySource            // the text's last token and the token before
)

var keyNames = [...]string{"local_prefix", "source_token", "primary_source"}

func (k Key) String() string { return keyNames[k] }

// ParseKey finds a key by name.
func ParseKey(name string) (Key, error) {
	for i, n := range keyNames {
		if n == name {
			return Key(i), nil
		}
	}
	return 0, fmt.Errorf("unknown key %q of the correction cache; known are local_prefix, source_token and primary_source", name)
}

// Options say what a cache learns. The zero value is no cache.
type Options struct {
	Key Key
	// Online learns from drafts that fall at least Least deep, Prompt from the prompt for drafts at least PromptLeast
	// deep; the first draft is 1 deep.
	Online, Prompt     bool
	Least, PromptLeast int
}

// Active tells whether there is anything to remember.
func (o *Options) Active() bool { return o.Online || o.Prompt }

// Validate names the first value that makes no sense, drafts being at most `deepest` deep.
func (o *Options) Validate(deepest int) error {
	for _, x := range []struct {
		name  string
		on    bool
		least int
	}{{"online", o.Online, o.Least}, {"prompt", o.Prompt, o.PromptLeast}} {
		if x.on && (x.least < 1 || x.least > deepest) {
			return fmt.Errorf("the %s correction cache begins at depth %d; give 1 to %d", x.name, x.least, deepest)
		}
	}
	if int(o.Key) >= len(keyNames) {
		return fmt.Errorf("key %d of the correction cache is none of the %d", o.Key, len(keyNames))
	}
	return nil
}

// Bytes is the most that a cache takes.
const Bytes = 8 * most

const (
	least = 1 << 8
	most  = 1 << 16
)

// place is an entry: part of its key's hash, and the token, plus one; 0 is none.
type place struct {
	tag   uint32
	token int32
}

// Cache is the corrections of one session.
type Cache struct {
	o       Options
	deepest int
	places  []place
}

// New makes a cache for a text that may come to have so many tokens, and drafts up to `deepest` deep.
func New(o Options, tokens, deepest int) *Cache {
	n := tokens
	if o.Prompt {
		n *= deepest - o.PromptLeast + 1
	}
	size := 1 << bits.Len(uint(max(min(2*n, most), least)-1))
	return &Cache{o: o, deepest: deepest, places: make([]place, size)}
}

// Read fills the cache from a prompt, where that is asked for.
func (c *Cache) Read(prompt []int32) {
	if !c.o.Prompt {
		return
	}
	for at := 1; at < len(prompt); at++ {
		for depth := c.o.PromptLeast - 1; depth < min(c.deepest, at); depth++ {
			root := at - 1 - depth
			c.put(c.hash(prompt[root], prompt[root+1:at]), prompt[at])
		}
	}
}

// Propose implements stages.Memory.
func (c *Cache) Propose(text, drafts []int32) (id int32, ok bool) {
	h := c.hash(text[len(text)-1], drafts)
	p := &c.places[h&uint64(len(c.places)-1)]
	if p.token == 0 || p.tag != uint32(h>>32) {
		return 0, false
	}
	return p.token - 1, true
}

// Learn implements stages.Memory.
func (c *Cache) Learn(text, drafts []int32, accepted int, next int32) {
	if !c.o.Online || accepted == len(drafts) || accepted+1 < c.o.Least {
		return
	}
	c.put(c.hash(text[len(text)-1], drafts[:accepted]), next)
}

func (c *Cache) put(h uint64, token int32) {
	c.places[h&uint64(len(c.places)-1)] = place{uint32(h >> 32), token + 1}
}

// hash is a place's key: root is the text's last token, drafts what was proposed since.
func (c *Cache) hash(root int32, drafts []int32) uint64 {
	h := mix(0x9e3779b97f4a7c15, int32(len(drafts)))
	source := root
	if n := len(drafts); n > 0 {
		source = drafts[n-1]
	}
	switch c.o.Key {
	case SourceToken:
		h = mix(h, source)
	case PrimarySource:
		h = mix(mix(h, root), source)
	case LocalPrefix:
		h = mix(h, root)
		for _, d := range drafts {
			h = mix(h, d)
		}
	}
	return h
}

func mix(h uint64, t int32) uint64 {
	h = (h ^ uint64(uint32(t))) * 0xff51afd7ed558ccd
	return h ^ h>>32
}
