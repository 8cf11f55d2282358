package serve

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// Latency is one completed request in milliseconds; see the package comment for what each means.
type Latency struct {
	TTFT, E2EL, Wait float64
	TPOT             float64 // 0 with fewer than two tokens
	ITL              []float64
	PerToken         []float64 // as many as tokens that came after the first event; nil where tokens an event are unknown
}

// Measure turns a completed request's times into latencies. The trace has at least one event.
func Measure(t *Trace) Latency {
	first, last := t.Events[0].At, t.Events[len(t.Events)-1].At
	l := Latency{TTFT: ms(first - t.Sent), E2EL: ms(last - t.Sent), Wait: ms(t.Sent - t.Arrived)}
	if n, _ := t.tokens(); n > 1 {
		l.TPOT = (l.E2EL - l.TTFT) / float64(n-1)
	}
	known := t.counted()
	for i, e := range t.Events[1:] {
		gap := ms(e.At - t.Events[i].At)
		l.ITL = append(l.ITL, gap)
		if known {
			for range e.Tokens {
				l.PerToken = append(l.PerToken, gap/float64(e.Tokens))
			}
		}
	}
	return l
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Bounds are what a good request keeps, in milliseconds; 0 is no bound.
type Bounds struct {
	TTFT float64 `json:"ttft,omitempty"`
	TPOT float64 `json:"tpot,omitempty"`
	E2EL float64 `json:"e2el,omitempty"`
}

// Kept tells whether a request was good.
func (b Bounds) Kept(l *Latency) bool {
	in := func(x, bound float64) bool { return bound == 0 || x <= bound }
	return in(l.TTFT, b.TTFT) && in(l.TPOT, b.TPOT) && in(l.E2EL, b.E2EL)
}

// Spread describes values.
type Spread struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"` // of the population
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	// P holds percentiles by name, "99" or "99.9".
	P map[string]float64 `json:"p"`
}

// Describe is the spread of x, with these percentiles. It sorts x.
func Describe(x, percentiles []float64) Spread {
	s := Spread{N: len(x), P: make(map[string]float64, len(percentiles))}
	slices.Sort(x)
	for _, p := range percentiles {
		s.P[percentName(p)] = percentile(x, p)
	}
	if len(x) == 0 {
		return s
	}
	s.Min, s.Max = x[0], x[len(x)-1]
	for _, v := range x {
		s.Mean += v / float64(len(x))
	}
	for _, v := range x {
		s.Std += (v - s.Mean) * (v - s.Mean) / float64(len(x))
	}
	s.Std = math.Sqrt(s.Std)
	return s
}

func percentName(p float64) string { return strconv.FormatFloat(p, 'g', -1, 64) }

// percentile of sorted values, linear between ranks; 0 without values.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := p / 100 * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Summarise makes a run's figures of its traces. Planned and the load's settings are the caller's to fill in.
func Summarise(traces []Trace, bounds Bounds, percentiles []float64) Run {
	r := Run{Sent: len(traces), Errors: map[string]int{}, Examples: map[string]string{}, Peak: peak(traces)}
	var ttft, tpot, itl, perToken, e2el, wait []float64
	good := 0
	for i := range traces {
		t := &traces[i]
		if f := t.Failure; f != nil {
			if f.Kind == Cancelled {
				r.Cancelled++
				continue
			}
			r.Failed++
			r.Errors[f.Kind]++
			if r.Errors[f.Kind] == 1 {
				r.Examples[f.Kind] = f.Text
			}
			continue
		}
		r.Completed++
		l := Measure(t)
		n, source := t.tokens()
		if r.Source == "" || rank(source) > rank(r.Source) {
			r.Source = source
		}
		r.OutputTokens += n
		r.PromptTokens += t.Prompt
		r.CachedTokens += t.Cached
		r.Events += len(t.Events)
		ttft, e2el, wait = append(ttft, l.TTFT), append(e2el, l.E2EL), append(wait, l.Wait)
		itl, perToken = append(itl, l.ITL...), append(perToken, l.PerToken...)
		if n > 1 {
			tpot = append(tpot, l.TPOT)
		}
		if bounds.Kept(&l) {
			good++
		}
	}
	r.TTFT, r.TPOT, r.ITL = Describe(ttft, percentiles), Describe(tpot, percentiles), Describe(itl, percentiles)
	r.PerToken, r.E2EL, r.Wait = Describe(perToken, percentiles), Describe(e2el, percentiles), Describe(wait, percentiles)
	if r.Events > 0 {
		r.TokensPerEvent = float64(r.OutputTokens) / float64(r.Events)
	}
	if r.Duration = span(traces).Seconds(); r.Duration > 0 {
		r.RequestRate = float64(r.Completed) / r.Duration
		r.OutputRate = float64(r.OutputTokens) / r.Duration
		r.TotalRate = float64(r.OutputTokens+r.PromptTokens) / r.Duration
		if bounds != (Bounds{}) {
			r.Goodput = new(float64(good) / r.Duration)
		}
	}
	return r
}

func rank(s Source) int { return slices.Index([]Source{FromUsage, FromIDs, FromEvents}, s) }

// span is from the first arrival to the last end, failed requests included.
func span(traces []Trace) time.Duration {
	if len(traces) == 0 {
		return 0
	}
	from := slices.MinFunc(traces, func(a, b Trace) int { return cmp.Compare(a.Arrived, b.Arrived) }).Arrived
	to := slices.MaxFunc(traces, func(a, b Trace) int { return cmp.Compare(a.Ended, b.Ended) }).Ended
	return to - from
}

// peak is the most requests that were on their way at once.
func peak(traces []Trace) int {
	type edge struct {
		at    time.Duration
		delta int
	}
	edges := make([]edge, 0, 2*len(traces))
	for i := range traces {
		edges = append(edges, edge{traces[i].Sent, 1}, edge{traces[i].Ended, -1})
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), a.delta-b.delta) })
	n, most := 0, 0
	for _, e := range edges {
		n += e.delta
		most = max(most, n)
	}
	return most
}
