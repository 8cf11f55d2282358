package serve

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"
)

func TestArrivals(t *testing.T) {
	const n, rate = 20_000, 50.0
	at := Arrivals(n, rate, 7)
	if at[0] != 0 || !slices.IsSorted(at) || !slices.Equal(at, Arrivals(n, rate, 7)) || slices.Equal(at, Arrivals(n, rate, 8)) {
		t.Fatal("arrivals are not a repeatable process that begins at once")
	}
	// Gaps of a Poisson process have a mean of 1/rate and a deviation as large; a fixed seed makes this no game of luck.
	gaps := make([]float64, 0, n)
	for i := range n - 1 {
		gaps = append(gaps, (at[i+1]-at[i]).Seconds()*rate)
	}
	if s := Describe(gaps, nil); math.Abs(s.Mean-1) > 0.03 || math.Abs(s.Std-1) > 0.03 {
		t.Errorf("gaps have mean %v and deviation %v, want 1 and 1", s.Mean, s.Std)
	}
	if all := Arrivals(3, 0, 7); !slices.Equal(all, make([]time.Duration, 3)) {
		t.Errorf("without a rate arrivals are at %v", all)
	}
}

// asked answers each question after a second.
func asked(log func(system string, history []Message, turn *Turn)) Ask {
	epoch := time.Now()
	return func(ctx context.Context, system string, history []Message, turn *Turn, arrived time.Duration, _ bool) (Trace, string) {
		t := Trace{Arrived: arrived, Sent: time.Since(epoch), Seed: turn.Seed}
		log(system, history, turn)
		select {
		case <-time.After(time.Second):
			t.Events = []Event{{time.Since(epoch), 1}}
		case <-ctx.Done():
			t.Failure = &Failure{Cancelled, ""}
		}
		if turn.Text == "fail" {
			t.Failure = &Failure{"status_500", ""}
		}
		t.Ended = time.Since(epoch)
		return t, "answer to " + turn.Text
	}
}

func nothing(string, []Message, *Turn) {}

func TestGenerateKeepsItsWidth(t *testing.T) {
	plan := make([]Conversation, 10)
	for i := range plan {
		plan[i].Turns = []Turn{{Seed: uint64(i)}}
	}
	synctest.Test(t, func(t *testing.T) {
		traces := Generate(t.Context(), time.Now(), plan, Load{Concurrency: 4}, asked(nothing))
		r := Summarise(traces, Bounds{}, nil)
		if r.Completed != 10 || r.Peak != 4 || r.Duration != 3 {
			t.Errorf("%d completed, %d at once, in %v s; want 10, 4, 3", r.Completed, r.Peak, r.Duration)
		}
		if r.Wait.Max != 2000 || r.TTFT.Max != 1000 {
			t.Errorf("waited %v, first token %v: the last had to wait two seconds, outside its latency", r.Wait.Max, r.TTFT.Max)
		}
		if r := Summarise(Generate(t.Context(), time.Now(), plan, Load{}, asked(nothing)), Bounds{}, nil); r.Peak != 10 {
			t.Errorf("%d at once without a bound", r.Peak)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		l := Load{Rate: 2, Seed: 3}
		for i, tr := range Generate(t.Context(), time.Now(), plan, l, asked(nothing)) {
			if want := Arrivals(10, 2, 3)[i]; tr.Sent != want || tr.Arrived != want {
				t.Errorf("conversation %d arrived at %v, sent at %v, want %v", i, tr.Arrived, tr.Sent, want)
			}
		}
	})
}

func TestGenerateEndsWithItsContext(t *testing.T) {
	plan := make([]Conversation, 10)
	for i := range plan {
		plan[i].Turns = []Turn{{}, {}}
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		r := Summarise(Generate(ctx, time.Now(), plan, Load{Concurrency: 2}, asked(nothing)), Bounds{}, nil)
		if r.Completed != 4 || r.Cancelled != 2 || r.Sent != 6 || r.Failed != 0 {
			t.Errorf("%+v", r)
		}
	})
}

func TestConversationsGoOn(t *testing.T) {
	plan := []Conversation{{System: "s", Turns: []Turn{{Text: "a"}, {Text: "b"}, {Text: "fail"}, {Text: "never"}}}}
	synctest.Test(t, func(t *testing.T) {
		var last []Message
		traces := Generate(t.Context(), time.Now(), plan, Load{}, asked(func(system string, history []Message, turn *Turn) {
			if system != "s" || turn.Text == "never" {
				t.Errorf("asked %q of %q", turn.Text, system)
			}
			last = slices.Clone(history)
		}))
		want := []Message{{"user", "a"}, {"assistant", "answer to a"}, {"user", "b"}, {"assistant", "answer to b"}}
		if len(traces) != 3 || !slices.Equal(last, want) || traces[1].Arrived != time.Second {
			t.Errorf("%d traces, history %v", len(traces), last)
		}
	})
}

func TestPlan(t *testing.T) {
	base := Workload{Requests: 10, Input: 40, Output: 16, Prefix: 100, Turns: 4, Seed: 1}
	for _, mix := range Mixes {
		w := base
		w.Mix = mix
		plan, err := Plan(w, 0, 2)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Plan(w, 0, 2)
		other, _ := Plan(w, 1, 2)
		a, _ := json.Marshal(plan)
		b, _ := json.Marshal(again)
		c, _ := json.Marshal(other)
		if string(a) != string(b) || string(a) == string(c) {
			t.Errorf("%s: a plan is not a function of workload and run", mix)
		}
		seeds, texts, turns := map[uint64]bool{}, map[string]bool{}, 0
		for _, conversation := range plan {
			for _, turn := range conversation.Turns {
				turns++
				seeds[turn.Seed], texts[turn.Text] = true, true
				if n := len(strings.Fields(turn.Text)); mix != "sharegpt-like" && (n != 20 || turn.Output != 16) {
					t.Errorf("%s: a question has %d words, %d tokens of answer; want 20, 16", mix, n, turn.Output)
				}
			}
		}
		if turns != 10 || len(seeds) != 10 || len(texts) != 10 {
			t.Errorf("%s: %d turns, %d seeds, %d texts; want 10 of each", mix, turns, len(seeds), len(texts))
		}
		switch mix {
		case "multi-turn":
			if len(plan) != 3 || len(plan[2].Turns) != 2 {
				t.Errorf("%d conversations, the last of %d turns; want 3, 2", len(plan), len(plan[2].Turns))
			}
		case "shared-prefix":
			if n := len(strings.Fields(plan[0].System)); n != 50 || plan[9].System != plan[0].System {
				t.Errorf("the prefix has %d words, or differs", n)
			}
		}
	}
	if _, err := Plan(Workload{Mix: "odd", Requests: 1, Output: 1}, 0, 1); err == nil || !strings.Contains(err.Error(), "shared-prefix") {
		t.Errorf("an unknown mix gives %v", err)
	}
}

// A worker gives back what a client in this process would have seen.
func TestWork(t *testing.T) {
	jobs, toWorker := io.Pipe()
	fromWorker, traces := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- Work(context.Background(), jobs, traces) }()
	j := Job{Client: Settings{Base: "http://127.0.0.1:1", Streams: 1}, Plan: []Conversation{{Turns: []Turn{{Seed: 5, Output: 1}}}}}
	got, err := j.Send(toWorker, json.NewDecoder(fromWorker))
	if err != nil || len(got) != 1 || got[0].Seed != 5 || got[0].Failure == nil || got[0].Failure.Kind != "connect" {
		t.Errorf("%+v, %v", got, err)
	}
	_ = toWorker.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := Work(t.Context(), strings.NewReader("{]"), io.Discard); err == nil {
		t.Error("a broken job was taken")
	}
}

func TestRSS(t *testing.T) {
	proc := fstest.MapFS{
		"7/status": {Data: []byte("Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t3\n")},
		"8/status": {Data: []byte("Name:\tkernel\n")},
		"9/status": {Data: []byte("VmRSS:\tmany kB\n")},
	}
	if n, err := RSS(proc, 7); n != 2<<20 || err != nil {
		t.Errorf("RSS is %d, %v", n, err)
	}
	for _, pid := range []int{8, 9, 10} {
		if _, err := RSS(proc, pid); err == nil {
			t.Errorf("process %d has a memory", pid)
		}
	}
}
