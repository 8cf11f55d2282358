package constrain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

// Form says which fields of a [Spec] describe the text.
type Form uint8

const (
	// JSONObject is any JSON object.
	JSONObject Form = iota
	// JSONSchema is a JSON value that is valid for Schema.
	JSONSchema
	// Regex is a text that Pattern matches from beginning to end.
	Regex
	// Choice is one of Choices.
	Choice
	// ToolCall is a call of one of Tools, or several calls, in ToolFormat.
	ToolCall
)

// Spec describes a text.
type Spec struct {
	Form Form
	// Schema is a JSON schema: drafts 4 to 2020-12, as far as limits.go and the errors say.
	Schema []byte
	// Pattern is a regular expression in RE2 syntax. ^ and $ may be left out.
	Pattern string
	// Choices are texts, none of them special.
	Choices []string
	// Tools can be called: one of them, or, if Parallel is set, one or more calls behind each other. Under any
	// other Form, a text is either of that form or such calls.
	Tools      []Tool
	ToolFormat ToolFormat
	Parallel   bool
	// Lead is a text that may come first or be left out, such as the "\n\n" between reasoning and answer.
	Lead string
}

// Compiler makes grammars for one vocabulary, and keeps what they share. It is safe for concurrent use.
type Compiler struct {
	o      Options
	size   int
	trie   *trie
	marked []bool
	usable [256]bool
	ends   []int32
	over   *mask
	most   int // states of a grammar

	cache *cache
	ids   atomic.Int32

	mu     sync.Mutex
	recent []compiled // newest last
}

// compiled is a grammar by what it was compiled from.
type compiled struct {
	key string
	g   *Grammar
}

// keepGrammars and keepBytes bound what the compiler remembers: a client that sends the same tools with every
// request should not wait for the compiler each time.
const (
	keepGrammars = 64
	keepBytes    = 64 << 20
)

// NewCompiler reads a vocabulary, which takes some hundred milliseconds for 250,000 tokens.
func NewCompiler(v Vocabulary, o Options) (*Compiler, error) {
	if o.JSON > Indented || o.CacheBytes < 0 {
		return nil, fmt.Errorf("make compiler: options %+v have a value out of range", o)
	}
	t, marked, single, err := newTrie(v)
	if err != nil {
		return nil, err
	}
	c := &Compiler{o: o, size: v.Size(), trie: t, marked: marked, usable: single, most: maxStates}
	for b := range c.usable {
		c.usable[b] = c.usable[b] && b < notText
	}
	// A text that began with a token which is not a byte alone could otherwise not be finished.
	for b := byte(' '); b < 0x7f; b++ {
		if !single[b] {
			return nil, fmt.Errorf("make compiler: the vocabulary has no token for the byte %q alone; all of ASCII's printable ones are needed", b)
		}
	}
	for i := range markers {
		if marked[i] {
			c.usable[markerByte], c.usable[notText+i] = true, true
		}
	}
	c.ends = slices.Clone(v.Ends())
	slices.Sort(c.ends)
	c.ends = slices.Compact(c.ends)
	if len(c.ends) == 0 {
		return nil, errors.New("make compiler: the vocabulary has no token that ends a text")
	}
	c.over = &mask{few: c.ends}
	if o.CacheBytes == 0 {
		o.CacheBytes = 64 << 20
	}
	c.cache = newCache(o.CacheBytes)
	if err := c.warm(); err != nil {
		return nil, fmt.Errorf("make compiler: %w", err)
	}
	return c, nil
}

// Words is the length of a mask.
func (c *Compiler) Words() int { return c.trie.words }

func (c *Compiler) isEnd(id int32) bool {
	return slices.Contains(c.ends, id)
}

// ordinary tells whether a token has bytes of text.
func (c *Compiler) ordinary(id int32) bool {
	s := c.trie.bytes(id)
	return s != "" && s[0] != markerByte
}

// freeMask allows every ordinary token, and one more.
func (c *Compiler) freeMask(after int32) *mask {
	key := []int32{keyFree, after}
	if m, ok := c.cache.get(key).(*mask); ok {
		return m
	}
	set := make([]uint64, c.trie.words)
	for id := range int32(c.size) {
		if id == after || c.ordinary(id) {
			set[id>>6] |= 1 << (id & 63)
		}
	}
	m := &mask{dense: set}
	c.cache.put(key, m, 8*len(set))
	return m
}

// Compile makes the grammar of a text. Every error is an [*Error]: what was asked for cannot be held to, and the
// message says where and what to do.
func (c *Compiler) Compile(s *Spec) (*Grammar, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	key := s.key()
	if g := c.recall(key); g != nil {
		return g, nil
	}
	b := newBuilder(c.o.JSON, c.most)
	root := b.addRule(s.Form.field())
	from, to := b.rules[root].start, b.rules[root].end
	if s.Lead != "" {
		lead := b.state()
		b.empty(from, lead)
		b.textTo(from, s.Lead, lead)
		from = lead
	}
	if err := c.fill(b, s, from, to); err != nil {
		return nil, err
	}
	if s.Form != ToolCall && len(s.Tools) > 0 {
		if err := c.toolCalls(b, s, from, to); err != nil {
			return nil, err
		}
	}
	if b.err != nil {
		return nil, b.err
	}
	g := &Grammar{c: c, id: c.ids.Add(1)}
	var others []int32
	if r, ok := b.named["char"]; ok {
		others = append(others, r, b.named["string"])
	}
	if err := determinize(b, root, others, &c.usable, g); err != nil {
		return nil, err
	}
	if err := g.finish(b); err != nil {
		return nil, err
	}
	c.remember(key, g)
	return g, nil
}

// fill adds the text of a Spec to a builder.
func (c *Compiler) fill(b *builder, s *Spec, from, to int32) error {
	switch s.Form {
	case JSONObject:
		b.anyObject(from, to)
	case JSONSchema:
		t, err := parseTree(s.Schema, "#")
		if err != nil {
			return err
		}
		e := &emitter{b: b, r: newReader(t, c.o)}
		b.call(from, e.ruleOf(conj{t.root}, typeAny), to)
		e.finish()
	case Regex:
		p, err := parsePattern(s.Pattern, "Pattern", "", false)
		if err != nil {
			return err
		}
		b.addPattern(p, from, to, spellRaw)
	case Choice:
		for _, x := range s.Choices {
			b.textTo(from, x, to)
		}
	default:
		return c.toolCalls(b, s, from, to)
	}
	return nil
}

// check refuses a Spec by its form and size.
func (s *Spec) check() error {
	switch s.Form {
	case JSONObject, JSONSchema, Regex:
	case Choice:
		n := 0
		for i, x := range s.Choices {
			n += len(x)
			if !utf8.ValidString(x) {
				return &Error{Path: fmt.Sprintf("Choices[%d]", i), Problem: "is not valid UTF-8", Remedy: "send text in UTF-8"}
			}
		}
		if len(s.Choices) == 0 {
			return &Error{Path: "Choices", Problem: "is empty", Remedy: "give at least one"}
		}
		if n > maxInput {
			return tooLarge("Choices", "", fmt.Sprintf("the choices have %d bytes", n), maxInput, "give fewer")
		}
	case ToolCall:
	default:
		return &Error{Path: "Form", Problem: fmt.Sprintf("%d is none that is known", s.Form), Remedy: "use one of the constants"}
	}
	if len(s.Lead) > 64 || !utf8.ValidString(s.Lead) {
		return &Error{Path: "Lead", Problem: "has more than 64 bytes or is not valid UTF-8", Remedy: "use white space"}
	}
	if s.Form == ToolCall || len(s.Tools) > 0 {
		return s.checkTools()
	}
	return nil
}

// field is the field of Spec that the form is about, for messages.
func (f Form) field() string {
	switch f {
	case Regex:
		return "Pattern"
	case Choice:
		return "Choices"
	case ToolCall:
		return "Tools"
	default:
		return "#"
	}
}

// key is everything that a grammar depends on.
func (s *Spec) key() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %q", s.Form, s.Lead)
	switch s.Form {
	case JSONSchema:
		fmt.Fprintf(&b, " %d:%s", len(s.Schema), s.Schema)
	case Regex:
		fmt.Fprintf(&b, " %d:%s", len(s.Pattern), s.Pattern)
	case Choice:
		for _, x := range s.Choices {
			fmt.Fprintf(&b, " %d:%s", len(x), x)
		}
	default:
	}
	if len(s.Tools) > 0 {
		fmt.Fprintf(&b, " tools %d %t", s.ToolFormat, s.Parallel)
		for _, x := range s.Tools {
			fmt.Fprintf(&b, " %d:%s%d:%s", len(x.Name), x.Name, len(x.Parameters), x.Parameters)
		}
	}
	return b.String()
}

// recall looks for a grammar that was compiled not long ago.
func (c *Compiler) recall(key string) *Grammar {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, x := range slices.Backward(c.recent) {
		if x.key == key {
			c.recent = append(slices.Delete(c.recent, i, i+1), x)
			return x.g
		}
	}
	return nil
}

// remember keeps a grammar, and forgets those used longest ago.
func (c *Compiler) remember(key string, g *Grammar) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recent = append(c.recent, compiled{key, g})
	for {
		total := 0
		for _, x := range c.recent {
			total += len(x.key) + x.g.bytes()
		}
		if len(c.recent) <= 1 || len(c.recent) <= keepGrammars && total <= keepBytes {
			return
		}
		c.recent = slices.Delete(c.recent, 0, 1)
	}
}
