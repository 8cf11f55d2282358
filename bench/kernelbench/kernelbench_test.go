package kernelbench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"mtplx/kernels/cpu"
)

// small is a run that takes a moment: figures are not looked at, only that all are there.
func small() Options {
	return Options{Threads: []int{1, 2}, Shapes: [][2]int{{64, 128}}, Rows: []int{4, 20}, Quick: true, Bits: []int{4, 0}}
}

// shrink makes plans go over little memory for a short while.
func (p *plan) shrink() *plan {
	p.copies, p.time, p.ceiling = 1<<20, 1, 1
	return p
}

func TestReport(t *testing.T) {
	p, err := small().plan()
	if err != nil {
		t.Fatal(err)
	}
	r := &Report{Ceilings: Ceilings{Read: map[int]float64{}, Int: map[int]float64{}}}
	for _, n := range p.Threads {
		if err := runThreads(t.Context(), p.shrink(), n, r); err != nil {
			t.Fatal(err)
		}
	}
	rest := 0
	for _, o := range p.rest() {
		rest += len(o.rows)
	}
	if got, want := len(r.Kernels), 2*(2*3+rest); got != want {
		t.Errorf("%d figures, want %d", got, want)
	}
	for _, f := range r.Kernels {
		if f.Micros <= 0 || f.GBs <= 0 || f.C <= 0 || f.Tier != r.Tier || f.Name == product && f.OfRead <= 0 {
			t.Errorf("incomplete figure %+v", f)
		}
		if f.Rows == 1 && f.C != 1 {
			t.Errorf("%s of one row has c = %v", f.Name, f.C)
		}
	}
	for _, n := range p.Threads {
		if r.Ceilings.Read[n] <= 0 || r.Ceilings.Int[n] <= 0 {
			t.Errorf("no ceilings for %d threads: %+v", n, r.Ceilings)
		}
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tier " + r.Tier, "64x128", "attention", "of peak", "bfloat16", "q8-v3"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("text lacks %q:\n%s", want, text.String())
		}
	}
}

// TestJSONFields holds the report to the names that its readers know.
func TestJSONFields(t *testing.T) {
	r := &Report{Tier: "x", Ceilings: Ceilings{Read: map[int]float64{2: 1}, Int: map[int]float64{2: 3}}, Kernels: []Figure{{Name: "product"}}}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"tier":"x","ceilings":{"read_gbs_by_threads":{"2":1},"int_tmacs_by_threads":{"2":3}},"kernels":[{"name":"product","tier":"","bits":0,` +
		`"mode":"","rows":0,"shape":[0,0],"threads":0,"out_of_cache":false,"us":0,"gbs":0,"of_read":0,"c":0}]}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBadOptions(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(o *Options)
	}{
		{"threads", "-1 threads", func(o *Options) { o.Threads = []int{-1} }},
		{"shape", "0x64", func(o *Options) { o.Shapes = [][2]int{{0, 64}} }},
		{"bits", "7 bits", func(o *Options) { o.Bits = []int{7} }},
		{"rows", "0 rows", func(o *Options) { o.Rows = []int{1, 0} }},
		{"tier", "choose CPU tier", func(o *Options) { o.Tier = "z80" }},
	} {
		o := small()
		c.change(&o)
		if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v does not name %q", c.name, err, c.want)
		}
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{Quick: true, Tier: cpu.Tiers()[0]}); !errors.Is(err, context.Canceled) {
		t.Errorf("error of a cancelled run: %v", err)
	}
}

// TestAttentionIsTimedInEachWay holds a full run to attention at each length in each way of keeping keys and values.
func TestAttentionIsTimedInEachWay(t *testing.T) {
	p, err := Options{}.plan()
	if err != nil {
		t.Fatal(err)
	}
	timed := map[string][]int{}
	for _, o := range p.rest() {
		if o.name == "attention" {
			timed[o.kv] = append(timed[o.kv], o.shape[0])
		}
	}
	for _, way := range []string{"bfloat16", "q8", "q8-v4", "q8-v3"} {
		if !slices.Equal(timed[way], []int{1024, 8192, 32768}) {
			t.Errorf("attention over %s is timed at contexts of %d, want 1024, 8192 and 32768", way, timed[way])
		}
	}
}
