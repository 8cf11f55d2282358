package constrain

import (
	"fmt"
	"slices"
	"strings"
)

// Vocabulary is what the package must know of a tokenizer. It is asked once, by [NewCompiler].
type Vocabulary interface {
	// Size is the number of ids, those without a token included: the width of a row of logits.
	Size() int
	// Bytes is the text that a token adds, "" for special tokens and for ids without a token.
	Bytes(id int32) string
	// Ends are the tokens that end a text.
	Ends() []int32
	// Marker is the special token that models write for a marker such as "<tool_call>", if there is one; a
	// tokenizer in which such markers are ordinary tokens with bytes says false.
	Marker(text string) (id int32, ok bool)
}

// trie holds the tokens by their bytes, its nodes in preorder.
type trie struct {
	nodes   []trieNode // a last one beyond the end closes the ranges of tokens
	ids     []int32    // tokens in order of their bytes
	longest int        // bytes of the longest token

	text  string // bytes of all tokens
	spans []uint32

	words int // of a mask
}

type trieNode struct {
	skip  int32  // the first node that is not below
	first int32  // its tokens are ids[first:next node's first]
	depth uint16 // bytes from the root
	b     byte   // the last of them
}

// Texts never hold bytes of 0xf8 and more. A marker is spelled as two of them.
const (
	markerByte = 0xff
	notText    = 0xf8
)

// markers that formats may ask for.
var markers = [...]string{"<tool_call>", "</tool_call>"}

func markerText(i int) string { return string([]byte{markerByte, byte(notText + i)}) }

// newTrie reads a vocabulary. single tells which bytes are tokens by themselves.
func newTrie(v Vocabulary) (t *trie, marked []bool, single [256]bool, err error) {
	n := v.Size()
	if n < 1 || n > 1<<24 {
		return nil, nil, single, fmt.Errorf("make compiler: vocabulary has %d tokens, not 1 to %d", n, 1<<24)
	}
	texts := make([]string, n)
	for id := range n {
		s := v.Bytes(int32(id))
		if len(s) > maxTokenBytes {
			return nil, nil, single, fmt.Errorf("make compiler: token %d has %d bytes, more than the limit of %d", id, len(s), maxTokenBytes)
		}
		if hasNotText(s) {
			s = ""
		}
		texts[id] = s
	}
	for _, id := range v.Ends() {
		if id < 0 || int(id) >= n {
			return nil, nil, single, fmt.Errorf("make compiler: end token %d is not in a vocabulary of %d", id, n)
		}
		texts[id] = ""
	}
	marked = make([]bool, len(markers))
	for i, m := range markers {
		if id, ok := v.Marker(m); ok {
			if id < 0 || int(id) >= n || slices.Contains(v.Ends(), id) {
				return nil, nil, single, fmt.Errorf("make compiler: marker %q is token %d, which is no token of its own among %d", m, id, n)
			}
			texts[id], marked[i] = markerText(i), true
		}
	}
	t = &trie{words: (n + 63) / 64, spans: make([]uint32, n+1)}
	var text strings.Builder
	for id, s := range texts {
		t.longest = max(t.longest, len(s))
		text.WriteString(s)
		t.spans[id+1] = uint32(text.Len())
		if s == "" {
			continue
		}
		t.ids = append(t.ids, int32(id))
		if len(s) == 1 {
			single[s[0]] = true
		}
	}
	t.text = text.String()
	slices.SortStableFunc(t.ids, func(a, b int32) int { return strings.Compare(texts[a], texts[b]) })
	t.build()
	return t, marked, single, nil
}

// hasNotText tells whether a token holds a byte that no text has.
func hasNotText(s string) bool {
	for i := range len(s) {
		if s[i] >= notText {
			return true
		}
	}
	return false
}

// bytes is the text of a token.
func (t *trie) bytes(id int32) string { return t.text[t.spans[id]:t.spans[id+1]] }

// build makes the nodes from the sorted ids.
func (t *trie) build() {
	t.nodes = append(t.nodes, trieNode{})
	var open []int32 // nodes from the root to the last one
	open = append(open, 0)
	before := ""
	closeTo := func(depth int) {
		for len(open)-1 > depth {
			t.nodes[open[len(open)-1]].skip = int32(len(t.nodes))
			open = open[:len(open)-1]
		}
	}
	for i, id := range t.ids {
		s := t.bytes(id)
		same := 0
		for same < len(s) && same < len(before) && s[same] == before[same] {
			same++
		}
		closeTo(same)
		for k := same; k < len(s); k++ {
			open = append(open, int32(len(t.nodes)))
			t.nodes = append(t.nodes, trieNode{first: int32(i), depth: uint16(k + 1), b: s[k]})
		}
		before = s
	}
	closeTo(0)
	t.nodes[0].skip = int32(len(t.nodes))
	t.nodes = append(t.nodes, trieNode{first: int32(len(t.ids))})
}
