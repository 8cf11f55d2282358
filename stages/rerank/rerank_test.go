package rerank

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"mtplx/stages/sample"
)

func parse(t testing.TB, text string) *Calibration {
	t.Helper()
	c, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func distribution(rng *rand.Rand, n int) *sample.Dist {
	var d sample.Dist
	sum := 0.0
	for id := range int32(n) {
		p := 0.01 + rng.Float64()
		d.IDs, d.P = append(d.IDs, 3*id), append(d.P, p)
		sum += p
	}
	for i := range d.P {
		d.P[i] /= sum
	}
	return &d
}

// The choice is the candidate of the best score, by the formula written out.
func TestTheBestScoreIsChosen(t *testing.T) {
	c := parse(t, `{"format":"mtplx-rerank-1","vocabulary":100,"depths":[{"rank":[-0.5,-1,-3],"token":{"3":2,"9":-1.5,"30":0.7}},{"rank":[],"token":{}}]}`)
	moved := 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		o := Options{Calibration: c, TopK: Most, QWeight: rng.Float64(), TokenWeight: rng.Float64(), RankWeight: rng.Float64()}
		q := distribution(rng, 1+rng.IntN(Most))
		depth := rng.IntN(2)
		places := make([]int, len(q.P))
		for i := range places {
			places[i] = i
		}
		slices.SortStableFunc(places, func(a, b int) int {
			switch {
			case q.P[a] > q.P[b]:
				return -1
			case q.P[a] < q.P[b]:
				return 1
			}
			return 0
		})
		want, best := int32(-1), math.Inf(-1)
		for rank, i := range places {
			token := map[int32]float64{3: 2, 9: -1.5, 30: float64(float32(0.7))}[q.IDs[i]]
			place := []float64{-0.5, -1, -3}[min(rank, 2)]
			if depth == 1 {
				token, place = 0, 0
			}
			if s := o.QWeight*math.Log(q.P[i]) + o.TokenWeight*token + o.RankWeight*place; s > best {
				want, best = q.IDs[i], s
			}
		}
		got, ok := NewChooser(o).Choose(depth, q)
		if !ok || got != want {
			t.Fatalf("seed %d: %+v of %v chose %d %v, want %d", seed, o, q, got, ok, want)
		}
		if got != q.IDs[places[0]] {
			moved++
		}
	}
	if moved < 30 {
		t.Errorf("only %d of 300 choices were not the head's own", moved)
	}
}

func TestDepthsAreChosenAt(t *testing.T) {
	c := parse(t, `{"format":"mtplx-rerank-1","vocabulary":9,"depths":[{"rank":[0]},{"rank":[0]},{"rank":[0]}]}`)
	o := Usual
	o.Calibration = c
	for _, x := range []struct {
		depths []int
		want   [4]int
	}{{nil, [4]int{32, 32, 32, 0}}, {[]int{3}, [4]int{0, 0, 32, 0}}, {[]int{1, 2}, [4]int{32, 32, 0, 0}}} {
		o.Depths = x.depths
		h := NewChooser(o)
		for d, n := range x.want {
			if got := h.Covers(d); got != n {
				t.Errorf("depths %v: %d candidates at %d, want %d", x.depths, got, d, n)
			}
		}
	}
}

// A head that always likes token 5 most where the target writes token 8 is calibrated to propose 8.
func TestACalibrationMendsWhatTheHeadGetsWrong(t *testing.T) {
	n := NewCounter(2)
	q := &sample.Dist{IDs: []int32{2, 5, 8}, P: []float64{0.1, 0.6, 0.3}}
	for i := range 40 {
		for d := range 2 {
			if _, ok := n.Choose(d, q); ok {
				t.Fatal("a counter chose")
			}
		}
		n.Learn([]int32{8, 5}, 1, int32(8)) // the first stands, the second falls
		if i%2 == 0 {
			n.Choose(0, q)
			n.Learn([]int32{5}, 0, 70) // the target's token was no candidate
		}
	}
	var file bytes.Buffer
	if err := n.Calibration(100, 4).Write(&file); err != nil {
		t.Fatal(err)
	}
	c := parse(t, file.String())
	p := &c.depths[0]
	if got, want := p.ofToken(8), math.Log(41.0/(60*0.3+1)); math.Abs(got-want) > 1e-5 {
		t.Errorf("token 8 has prior %v, want %v", got, want)
	}
	if got, want := p.ofRank(1), math.Log(40.5/(60+0.5*33)); math.Abs(got-want) > 1e-5 {
		t.Errorf("the second place has prior %v, want %v", got, want)
	}
	if p.ofToken(5) >= 0 || p.ofToken(70) != 0 {
		t.Errorf("token 5 has prior %v, token 70 %v; want below 0, and 0 for one that the head never offered", p.ofToken(5), p.ofToken(70))
	}
	o := Usual
	o.Calibration = c
	for d := range 2 {
		if id, _ := NewChooser(o).Choose(d, q); id != 8 {
			t.Errorf("at depth %d %d is chosen, want 8", d+1, id)
		}
	}
}

func TestChoosingAllocatesNothing(t *testing.T) {
	o := Usual
	o.Calibration = parse(t, `{"format":"mtplx-rerank-1","vocabulary":100,"depths":[{"rank":[-1],"token":{"3":1}}]}`)
	h, q := NewChooser(o), distribution(rand.New(rand.NewPCG(1, 1)), Most)
	if n := testing.AllocsPerRun(100, func() { h.Choose(0, q) }); n > 0 {
		t.Errorf("choosing allocates %.2f times", n)
	}
}

func TestDamagedCalibrationsAreRefused(t *testing.T) {
	depth := `{"format":"mtplx-rerank-1","vocabulary":10,"depths":[%s]}`
	for text, want := range map[string]string{
		``:                             "EOF",
		`[]`:                           "cannot unmarshal",
		`{"format":"other"}`:           `the format is "other"`,
		fmt.Sprintf(depth, ``):         "it has 0 depths",
		fmt.Sprintf(depth, `{}`) + `x`: "something follows",
		fmt.Sprintf(depth, `{"rank":[`+strings.Repeat(`0,`, Most)+`0]}`): "33 places",
		fmt.Sprintf(depth, `{"rank":[101]}`):                             "the prior of place 1 is 101",
		fmt.Sprintf(depth, `{"token":{"10":1}}`):                         "token 10 is outside the vocabulary of 10",
		fmt.Sprintf(depth, `{"token":{"-1":1}}`):                         "token -1 is outside",
		fmt.Sprintf(depth, `{"token":{"1":-1000}}`):                      "the prior of token 1 is -1000",
		fmt.Sprintf(depth, `{"words":1}`):                                "unknown field",
		`{"format":"mtplx-rerank-1","vocabulary":0,"depths":[{}]}`:       "the vocabulary has 0 tokens",
		fmt.Sprintf(depth, strings.Repeat(`{},`, maxDepth)+`{}`):         "it has 65 depths",
	} {
		if _, err := Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: error %v, want %q", text, err, want)
		}
	}
}

func TestOptionsAreValidated(t *testing.T) {
	c := parse(t, `{"format":"mtplx-rerank-1","vocabulary":10,"depths":[{}]}`)
	for want, change := range map[string]func(*Options){
		"for a vocabulary of 10 tokens": func(o *Options) { o.Calibration = &Calibration{Vocabulary: 10, depths: make([]priors, 1)} },
		"looks at 33 candidates":        func(o *Options) { o.TopK = 33 },
		"not finite":                    func(o *Options) { o.RankWeight = math.NaN() },
		"choose at depth 2":             func(o *Options) { o.Depths = []int{2} },
		"choose at depth 0":             func(o *Options) { o.Depths = []int{1, 0} },
	} {
		o := Usual
		o.Calibration = c
		change(&o)
		vocabulary := 10
		if strings.HasPrefix(want, "for a vocabulary") {
			vocabulary = 11
		}
		if err := o.Validate(vocabulary); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := (&Options{}).Validate(3); err != nil {
		t.Error(err)
	}
}

// Whatever is in a file, it is refused, or used without a fault and written as it was read.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"format":"mtplx-rerank-1","vocabulary":100,"depths":[{"rank":[-1,-2],"token":{"3":1,"7":-2.5}},{}]}`))
	f.Add([]byte(`{"format":"mtplx-rerank-1","vocabulary":1,"depths":[{"token":{"0":1e2}}]}`))
	f.Add([]byte(`{"format":"mtplx-rerank-1","vocabulary":-5,"depths":[{"rank":[1e400]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(bytes.NewReader(data))
		if err != nil {
			return
		}
		o := Usual
		o.Calibration = c
		if err := o.Validate(c.Vocabulary); err != nil {
			t.Fatal(err)
		}
		h := NewChooser(o)
		q := &sample.Dist{IDs: []int32{0, 1, 2}, P: []float64{0.2, 0.5, 0.3}}
		for d := range c.Depths() {
			if id, ok := h.Choose(d, q); !ok || id < 0 || id > 2 {
				t.Fatalf("depth %d chose %d, %v", d, id, ok)
			}
		}
		var one, two bytes.Buffer
		if err := c.Write(&one); err != nil {
			t.Fatal(err)
		}
		again, err := Parse(bytes.NewReader(one.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Write(&two); err != nil || !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Fatalf("written as\n%s, then as\n%s, %v", one.Bytes(), two.Bytes(), err)
		}
	})
}
