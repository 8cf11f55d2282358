package rerank

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
)

// Most is how many candidates are looked at.
const Most = 32

// Format names the file's format.
const Format = "mtplx-rerank-1"

// limits of a file: what is beyond is damage, not calibration.
const (
	maxDepth = 64
	maxPrior = 100.0
	maxBytes = 64 << 20
)

// Calibration is what is known of the head's candidates by depth (0 is the first draft). It is never changed.
type Calibration struct {
	// Vocabulary is the number of tokens of the model it was made for.
	Vocabulary int
	depths     []priors
}

// priors are those of one depth. ids are ascending; a token that is not among them has prior 0.
type priors struct {
	rank  []float32
	ids   []int32
	token []float32
}

// ofToken is a token's prior.
func (p *priors) ofToken(id int32) float64 {
	if i, ok := slices.BinarySearch(p.ids, id); ok {
		return float64(p.token[i])
	}
	return 0
}

// ofRank is a place's prior: places that the file does not list are as unlikely as its last.
func (p *priors) ofRank(i int) float64 {
	if len(p.rank) == 0 {
		return 0
	}
	return float64(p.rank[min(i, len(p.rank)-1)])
}

// Depths is how many depths the calibration knows.
func (c *Calibration) Depths() int { return len(c.depths) }

// file is the JSON of a calibration.
type file struct {
	Format     string      `json:"format"`
	Vocabulary int         `json:"vocabulary"`
	Depths     []fileDepth `json:"depths"`
}

type fileDepth struct {
	Rank  []float32         `json:"rank"`
	Token map[int32]float32 `json:"token"`
}

// Parse reads a calibration. The error names what is wrong and where.
func Parse(r io.Reader) (*Calibration, error) {
	dec := json.NewDecoder(io.LimitReader(r, maxBytes))
	dec.DisallowUnknownFields()
	var f file
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("read calibration: %w; make one with mtplx bench calibrate", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("read calibration: something follows the JSON object; the file is damaged")
	}
	switch {
	case f.Format != Format:
		return nil, fmt.Errorf("read calibration: the format is %q, not %q; make one with mtplx bench calibrate", f.Format, Format)
	case f.Vocabulary < 1 || f.Vocabulary > math.MaxInt32:
		return nil, fmt.Errorf("read calibration: the vocabulary has %d tokens", f.Vocabulary)
	case len(f.Depths) == 0 || len(f.Depths) > maxDepth:
		return nil, fmt.Errorf("read calibration: it has %d depths; 1 to %d make sense", len(f.Depths), maxDepth)
	}
	c := &Calibration{Vocabulary: f.Vocabulary}
	for i, d := range f.Depths {
		p, err := d.priors(f.Vocabulary)
		if err != nil {
			return nil, fmt.Errorf("read calibration of depth %d: %w", i+1, err)
		}
		c.depths = append(c.depths, p)
	}
	return c, nil
}

func (d *fileDepth) priors(vocabulary int) (priors, error) {
	var p priors
	if len(d.Rank) > Most {
		return p, fmt.Errorf("%d places have a prior; at most %d are looked at", len(d.Rank), Most)
	}
	for i, v := range d.Rank {
		if !(math.Abs(float64(v)) <= maxPrior) {
			return p, fmt.Errorf("the prior of place %d is %v; it must lie within %v", i+1, v, maxPrior)
		}
	}
	p.rank = d.Rank
	for id, v := range d.Token {
		if id < 0 || int(id) >= vocabulary {
			return p, fmt.Errorf("token %d is outside the vocabulary of %d", id, vocabulary)
		}
		if !(math.Abs(float64(v)) <= maxPrior) {
			return p, fmt.Errorf("the prior of token %d is %v; it must lie within %v", id, v, maxPrior)
		}
		p.ids = append(p.ids, id)
	}
	slices.Sort(p.ids)
	for _, id := range p.ids {
		p.token = append(p.token, d.Token[id])
	}
	return p, nil
}

// Write writes the calibration's file.
func (c *Calibration) Write(w io.Writer) error {
	f := file{Format: Format, Vocabulary: c.Vocabulary}
	for _, p := range c.depths {
		d := fileDepth{Rank: p.rank, Token: map[int32]float32{}}
		for i, id := range p.ids {
			d.Token[id] = p.token[i]
		}
		f.Depths = append(f.Depths, d)
	}
	if err := json.NewEncoder(w).Encode(f); err != nil {
		return fmt.Errorf("write calibration: %w", err)
	}
	return nil
}

// Counter gathers a calibration: it looks at candidates and chooses none.
type Counter struct {
	deepest int
	depths  []counts
	seen    [][]int32   // candidates of the cycle at hand by depth, the likeliest first
	of      [][]float64 // what the head gave each
}

type counts struct {
	rank    [Most + 1]int // the last: none of the candidates
	written map[int32]float64
	hoped   map[int32]float64
}

// NewCounter makes a counter for drafts up to `deepest` deep. It belongs to one session at a time.
func NewCounter(deepest int) *Counter {
	c := &Counter{deepest: deepest, depths: make([]counts, deepest), seen: make([][]int32, deepest), of: make([][]float64, deepest)}
	for i := range c.depths {
		c.depths[i] = counts{written: map[int32]float64{}, hoped: map[int32]float64{}}
	}
	return c
}

// Covers implements stages.Reranker.
func (c *Counter) Covers(depth int) int {
	if depth < c.deepest {
		return Most
	}
	return 0
}

// Calibration is what was counted: tokens that were seen less than `least` times have no prior of their own.
func (c *Counter) Calibration(vocabulary int, least float64) *Calibration {
	out := &Calibration{Vocabulary: vocabulary}
	for i := range c.depths {
		d := &c.depths[i]
		var p priors
		total := 0
		for _, n := range d.rank {
			total += n
		}
		for _, n := range d.rank[:Most] {
			p.rank = append(p.rank, float32(math.Log((float64(n)+0.5)/(float64(total)+0.5*(Most+1)))))
		}
		for id, hoped := range d.hoped {
			if written := d.written[id]; written+hoped >= least {
				p.ids = append(p.ids, id)
			}
		}
		slices.Sort(p.ids)
		for _, id := range p.ids {
			p.token = append(p.token, float32(math.Log((d.written[id]+1)/(d.hoped[id]+1))))
		}
		out.depths = append(out.depths, p)
	}
	return out
}

// order sorts places of a distribution, the likeliest first, of equal ones the lower id.
type order struct {
	ids []int32
	p   []float64
}

func (o *order) Len() int { return len(o.ids) }
func (o *order) Less(i, j int) bool {
	return o.p[i] > o.p[j] || o.p[i] == o.p[j] && o.ids[i] < o.ids[j]
}

func (o *order) Swap(i, j int) {
	o.ids[i], o.ids[j] = o.ids[j], o.ids[i]
	o.p[i], o.p[j] = o.p[j], o.p[i]
}

var _ sort.Interface = (*order)(nil)
