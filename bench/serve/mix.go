package serve

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"

	"mtplx/bench/suites"
)

// Mixes are the workloads there are.
var Mixes = []string{"random", "shared-prefix", "multi-turn", "sharegpt-like"}

// Workload says what is asked. Lengths are in tokens.
type Workload struct {
	Mix      string
	Requests int
	Input    int // of each question; sharegpt-like takes the suites' own
	Output   int // of each answer; sharegpt-like draws about it
	Prefix   int // what all conversations of shared-prefix begin with
	Turns    int // questions of a conversation of multi-turn
	Seed     uint64
}

// Turn is one question.
type Turn struct {
	Text   string
	Output int    // most tokens of the answer
	Seed   uint64 // of its randomness; no two requests of a plan have the same
}

// Conversation is asked turn by turn, each with all that was said before.
type Conversation struct {
	System string
	Turns  []Turn
}

// Plan makes the conversations of one run. The same workload and number of the run give the same plan; other runs
// ask other questions. perWord is how many tokens a word of the plan takes on the server, about.
func Plan(w Workload, run int, perWord float64) ([]Conversation, error) {
	if w.Requests < 1 || w.Output < 1 {
		return nil, fmt.Errorf("plan workload: %d requests of %d tokens", w.Requests, w.Output)
	}
	p := planner{Workload: w, run: uint64(run), perWord: max(perWord, 0.01)}
	var err error
	if p.vocabulary, err = words(); err != nil {
		return nil, err
	}
	switch w.Mix {
	case "random":
		return p.conversations(1, func(i int) string { return "" }), nil
	case "shared-prefix":
		prefix := p.text(p.key(^0), w.Prefix)
		return p.conversations(1, func(int) string { return prefix }), nil
	case "multi-turn":
		return p.conversations(max(w.Turns, 1), func(int) string { return "" }), nil
	case "sharegpt-like":
		return p.shareGPT()
	}
	return nil, fmt.Errorf("unknown mix %q; known are %s", w.Mix, strings.Join(Mixes, ", "))
}

type planner struct {
	Workload
	run        uint64
	perWord    float64
	vocabulary []string
}

// key is the randomness of request i, which depends on nothing else.
func (p *planner) key(i int) *rand.Rand {
	return rand.New(rand.NewPCG(p.Seed^p.run<<48, uint64(i)))
}

func (p *planner) text(r *rand.Rand, tokens int) string {
	var b strings.Builder
	for i := range max(int(math.Round(float64(tokens)/p.perWord)), 1) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(p.vocabulary[r.IntN(len(p.vocabulary))])
	}
	return b.String()
}

// seed is request i's own, of 31 bits: servers differ in what they take.
func (p *planner) seed(i int) uint64 {
	return (p.key(-2).Uint64()>>34 + uint64(i)) & (1<<31 - 1)
}

func (p *planner) conversations(turns int, system func(int) string) []Conversation {
	var all []Conversation
	for i := range p.Requests {
		if i%turns == 0 {
			all = append(all, Conversation{System: system(len(all))})
		}
		c := &all[len(all)-1]
		c.Turns = append(c.Turns, Turn{Text: p.text(p.key(i), p.Input), Output: p.Output, Seed: p.seed(i)})
	}
	return all
}

// shareGPT takes questions that people might ask from the suites. As in records of real use, answers' lengths are
// spread log-normally: about --output-tokens, most between a third and three times that.
func (p *planner) shareGPT() ([]Conversation, error) {
	var prompts []suites.Prompt
	for _, name := range []string{"chat", "coding", "prose"} {
		part, err := suites.Load(name)
		if err != nil {
			return nil, err
		}
		prompts = append(prompts, part...)
	}
	all := make([]Conversation, p.Requests)
	for i := range all {
		r := p.key(i)
		q := &prompts[r.IntN(len(prompts))]
		n := float64(p.Output) * math.Exp(r.NormFloat64())
		n = math.Round(min(max(n, 4, float64(p.Output)/8), 4*float64(p.Output)))
		// A number tells repeated questions apart, so that none is answered from what another left behind.
		text := fmt.Sprintf("(%d) %s", p.seed(i), q.Prompt)
		all[i] = Conversation{System: q.System, Turns: []Turn{{Text: text, Output: int(n), Seed: p.seed(i)}}}
	}
	return all, nil
}

// words are those of the suite of random words, each once.
func words() ([]string, error) {
	prompts, err := suites.Load("random")
	if err != nil {
		return nil, err
	}
	var list []string
	seen := map[string]bool{}
	for _, p := range prompts {
		for w := range strings.FieldsSeq(p.Prompt) {
			if !seen[w] {
				seen[w] = true
				list = append(list, w)
			}
		}
	}
	return list, nil
}
