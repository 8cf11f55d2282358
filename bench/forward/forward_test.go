package forward

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/weights"
)

func checkpoint(t *testing.T) *qwen.Checkpoint {
	t.Helper()
	set, err := weights.OpenMemory(demo.Name, demo.Files())
	if err != nil {
		t.Fatal(err)
	}
	ck, err := qwen.Load(set)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

// A forward's bytes are those of its operations, and hold each weight of the trunk once and the context's keys.
func TestReportAddsUp(t *testing.T) {
	ck := checkpoint(t)
	var told []string
	run := func(context int) *Report {
		r, err := Run(t.Context(), Options{
			Checkpoint: ck, Threads: []int{1}, Rows: []int{2}, Context: context, Time: time.Millisecond,
			Progress: func(what string) { told = append(told, what) },
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	short, long := run(64), run(320)
	if len(short.Forwards) != 2 || short.Forwards[0].Rows != 1 || short.Forwards[1].Rows != 2 || short.Forwards[0].C != 1 || len(told) == 0 {
		t.Fatalf("forwards %+v, told %q; want one row, which all are compared with, and two", short.Forwards, told)
	}
	for _, f := range short.Forwards {
		sum, product := int64(0), int64(0)
		for _, o := range f.Operations {
			sum += o.Bytes
			if strings.HasPrefix(o.Name, "product-") {
				product += o.Bytes
			}
		}
		if sum != f.Bytes {
			t.Errorf("%d rows: the operations move %d bytes, the forward %d", f.Rows, sum, f.Bytes)
		}
		if product < 25<<20 || product > 40<<20 { // 53 M parameters of 4 and 8 bits, less the head's and the table's
			t.Errorf("%d rows: products read %d bytes", f.Rows, product)
		}
		if f.Micros <= 0 || f.ReadGBs <= 0 || f.OfRead <= 0 {
			t.Errorf("%d rows: no time: %+v", f.Rows, f)
		}
	}
	keys := int64(ck.KVHeads * ck.HeadDim * 2 * 2) // keys and values of a token in a layer, bfloat16
	layers := int64(0)
	for i := range ck.Layer {
		if ck.Layer[i].Attn != nil {
			layers++
		}
	}
	if got, want := long.Forwards[0].Bytes-short.Forwards[0].Bytes, 256*keys*layers; got != want {
		t.Errorf("256 tokens of context more are %d bytes, want %d", got, want)
	}
	var out bytes.Buffer
	if err := long.WriteText(&out); err != nil || !strings.Contains(out.String(), "1 threads, 2 rows") {
		t.Errorf("the table: %v\n%s", err, out.String())
	}
}

// Every session adds its own state and keys to a forward's bytes, and none adds weights.
func TestSessionsAddTheirOwnBytes(t *testing.T) {
	r, err := Run(t.Context(), Options{
		Checkpoint: checkpoint(t), Threads: []int{1}, Lanes: []int{2, 3}, Rows: []int{1}, Context: 64, Time: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Forwards) != 3 || r.Forwards[0].Lanes != 1 || r.Forwards[1].Lanes != 2 || r.Forwards[2].Lanes != 3 {
		t.Fatalf("forwards %+v; want one session, which all are compared with, two and three", r.Forwards)
	}
	one, two, three := r.Forwards[0], r.Forwards[1], r.Forwards[2]
	if each := two.Bytes - one.Bytes; each <= 0 || three.Bytes-two.Bytes != each {
		t.Errorf("bytes of one to three sessions: %d, %d, %d; want equal steps", one.Bytes, two.Bytes, three.Bytes)
	}
	for i, o := range three.Operations {
		if strings.HasPrefix(o.Name, "product-") && !slices.ContainsFunc(one.Operations, func(p Operation) bool { return p.Name == o.Name && p.Bytes == o.Bytes }) {
			t.Errorf("operation %d of three sessions, %s, reads %d bytes, unlike that of one", i, o.Name, o.Bytes)
		}
	}
	var out bytes.Buffer
	if err := r.WriteText(&out); err != nil || !strings.Contains(out.String(), "1 threads, 1 rows of 3 lanes") {
		t.Errorf("the table: %v\n%s", err, out.String())
	}
}

func TestOptionsAreRefusedByName(t *testing.T) {
	ck := checkpoint(t)
	for want, o := range map[string]Options{
		"0 threads":          {Threads: []int{0}},
		"12 rows":            {Rows: []int{12}},
		"0 sessions":         {Lanes: []int{1, 0}},
		"99999 tokens":       {Context: 99999},
		"-1 tokens":          {Context: -1},
		"unknown or missing": {Tier: "abacus", Threads: []int{1}},
	} {
		o.Checkpoint = ck
		if _, err := Run(t.Context(), o); err == nil || (want != "unknown or missing" && !strings.Contains(err.Error(), want)) {
			t.Errorf("%+v: error %v, want one that names %q", o, err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, Options{Checkpoint: ck, Threads: []int{1}}); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled run: %v", err)
	}
}
