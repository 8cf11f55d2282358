package qwen_test

import (
	"context"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/weights"
	"mtplx/sched/page"
	"mtplx/sched/queue"
)

// rig is a model on a device with one queue, driven a forward at a time.
type rig struct {
	m           *qwen.Model
	q           queue.Queue
	done        queue.Event
	ticket      uint64
	trunk, head *qwen.Forward
}

func openDemo(t testing.TB) *qwen.Checkpoint {
	t.Helper()
	set, err := weights.OpenMemory("demo", demo.Files())
	if err != nil {
		t.Fatal(err)
	}
	ck, err := qwen.Load(set)
	if err != nil {
		t.Fatal(err)
	}
	return ck
}

func newRig(t testing.TB, ck *qwen.Checkpoint, threads int, o qwen.Options) *rig {
	t.Helper()
	dev, err := cpu.New(cpu.Options{Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{done: dev.NewEvent()}
	if r.m, err = qwen.New(dev, ck, o); err != nil {
		t.Fatal(err)
	}
	if r.q, err = dev.NewQueue("test"); err != nil {
		t.Fatal(err)
	}
	if r.trunk, err = r.m.NewTrunk(r.q); err != nil {
		t.Fatal(err)
	}
	if r.m.HasHead() {
		if r.head, err = r.m.NewHead(r.q); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		r.q.Close()
		r.trunk.Close()
		if r.head != nil {
			r.head.Close()
		}
		r.m.Close()
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// run submits a forward over spans and waits for it.
func (r *rig) run(t testing.TB, f *qwen.Forward, spans ...*page.Span) {
	t.Helper()
	f.Begin()
	for _, s := range spans {
		if err := f.Add(s); err != nil {
			t.Fatal(err)
		}
	}
	r.ticket++
	if err := f.Submit(r.q, queue.Point{}, queue.Point{Event: r.done, Value: r.ticket}); err != nil {
		t.Fatal(err)
	}
	if err := r.done.Wait(context.Background(), r.ticket); err != nil {
		t.Fatal(err)
	}
	if err := r.q.Err(); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) state(t testing.TB) *page.State {
	t.Helper()
	s, err := r.m.NewState()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// begin opens a rig for drafts whose session's trunk has read all of a text but its last token, with the last row's logits.
func begin(t testing.TB, ck *qwen.Checkpoint, o qwen.Options, text []int32) (*rig, *page.State) {
	t.Helper()
	o.Mode, o.Context, o.Rows = kernels.Float32, 64, 16
	r := newRig(t, ck, 2, o)
	s := r.state(t)
	if err := s.Extend(len(text) + 4); err != nil {
		t.Fatal(err)
	}
	n := len(text) - 1
	span := page.Span{State: s, Tokens: text[:n], Certain: n, Logits: 1}
	r.run(t, r.trunk, &span)
	s.Commit(&span, n)
	return r, s
}

// alone forwards text one row at a time, plainly, and returns every row's logits.
func (r *rig) alone(t testing.TB, text []int32) [][]float32 {
	t.Helper()
	s := r.state(t)
	defer s.Release()
	var out [][]float32
	for i := range text {
		if err := s.Extend(1); err != nil {
			t.Fatal(err)
		}
		span := page.Span{State: s, Tokens: text[i : i+1], Base: i, Certain: 1, Logits: 1}
		r.run(t, r.trunk, &span)
		s.Commit(&span, 1)
		out = append(out, slices.Clone(r.trunk.Logits(0)))
	}
	return out
}

// sameBits names the first place where two rows differ.
func sameBits(got, want []float32) error {
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			return fmt.Errorf("entry %d is %v (%08x), want %v (%08x)", i, got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
		}
	}
	return nil
}

func randomText(rng *rand.Rand, n, vocab int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(rng.IntN(vocab))
	}
	return out
}

// Random schedules: several sessions share forwards, prompts come in random chunks, verifies carry random
// wrong drafts of which random many are committed, sessions are forked. Every row of logits that belongs
// to committed text has the bits of the same row computed alone, one row at a time, by one thread.
func TestLogitsDoNotDependOnTheSchedule(t *testing.T) {
	fewer(t)
	ck := openDemo(t)
	const length, sessions = 70, 4
	rng := rand.New(rand.NewPCG(1, 2))
	var texts [sessions][]int32
	for i := range texts {
		texts[i] = randomText(rng, length, ck.VocabSize)
	}
	for _, way := range []struct {
		mode kernels.Mode
		kv   kernels.KV
	}{{mode: kernels.Fast}, {mode: kernels.Exact}, {kv: kernels.KVQ8}, {kv: kernels.KVQ8V4}, {kv: kernels.KVQ8V3}} {
		if testing.Short() && (way.mode == kernels.Exact || way.kv == kernels.KVQ8V4) {
			continue // the same goroutines
		}
		opt := qwen.Options{Mode: way.mode, KV: way.kv, Rows: 64, Lanes: sessions, Sessions: 2 * sessions, Logits: 64, Context: 256, Pages: 64}
		single := newRig(t, ck, 1, opt)
		var want [sessions][][]float32
		for i := range texts {
			want[i] = single.alone(t, texts[i])
		}
		many := newRig(t, ck, 2, opt)
		t.Run(fmt.Sprintf("%v, %v", way.mode, way.kv), func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				playSchedule(t, rt, many, texts[:], want[:], ck.VocabSize)
			})
		})
	}
}

// fewer lets rapid try 25 schedules, each of which computes some hundred rows, unless its flag asks for another number.
func fewer(t *testing.T) {
	t.Helper()
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("25"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Value.Set(f.DefValue) })
	}
}

// player is one session on its way through a text.
type player struct {
	s    *page.State
	text int
}

func playSchedule(t *testing.T, rt *rapid.T, r *rig, texts [][]int32, want [][][]float32, vocab int) {
	t.Helper()
	var live []*player
	defer func() {
		for _, p := range live {
			p.s.Release()
		}
	}()
	for i := range rapid.IntRange(1, len(texts)).Draw(rt, "sessions") {
		live = append(live, &player{r.state(t), i})
	}
	for range rapid.IntRange(3, 9).Draw(rt, "cycles") {
		order := rapid.Permutation(live).Draw(rt, "order")
		order = order[:rapid.IntRange(1, min(len(order), 4)).Draw(rt, "lanes")]
		var spans []*page.Span
		var in []*player
		rows := 64
		for _, p := range order {
			text := texts[p.text]
			left := len(text) - p.s.Len()
			if left < 12 || rows < 16 {
				continue
			}
			sp := &page.Span{State: p.s, Base: p.s.Len()}
			if rapid.Bool().Draw(rt, "prompt") {
				n := rapid.IntRange(1, min(left-9, rows, 40)).Draw(rt, "chunk")
				sp.Tokens, sp.Certain = text[sp.Base:sp.Base+n], n
			} else {
				k := rapid.IntRange(0, 8).Draw(rt, "drafts")
				good := rapid.IntRange(0, k).Draw(rt, "good")
				sp.Tokens = slices.Clone(text[sp.Base : sp.Base+1+k])
				for i := good + 1; i <= k; i++ {
					sp.Tokens[i] = int32(rapid.IntRange(0, vocab-1).Draw(rt, "wrong"))
				}
				sp.Certain = 1
			}
			sp.Logits = len(sp.Tokens)
			if err := p.s.Extend(len(sp.Tokens)); err != nil {
				rt.Fatal(err)
			}
			rows -= len(sp.Tokens)
			spans, in = append(spans, sp), append(in, p)
		}
		if len(spans) == 0 {
			continue
		}
		r.run(t, r.trunk, spans...)
		row := 0
		for i, sp := range spans {
			text := texts[in[i].text]
			good := 0
			for good < len(sp.Tokens) && sp.Tokens[good] == text[sp.Base+good] {
				if err := sameBits(r.trunk.Logits(row+good), want[in[i].text][sp.Base+good]); err != nil {
					rt.Fatalf("session %d, row %d of %d at %d (certain %d): %v", in[i].text, good, len(sp.Tokens), sp.Base, sp.Certain, err)
				}
				good++
			}
			row += len(sp.Tokens)
			sp.State.Commit(sp, rapid.IntRange(sp.Certain, good).Draw(rt, "commit"))
		}
		if len(live) < 6 && rapid.IntRange(0, 3).Draw(rt, "fork") == 0 {
			p := rapid.SampledFrom(live).Draw(rt, "forked")
			if f, err := p.s.Fork(); err == nil {
				live = append(live, &player{f, p.text})
			}
		}
	}
}

// The head's rows too: a history in one forward, in pieces, and over a rejected chain of drafts are the
// same bits, however keys and values are kept.
func TestHeadRowsDoNotDependOnTheSchedule(t *testing.T) {
	ck := openDemo(t)
	for _, kv := range []kernels.KV{kernels.KVPlain, kernels.KVQ8, kernels.KVQ8V4, kernels.KVQ8V3} {
		if testing.Short() && kv != kernels.KVPlain {
			continue // the same goroutines
		}
		t.Run(kv.String(), func(t *testing.T) { playHead(t, ck, kv) })
	}
}

func playHead(t *testing.T, ck *qwen.Checkpoint, kv kernels.KV) {
	t.Helper()
	opt := qwen.Options{KV: kv, Rows: 64, Sessions: 2, Logits: 64, Context: 256, DraftHeadBits: 4}
	r := newRig(t, ck, 2, opt)
	text := randomText(rand.New(rand.NewPCG(3, 4)), 50, ck.VocabSize)
	history := func(pieces []int, chains bool) [][]float32 {
		s := r.state(t)
		defer s.Release()
		var out [][]float32
		at := 0
		for _, n := range pieces {
			if err := s.Extend(n + 8); err != nil {
				t.Fatal(err)
			}
			span := page.Span{State: s, Tokens: text[at : at+n], Base: at, Certain: n}
			r.run(t, r.trunk, &span)
			s.Commit(&span, n)
			r.run(t, r.head, &page.Span{State: s, Tokens: text[at+1 : at+n+1], Base: at, Logits: n})
			for i := range n {
				out = append(out, slices.Clone(r.head.Logits(i)))
			}
			at += n
			s.SetHeadLen(at)
			for j := range 4 {
				if chains {
					r.run(t, r.head, &page.Span{State: s, Tokens: []int32{int32(j * 7)}, Base: at + j, Chain: true, Logits: 1})
				}
			}
		}
		return out
	}
	want := history([]int{49}, false)
	for name, got := range map[string][][]float32{
		"in pieces":    history([]int{1, 20, 3, 25}, false),
		"after chains": history([]int{5, 1, 30, 2, 11}, true),
	} {
		for i := range want {
			if err := sameBits(got[i], want[i]); err != nil {
				t.Fatalf("%s: head row %d: %v", name, i, err)
			}
		}
	}
}
