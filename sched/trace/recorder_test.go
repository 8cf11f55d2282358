package trace

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"time"

	"mtplx/sched/queue"
	"mtplx/stages"
)

type event struct {
	Name string  `json:"name"`
	Ph   string  `json:"ph"`
	Tid  int     `json:"tid"`
	Ts   float64 `json:"ts"`
	Dur  float64 `json:"dur"`
	Args map[string]any
}

func cycle(id uint64, formed time.Time, verifyFrom, verify time.Duration) *stages.Cycle {
	c := &stages.Cycle{ID: id, Lanes: []*stages.Lane{{Drafts: []int32{1, 2}, Accepted: 1}, {Chunk: 7}, {Drafts: []int32{3, 4, 5}, Copying: true, Accepted: 2}}}
	c.Followed, c.Lanes[0].Strayed = 3, true
	c.Lanes[1].Span.Tokens = make([]int32, 7)
	c.Lanes[0].Span.Tokens = make([]int32, 3)
	c.Times = stages.Times{
		Formed: formed, Start: formed.Add(10 * time.Microsecond), Submitted: formed.Add(verifyFrom),
		Draft: 200 * time.Microsecond, History: 50 * time.Microsecond, Verify: verify, Accept: 20 * time.Microsecond, Commit: 5 * time.Microsecond,
	}
	return c
}

func TestTraceIsJSONWithOneSliceAStageAndNoOverlapOnATrack(t *testing.T) {
	var out bytes.Buffer
	r := New(&out)
	now := time.Now()
	r.Observe(cycle(1, now, 300*time.Microsecond, time.Millisecond))
	r.Observe(cycle(2, now.Add(400*time.Microsecond), 300*time.Microsecond, 1500*time.Microsecond)) // submitted while the first is verified
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var events []event
	if err := json.Unmarshal(out.Bytes(), &events); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	seen, end := map[string]int{}, map[int]float64{}
	for _, e := range events {
		if e.Ph != "X" {
			continue
		}
		seen[e.Name]++
		if e.Ts < end[e.Tid]-0.001 || e.Dur <= 0 {
			t.Errorf("%s of cycle %v begins at %v on a track that is busy to %v, and lasts %v", e.Name, e.Args["cycle"], e.Ts, end[e.Tid], e.Dur)
		}
		end[e.Tid] = e.Ts + e.Dur
		for name, want := range map[string]float64{"lanes": 3, "rows": 10, "prompt_rows": 7, "drafted": 2, "accepted": 1, "copied": 3, "copied_accepted": 2, "followed": 3, "cut": 1} {
			if e.Args[name] != want {
				t.Errorf("%s says %s is %v, want %v", e.Name, name, e.Args[name], want)
			}
		}
	}
	for _, name := range []string{"wait", "history", "drafts", "verify", "accept", "commit"} {
		if seen[name] != 2 {
			t.Errorf("%d slices are called %s, want 2", seen[name], name)
		}
	}
}

func TestObserveAllocatesNothing(t *testing.T) {
	r := New(io.Discard)
	c := cycle(1, time.Now(), 300*time.Microsecond, time.Millisecond)
	if n := testing.AllocsPerRun(100, func() {
		r.Observe(c)
		c.Times.Formed = c.Times.Formed.Add(10 * time.Millisecond)
		c.Times.Start, c.Times.Submitted = c.Times.Formed, c.Times.Formed
	}); n > 0 {
		t.Fatalf("a cycle allocates %v times", n)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestErrorsOfTheWriterAreReported(t *testing.T) {
	r := New(full{})
	for range 1000 {
		r.Observe(cycle(1, time.Now(), 0, time.Millisecond))
	}
	if err := r.Close(); err == nil {
		t.Fatal("a full disk went unnoticed")
	}
}

func TestQueuesHaveTracksOfTheirOwn(t *testing.T) {
	var out bytes.Buffer
	r := New(&out)
	now := time.Now()
	r.Ran(VerifyQueue, queue.Run{Label: "trunk", Start: now, End: now.Add(300 * time.Microsecond)})
	r.Observe(cycle(1, now.Add(-time.Millisecond), 300*time.Microsecond, time.Millisecond))
	r.Ran(DraftQueue, queue.Run{Label: "head", Start: now.Add(100 * time.Microsecond), End: now.Add(150 * time.Microsecond)})
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	var events []event
	if err := json.Unmarshal(out.Bytes(), &events); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	names := map[int]string{}
	found := 0
	for _, e := range events {
		switch {
		case e.Ph == "M" && e.Name == "thread_name":
			names[e.Tid], _ = e.Args["name"].(string)
		case e.Name == "trunk" && e.Ts == 0 && e.Dur == 300 && names[e.Tid] == "device: verify queue":
			found++
		case e.Name == "head" && e.Ts == 100 && e.Dur == 50 && names[e.Tid] == "device: draft queue":
			found++
		}
	}
	if found != 2 {
		t.Fatalf("%d of 2 programs are where they should be in %s", found, &out)
	}
}
