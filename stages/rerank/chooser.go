package rerank

import (
	"errors"
	"fmt"
	"math"
	"sort"

	"mtplx/stages/sample"
)

// Options are how a calibration is used. The zero value is no reranking.
type Options struct {
	Calibration *Calibration
	// Depths are those to choose at, the first draft being 1; none means all that the calibration knows.
	Depths []int
	// TopK is how many of the head's candidates are looked at, at most Most.
	TopK                             int
	QWeight, TokenWeight, RankWeight float64
}

// Usual are the weights and the number of candidates that are used where nobody says otherwise.
var Usual = Options{TopK: Most, QWeight: 0.5, TokenWeight: 1}

// Active tells whether anything is chosen.
func (o *Options) Active() bool { return o.Calibration != nil }

// Validate names the first value that makes no sense for a model of `vocabulary` tokens.
func (o *Options) Validate(vocabulary int) error {
	if !o.Active() {
		return nil
	}
	if o.Calibration.Vocabulary != vocabulary {
		return fmt.Errorf("the reranker's calibration is for a vocabulary of %d tokens, and the model has %d; make one with mtplx bench calibrate", o.Calibration.Vocabulary, vocabulary)
	}
	if o.TopK < 1 || o.TopK > Most {
		return fmt.Errorf("the reranker looks at %d candidates; give 1 to %d", o.TopK, Most)
	}
	for _, w := range []float64{o.QWeight, o.TokenWeight, o.RankWeight} {
		if math.IsNaN(w) || math.IsInf(w, 0) {
			return errors.New("a weight of the reranker is not finite; give numbers such as 0.5, 1 and 0")
		}
	}
	for _, d := range o.Depths {
		if d < 1 || d > o.Calibration.Depths() {
			return fmt.Errorf("the reranker is to choose at depth %d; its calibration knows 1 to %d", d, o.Calibration.Depths())
		}
	}
	return nil
}

// Chooser chooses for one session. It learns nothing.
type Chooser struct {
	o      Options
	depths []bool
	sorted order
}

// NewChooser makes a chooser of options that were validated.
func NewChooser(o Options) *Chooser {
	c := &Chooser{o: o, depths: make([]bool, o.Calibration.Depths()), sorted: order{make([]int32, 0, Most), make([]float64, 0, Most)}}
	for i := range c.depths {
		c.depths[i] = len(o.Depths) == 0
	}
	for _, d := range o.Depths {
		c.depths[d-1] = true
	}
	return c
}

// Covers implements stages.Reranker.
func (c *Chooser) Covers(depth int) int {
	if depth < len(c.depths) && c.depths[depth] {
		return c.o.TopK
	}
	return 0
}

// Choose implements stages.Reranker.
func (c *Chooser) Choose(depth int, q *sample.Dist) (id int32, ok bool) {
	s := &c.sorted
	s.ids, s.p = append(s.ids[:0], q.IDs...), append(s.p[:0], q.P...)
	sort.Sort(s)
	p := &c.o.Calibration.depths[depth]
	best := math.Inf(-1)
	for i, candidate := range s.ids {
		score := c.o.QWeight*math.Log(s.p[i]) + c.o.TokenWeight*p.ofToken(candidate) + c.o.RankWeight*p.ofRank(i)
		if score > best {
			id, best, ok = candidate, score, true
		}
	}
	return id, ok
}

// Learn implements stages.Reranker.
func (*Chooser) Learn([]int32, int, int32) {}

// Choose implements stages.Reranker: it remembers the candidates and chooses none.
func (c *Counter) Choose(depth int, q *sample.Dist) (id int32, ok bool) {
	s := order{append(c.seen[depth][:0], q.IDs...), append(c.of[depth][:0], q.P...)}
	sort.Sort(&s)
	c.seen[depth], c.of[depth] = s.ids, s.p
	return 0, false
}

// Learn implements stages.Reranker: of each judged depth the target's token is counted, and what the head hoped.
func (c *Counter) Learn(drafts []int32, accepted int, next int32) {
	for i := range min(len(drafts), accepted+1, c.deepest) {
		wrote := next
		if i < accepted {
			wrote = drafts[i]
		}
		d, at := &c.depths[i], Most
		for j, id := range c.seen[i] {
			if id == wrote {
				at = j
			}
			d.hoped[id] += c.of[i][j]
		}
		d.rank[at]++
		d.written[wrote]++
	}
}
