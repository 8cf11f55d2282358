package qwen_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"mtplx/kernels/cpu"
	"mtplx/model/qwen"
	"mtplx/model/weights"
	"mtplx/sched/page"
	"mtplx/sched/queue"
)

// BenchmarkForward verifies 1 to 8 rows after 512 tokens of context on the default checkpoint and shows, in
// microseconds a forward, what each kind of operation took of it, summed over workers.
func BenchmarkForward(b *testing.B) {
	threads := []int{1, 2}
	if v, err := strconv.Atoi(os.Getenv("MTPLX_BENCH_THREADS")); err == nil {
		threads = []int{v}
	}
	for _, t := range threads {
		for _, head := range []bool{false, true} {
			for _, rows := range []int{1, 2, 3, 4, 8} {
				if head && rows > 1 {
					continue
				}
				b.Run(fmt.Sprintf("threads=%d/head=%v/rows=%d", t, head, rows), func(b *testing.B) { benchForward(b, t, rows, head) })
			}
		}
	}
}

func benchForward(b *testing.B, threads, rows int, head bool) {
	b.Helper()
	set, err := weights.OpenDir("../demo/default")
	if err != nil {
		b.Fatal(err)
	}
	ck, err := qwen.Load(set)
	if err != nil {
		b.Fatal(err)
	}
	dev, err := cpu.New(cpu.Options{Threads: threads, Profile: os.Getenv("MTPLX_BENCH_PROFILE") != ""})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = dev.Close() }()
	m, err := qwen.New(dev, ck, qwen.Options{DraftHeadBits: 4, DraftVocabulary: qwen.AutoDraftVocabulary})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	q, err := dev.NewQueue("bench")
	if err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	trunk, err := m.NewTrunk(q)
	if err != nil {
		b.Fatal(err)
	}
	defer trunk.Close()
	f := trunk
	if head {
		if f, err = m.NewHead(q); err != nil {
			b.Fatal(err)
		}
		defer f.Close()
	}
	s, err := m.NewState()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Release()
	if err := s.Extend(600); err != nil {
		b.Fatal(err)
	}
	done, ticket := dev.NewEvent(), uint64(0)
	run := func(f *qwen.Forward, span *page.Span) {
		f.Begin()
		if err := f.Add(span); err != nil {
			b.Fatal(err)
		}
		ticket++
		if err := f.Submit(q, queue.Point{}, queue.Point{Event: done, Value: ticket}); err != nil {
			b.Fatal(err)
		}
		if err := done.Wait(context.Background(), ticket); err != nil {
			b.Fatal(err)
		}
	}
	tokens := make([]int32, 256)
	for i := range tokens {
		tokens[i] = int32(300 + 31*i%2000)
	}
	for range 2 {
		sp := page.Span{State: s, Tokens: tokens, Base: s.Len(), Certain: len(tokens)}
		run(trunk, &sp)
		s.Commit(&sp, len(tokens))
	}
	span := page.Span{State: s, Tokens: tokens[:rows], Base: s.Len(), Certain: 1, Logits: rows, Temperature: 0.6}
	if head {
		span.Chain, span.Certain = true, 0
	}
	dev.TakeProfile()
	for b.Loop() {
		run(f, &span)
	}
	for kernel, t := range dev.TakeProfile() {
		b.ReportMetric(float64(t.Microseconds())/float64(b.N), kernel+"-us")
	}
}
