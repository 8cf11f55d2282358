package serve

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// at is a trace that was sent at 100 ms, of events given as pairs of milliseconds and tokens.
func at(pairs ...int) *Trace {
	t := &Trace{Arrived: 90 * time.Millisecond, Sent: 100 * time.Millisecond}
	for i := 0; i < len(pairs); i += 2 {
		t.Events = append(t.Events, Event{time.Duration(pairs[i]) * time.Millisecond, pairs[i+1]})
		t.Ended = t.Events[len(t.Events)-1].At + 5*time.Millisecond
	}
	return t
}

func completion(t *Trace, n int) *Trace {
	t.Completion = n
	return t
}

func TestMeasure(t *testing.T) {
	for _, c := range []struct {
		name  string
		trace *Trace
		want  Latency
	}{
		{"one token", at(150, 1), Latency{TTFT: 50, E2EL: 50}},
		{"one event of four tokens", at(150, 4), Latency{TTFT: 50, E2EL: 50, TPOT: 0}},
		{"tokens alone", at(150, 1, 160, 1, 190, 1), Latency{TTFT: 50, E2EL: 90, TPOT: 20, ITL: []float64{10, 30}, PerToken: []float64{10, 30}}},
		{"several tokens an event", at(150, 1, 180, 3, 200, 2), Latency{TTFT: 50, E2EL: 100, TPOT: 10, ITL: []float64{30, 20}, PerToken: []float64{10, 10, 10, 10, 10}}},
		{"only usage counts tokens", completion(at(150, 0, 180, 0), 4), Latency{TTFT: 50, E2EL: 80, TPOT: 10, ITL: []float64{30}}},
		{"usage goes before ids", completion(at(150, 1, 180, 1), 4), Latency{TTFT: 50, E2EL: 80, TPOT: 10, ITL: []float64{30}, PerToken: []float64{30}}},
		{"nobody counts", at(150, 0, 180, 0, 210, 0), Latency{TTFT: 50, E2EL: 110, TPOT: 30, ITL: []float64{30, 30}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Measure(c.trace)
			c.want.Wait = 10
			if got.TTFT != c.want.TTFT || got.E2EL != c.want.E2EL || got.TPOT != c.want.TPOT || got.Wait != c.want.Wait ||
				!slices.Equal(got.ITL, c.want.ITL) || !slices.Equal(got.PerToken, c.want.PerToken) {
				t.Errorf("measured %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestDescribe(t *testing.T) {
	s := Describe([]float64{4, 1, 3, 2}, []float64{0, 50, 90, 99.9, 100})
	if s.N != 4 || s.Mean != 2.5 || s.Min != 1 || s.Max != 4 || math.Abs(s.Std-math.Sqrt(1.25)) > 1e-12 {
		t.Errorf("spread is %+v", s)
	}
	for name, want := range map[string]float64{"0": 1, "50": 2.5, "90": 3.7, "99.9": 3.997, "100": 4} {
		if got, ok := s.P[name]; !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("p%s is %v, want %v", name, got, want)
		}
	}
	if s := Describe(nil, []float64{50}); s.N != 0 || s.P["50"] != 0 {
		t.Errorf("nothing has the spread %+v", s)
	}
}

// A failed request is in no latency, a cut off one is no failure, and the time that both took counts.
func TestSummarise(t *testing.T) {
	failed := at(101, 1)
	failed.Failure, failed.Ended = &Failure{"status_503", "full"}, 2090*time.Millisecond
	again := *failed
	again.Failure = &Failure{"status_503", "full again"}
	cut := at()
	cut.Failure, cut.Ended = &Failure{Cancelled, ""}, 150*time.Millisecond
	slow := completion(at(400, 2, 500, 2), 4)
	slow.Prompt, slow.Cached = 7, 3
	one := at(150, 1)
	r := Summarise([]Trace{*failed, *slow, again, *cut, *one}, Bounds{TTFT: 100, TPOT: 20}, []float64{50})
	if r.Sent != 5 || r.Completed != 2 || r.Failed != 2 || r.Cancelled != 1 || r.Errors["status_503"] != 2 || r.Examples["status_503"] != "full" || len(r.Errors) != 1 {
		t.Errorf("counted %+v", r)
	}
	if r.Duration != 2 || r.OutputTokens != 5 || r.OutputRate != 2.5 || r.TotalRate != 6 || r.RequestRate != 1 || r.PromptTokens != 7 || r.CachedTokens != 3 {
		t.Errorf("rates are %+v", r)
	}
	if r.TTFT.N != 2 || r.TTFT.Max != 300 || r.TTFT.Min != 50 || r.TPOT.N != 1 || r.Events != 3 || r.Source != FromIDs || r.Peak != 5 {
		t.Errorf("latencies are %+v", r)
	}
	if r.Goodput == nil || *r.Goodput != 0.5 {
		t.Errorf("goodput is %v, want one request in two seconds", r.Goodput)
	}
	if r := Summarise([]Trace{*one}, Bounds{}, nil); r.Goodput != nil {
		t.Error("there is a goodput without bounds")
	}
	if r := Summarise(nil, Bounds{TTFT: 1}, []float64{50}); r.Sent != 0 || r.Duration != 0 || r.OutputRate != 0 {
		t.Errorf("nothing gives %+v", r)
	}
}

func TestBounds(t *testing.T) {
	l := Latency{TTFT: 50, TPOT: 10, E2EL: 300}
	for b, want := range map[Bounds]bool{
		{}: true, {TTFT: 50}: true, {TTFT: 49}: false, {TPOT: 9}: false, {E2EL: 299}: false, {TTFT: 60, TPOT: 10, E2EL: 300}: true,
	} {
		if b.Kept(&l) != want {
			t.Errorf("%+v kept is %v", b, !want)
		}
	}
	if one := Measure(at(110, 1)); !(Bounds{TPOT: 0.001}).Kept(&one) {
		t.Error("one token broke a bound of the time between tokens")
	}
}

func TestPeak(t *testing.T) {
	span := func(from, to int) Trace {
		return Trace{Sent: time.Duration(from), Ended: time.Duration(to)}
	}
	if n := peak([]Trace{span(0, 10), span(10, 20), span(5, 15)}); n != 2 {
		t.Errorf("peak is %d, want 2: a request that ends as another begins is no longer there", n)
	}
}

func TestAdded(t *testing.T) {
	emitted := []Emission{{100 * time.Millisecond, 1}, {110 * time.Millisecond, 2}, {120 * time.Millisecond, 1}, {130 * time.Millisecond, 1}}
	for _, c := range []struct {
		name string
		read *Trace
		want []float64
	}{
		{"one by one", at(101, 1, 112, 2, 123, 1, 134, 1), []float64{1, 2, 3, 4}},
		{"two emissions in one event", at(101, 1, 125, 3, 134, 1), []float64{1, 5, 4}},
		{"an emission in two events", at(101, 1, 112, 1, 113, 1, 123, 1, 134, 1), []float64{1, 2, 3, 3, 4}},
		{"uncounted", at(101, 0), nil},
		{"more than was emitted", at(101, 9), nil},
	} {
		if got := Added(emitted, c.read.Events); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestSettle(t *testing.T) {
	c := Cost{Tokens: 100}
	c.settle([]Round{{HTTP: 1100 * time.Millisecond, Direct: time.Second}, {HTTP: 3 * time.Second, Direct: 2 * time.Second}, {HTTP: time.Second, Direct: time.Second}})
	if c.Ratio != 1.1 || c.RatioMin != 1 || c.RatioMax != 1.5 || math.Abs(c.Percent-10) > 1e-9 || c.Direct != 100 || math.Abs(c.HTTP-100/1.1) > 1e-9 {
		t.Errorf("settled %+v", c)
	}
}

// The names in the report are a promise.
func TestReportIsDocumented(t *testing.T) {
	good := 1.5
	rep := Report{
		Runs: []Run{{Goodput: &good, Errors: map[string]int{"timeout": 1}, Examples: map[string]string{"timeout": "no end"}, Completed: 1, Planned: 2, Failed: 1, TTFT: Describe([]float64{3}, []float64{99})}},
		Cost: &Cost{Identical: false, Streams: 16}, Idle: &Idle{Connections: 9, Before: -1}, Percentiles: []float64{99}, Partial: true,
	}
	data, err := json.Marshal(rep)
	if err != nil {
		t.Fatal(err)
	}
	doc := source(t, "doc.go")
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, inner := range v {
				if !strings.Contains(doc, name) && name != "99" {
					t.Errorf("doc.go does not name %q", name)
				}
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	var all any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	walk(all)
	var out bytes.Buffer
	rep.Print(&out)
	for _, want := range []string{"1 of 2 requests completed", "1 failed, timeout: no end", "goodput 1.50", "first token", "unlike work", "cannot be read", "interrupted"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, out.String())
		}
	}
}
