package constrain

// A builder collects the rules of a grammar as nondeterministic automata over bytes. Its methods take the state that
// a piece starts in and return, or are given, the state it ends in. The first error sticks.
type builder struct {
	heads []int32 // first edge of each state, -1 for none
	edges []nfaEdge
	rules []rule
	reps  []repetition
	err   error

	json  Whitespace
	most  int              // states of an automaton
	named map[string]int32 // rules by name
}

type edgeKind uint8

const (
	edgeEmpty edgeKind = iota // takes nothing
	edgeBytes                 // takes a byte of lo..hi
	edgeCall                  // takes a text of rule arg
	edgeRep                   // takes texts of repetition arg
)

type nfaEdge struct {
	kind   edgeKind
	lo, hi byte
	to     int32
	arg    int32
	next   int32
}

// A rule is one automaton: a text of it leads from start to end.
type rule struct {
	start, end int32
	path       string // for messages
	shared     int32  // positive: the same in every grammar of a compiler, and its number there
}

// A repetition is min to max texts of a rule, which is never empty, or one text of min to max characters. Its
// counter lives on the stack.
type repetition struct {
	rule     int32
	min, max int32
	kind     callKind
}

// unbounded stands for a repetition without an upper bound.
const unbounded = 1 << 30

func newBuilder(ws Whitespace, most int) *builder {
	return &builder{json: ws, most: most, named: map[string]int32{}}
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *builder) state() int32 {
	b.heads = append(b.heads, -1)
	return int32(len(b.heads) - 1)
}

func (b *builder) edge(from int32, e nfaEdge) {
	if b.err != nil {
		return
	}
	if len(b.edges) >= maxEdges*b.most {
		b.fail(tooLarge(b.where(), "", "the automaton takes too many edges", maxEdges*b.most, "simplify the schema, its enums or its patterns"))
		return
	}
	e.next = b.heads[from]
	b.edges = append(b.edges, e)
	b.heads[from] = int32(len(b.edges) - 1)
}

// where is the path of the newest rule, for messages about bounds.
func (b *builder) where() string {
	if len(b.rules) == 0 {
		return "#"
	}
	return b.rules[len(b.rules)-1].path
}

func (b *builder) empty(from, to int32) { b.edge(from, nfaEdge{kind: edgeEmpty, to: to}) }

func (b *builder) bytes(from int32, lo, hi byte, to int32) {
	b.edge(from, nfaEdge{kind: edgeBytes, lo: lo, hi: hi, to: to})
}

// ranges takes one byte of several ranges, given as pairs.
func (b *builder) ranges(from int32, pairs string, to int32) {
	for i := 0; i+1 < len(pairs); i += 2 {
		b.bytes(from, pairs[i], pairs[i+1], to)
	}
}

// text takes a fixed text and returns the state behind it.
func (b *builder) text(from int32, s string) int32 {
	for i := range len(s) {
		to := b.state()
		b.bytes(from, s[i], s[i], to)
		from = to
	}
	return from
}

// textTo takes a fixed text that ends in to.
func (b *builder) textTo(from int32, s string, to int32) {
	b.empty(b.text(from, s), to)
}

func (b *builder) call(from, rule, to int32) {
	b.edge(from, nfaEdge{kind: edgeCall, arg: rule, to: to})
}

// repeat takes least to most texts of a rule.
func (b *builder) repeat(from, rule, least, most int32, to int32) {
	if least == 0 {
		b.empty(from, to)
	}
	if most == 0 {
		return
	}
	kind := callRepeat
	if b.rules[rule].shared == sharedChar {
		kind = callChars
	}
	b.counted(from, repetition{rule, least, most, kind}, to)
}

func (b *builder) counted(from int32, r repetition, to int32) {
	b.reps = append(b.reps, r)
	b.edge(from, nfaEdge{kind: edgeRep, arg: int32(len(b.reps) - 1), to: to})
}

// addRule makes a rule without edges.
func (b *builder) addRule(path string) int32 {
	b.rules = append(b.rules, rule{start: b.state(), end: b.state(), path: path})
	return int32(len(b.rules) - 1)
}

// rule gives the rule of a name, and makes it with fill the first time.
func (b *builder) rule(name, path string, fill func(from, to int32)) int32 {
	if r, ok := b.named[name]; ok {
		return r
	}
	r := b.addRule(path)
	b.named[name] = r
	fill(b.rules[r].start, b.rules[r].end)
	return r
}
