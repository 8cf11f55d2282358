package sched

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mtplx/sched/bank"
	"mtplx/sched/internal/fake"
	"mtplx/stages/commit"
	"mtplx/stages/ensemble"
	"mtplx/stages/sample"
)

// history is a random life of engines over one directory: sessions that share beginnings join, are cancelled,
// run into deadlines and go on as next turns, under random options, with restarts in between.
type history struct {
	t    *testing.T
	rng  *rand.Rand
	disk string
	// attention says that the model has no recurrent state.
	attention bool
	r         *rig
	// texts are conversations so far, to go on from.
	texts [][]int32
	live  []*talk
	done  int
	seen  struct{ ended, cancelled, late, reused, refused, restarts, copied, others, guesses, foreseen, followed, cut int }
}

// talk is one session with a goroutine that reads it.
type talk struct {
	s      *Session
	q      Request
	text   string
	finish string
	err    error
	ended  chan struct{}
}

func (h *history) open() {
	rng := h.rng
	build := fake.New
	if h.attention {
		build = fake.NewAttention
	}
	m, err := build(1+rng.IntN(8), 24+rng.IntN(60), rng.Float64())
	if err != nil {
		h.t.Fatal(err)
	}
	d, err := bank.OpenDisk(h.disk, int64(4000+rng.IntN(100_000)), slog.New(slog.DiscardHandler))
	if err != nil {
		h.t.Fatal(err)
	}
	o := bank.Options{Pool: m.Pool, Pages: 1 + rng.IntN(40), Bytes: int64(rng.IntN(5000)), Fingerprint: "m"}
	if rng.IntN(4) > 0 {
		o.Disk = d
	} else {
		defer d.Close()
	}
	r := &rig{model: m, draft: fake.NewQueue(3 * time.Millisecond), verify: fake.NewQueue(10 * time.Millisecond)}
	r.verify.PerRow = time.Duration(rng.IntN(2000)) * time.Microsecond
	env := Env{
		Vocabulary: fake.Vocab, Context: 600, Rows: 3 + rng.IntN(100), Lanes: 1 + rng.IntN(6), Depth: 1 + rng.IntN(8),
		Cycles: 1 + rng.IntN(3), Waiting: 1 + rng.IntN(12), Interval: 64 + rng.IntN(300), Stretch: 1 + 2*rng.Float64(),
		Pool: m.Pool, NewTrunk: m.Trunk, NewHead: m.Head, DraftQueue: r.draft, VerifyQueue: r.verify, NewEvent: fake.Device{}.NewEvent,
	}
	env.Kept = env.Rows * (1 + rng.IntN(4))
	m.Rows, m.Kept = env.Rows, env.Kept
	m.Chains, m.Mistaken = rng.IntN(3) > 0, []float64{0, 0.02, 0.1, 0.6, 1}[rng.IntN(5)]
	if rng.IntN(6) == 0 {
		env.Chain = ChainOff
	}
	env.Overlap = []Overlap{OverlapAuto, OverlapOff, OverlapCohorts, OverlapOptimistic, OverlapOptimistic}[rng.IntN(5)]
	if rng.IntN(3) > 0 {
		env.Calibrate = time.Second
	}
	env.Lookup = rng.IntN(4) > 0
	env.Hidden = fake.HiddenSize * rng.IntN(2)
	if rng.IntN(6) == 0 {
		env.NewHead = nil
	}
	if rng.IntN(3) > 0 {
		env.NewReader = m.Head
	}
	if n := rng.IntN(12); n > 0 && n < fake.Heads && env.NewHead != nil {
		assemble(&env, m, ensemble.Options{Adapters: n, Epsilon: 0.1 + 0.9*rng.Float64(), MinDepth: 1 + rng.IntN(env.Depth)})
		o.Fingerprint += " " + strings.Repeat("adapter ", n) // the history of a head that was not there is no history
	}
	if env.Bank, err = bank.New(o); err != nil {
		h.t.Fatal(err)
	}
	if r.Engine, err = Open(env); err != nil {
		h.t.Fatal(err)
	}
	h.r = r
}

func (h *history) start() {
	rng := h.rng
	q := request(0, rng.Uint64())
	switch {
	case len(h.texts) > 0 && rng.IntN(3) > 0: // the next turn of something, or a part of it
		old := h.texts[rng.IntN(len(h.texts))]
		q.Prompt = slices.Clone(old[:len(old)-rng.IntN(1+len(old)/4*rng.IntN(2))])
	default:
		q.Prompt = request(1+rng.IntN(200), uint64(rng.IntN(4))).Prompt
	}
	for range rng.IntN(12) {
		q.Prompt = append(q.Prompt, int32(rng.IntN(fake.Vocab)))
	}
	if len(q.Prompt) == 0 || len(q.Prompt) > 500 {
		return
	}
	q.Limits.MaxTokens = 1 + rng.IntN(40)
	q.Speculate = rng.IntN(5) > 0
	q.Depth = rng.IntN(h.r.env.Depth+2) - 1
	q.Policy = []string{"", "expected", "streak", "threshold"}[rng.IntN(4)]
	if rng.IntN(2) == 0 {
		q.Target.Temperature, q.Draft.Temperature = 0, 0
	}
	if rng.IntN(3) == 0 {
		q.Shape = sample.Shape{Frequency: rng.Float64(), Presence: rng.Float64(), Repetition: 1 + rng.Float64(), Biases: []sample.Bias{{ID: int32(rng.IntN(fake.Vocab)), Value: 3}}}
	}
	if rng.IntN(3) == 0 { // it writes little else, and so repeats itself
		q.Shape.Biases = favoured[:1+rng.IntN(len(favoured))]
	}
	q.NoLookup = rng.IntN(8) == 0
	if rng.IntN(3) == 0 {
		q.Proposals = anyProposals(rng, h.r.env.Depth)
	}
	if rng.IntN(4) == 0 {
		q.Constraint = &rising{}
	} else if rng.IntN(3) == 0 {
		ends := []int32{int32(rng.IntN(fake.Vocab)), int32(rng.IntN(fake.Vocab))}
		q.Limits.StopTokens, q.Shape.Ends, q.Shape.Least = ends, ends, rng.IntN(q.Limits.MaxTokens+1)
	}
	q.Logprobs = rng.IntN(4) == 0
	q.Priority = rng.IntN(5) - 2
	if rng.IntN(6) == 0 {
		q.Deadline = time.Now().Add(time.Duration(rng.IntN(400)) * time.Millisecond)
	}
	q.Buffer = 1 + rng.IntN(60)
	q.Reuse.Mode = []bank.Mode{bank.Share, bank.Share, bank.Share, bank.Clone, bank.Off}[rng.IntN(5)]
	if rng.IntN(4) == 0 {
		q.Reuse.Pinned = rng.IntN(len(q.Prompt) + 1)
	}
	if rng.IntN(3) == 0 {
		q.Reuse.Stable = rng.IntN(len(q.Prompt) + 1)
	}
	s, err := h.r.Start(q)
	var m *MemoryError
	switch {
	case errors.Is(err, ErrBusy), errors.As(err, &m):
		h.seen.refused++
		return
	case err != nil:
		h.t.Fatal(err)
	}
	k := &talk{s: s, q: q, ended: make(chan struct{})}
	slow := time.Duration(rng.IntN(2)*rng.IntN(60)) * time.Millisecond
	go func() {
		defer close(k.ended)
		var c commit.Chunk
		var b strings.Builder
		for c.Finish == "" {
			if k.err = s.Next(context.Background(), &c); k.err != nil {
				return
			}
			b.Write(c.Text)
			time.Sleep(slow)
		}
		k.text, k.finish, k.err = b.String(), c.Finish, c.Err
	}()
	h.live = append(h.live, k)
}

// judge checks a session that has ended.
func (h *history) judge(k *talk, closing bool) {
	if k.q.Constraint != nil { // the session has used its own up
		k.q.Constraint = &rising{}
	}
	want := plain(k.q)
	reused, _ := k.s.Reused()
	if reused > 0 {
		h.seen.reused++
	}
	h.done++
	st := k.s.Stats()
	h.seen.copied += st.CopiedAccepted
	h.seen.others += st.BySource.Others(true)
	h.seen.guesses += st.Guesses
	h.seen.foreseen += st.Foreseen
	h.seen.followed += st.Followed
	h.seen.cut += st.Cut
	switch {
	case (k.finish == "length" || k.finish == "stop" && len(k.q.Limits.StopTokens) > 0 && len(k.text) >= k.q.Shape.Least) && k.text == want:
		h.seen.ended++
		text := slices.Clone(k.q.Prompt)
		for _, c := range []byte(k.text) {
			text = append(text, int32(c-'a'))
		}
		if h.texts = append(h.texts, text); len(h.texts) > 8 {
			h.texts = h.texts[1:]
		}
	case k.finish == "error" && strings.HasPrefix(want, k.text) &&
		(errors.Is(k.err, context.Canceled) && k.s.cancelled.Load() || errors.Is(k.err, ErrDeadline) && !k.q.Deadline.IsZero() || closing && errors.Is(k.err, ErrClosed)):
		if errors.Is(k.err, ErrDeadline) {
			h.seen.late++
		} else {
			h.seen.cancelled++
		}
	default:
		h.t.Fatalf("session %d: prompt of %d (%d reused), depth %d, head %v: finish %q, error %v, text\n%s\nwant\n%s",
			h.done, len(k.q.Prompt), reused, k.q.Depth, k.q.Speculate, k.finish, k.err, k.text, want)
	}
}

func (h *history) step() {
	switch x := h.rng.IntN(100); {
	case x < 45:
		h.start()
	case x < 80:
		time.Sleep(time.Duration(h.rng.IntN(150)) * time.Millisecond)
	case x < 88 && len(h.live) > 0:
		h.live[h.rng.IntN(len(h.live))].s.Cancel()
	case x < 99 && len(h.live) > 0:
		<-h.live[0].ended
	case x == 99:
		h.close()
		h.seen.restarts++
		h.open()
	}
	h.live = slices.DeleteFunc(h.live, func(k *talk) bool {
		select {
		case <-k.ended:
			h.judge(k, false)
			return true
		default:
			return false
		}
	})
	for i, w := range h.r.model.Wrong {
		if i == 0 {
			h.t.Fatalf("after %d sessions: %s", h.done, w)
		}
	}
}

// close ends the engine, gently or not, and checks that nothing is left.
func (h *history) close() {
	if h.rng.IntN(2) == 0 {
		_ = h.r.Drain(context.Background())
	}
	h.r.Close()
	for _, k := range h.live {
		<-k.ended
		h.judge(k, true)
	}
	h.live = nil
	h.r.draft.Close()
	h.r.verify.Close()
	g := h.r.model.Pool.Geometry()
	if pages, sessions := h.r.model.Pool.Free(); pages != g.Pages || sessions != g.Sessions {
		h.t.Fatalf("after close %d of %d pages and %d of %d sessions are free", pages, g.Pages, sessions, g.Sessions)
	}
	for _, w := range h.r.model.Wrong {
		h.t.Fatal(w)
	}
}

// tame names what the histories so far have met too seldom to have shown anything.
func (h *history) tame() (too []string) {
	for _, x := range []struct {
		what        string
		seen, least int
	}{
		{"ended", h.seen.ended, 1000},
		{"cancelled", h.seen.cancelled, 50},
		{"late", h.seen.late, 20},
		{"reused", h.seen.reused, 300},
		{"restarts", h.seen.restarts, 20},
		{"copied", h.seen.copied, 150},
		{"others", h.seen.others, 300},
		{"guesses", h.seen.guesses, 250},
		{"foreseen", h.seen.foreseen, 20},
		{"followed", h.seen.followed, 500},
		{"cut", h.seen.cut, 30},
	} {
		if x.seen < x.least {
			too = append(too, fmt.Sprintf("%d of %d %s", x.seen, x.least, x.what))
		}
	}
	return too
}

// add books what another history has met.
func (h *history) add(o *history) {
	h.done += o.done
	s, x := &h.seen, &o.seen
	s.ended += x.ended
	s.cancelled += x.cancelled
	s.late += x.late
	s.reused += x.reused
	s.refused += x.refused
	s.restarts += x.restarts
	s.copied += x.copied
	s.others += x.others
	s.guesses += x.guesses
	s.foreseen += x.foreseen
	s.followed += x.followed
	s.cut += x.cut
}

// Whatever happens around a session, its text is the one it writes alone: 10,000 steps in all, 2,000 under -short, or as many as
// MTPLX_STEPS says. Goroutines race in them, so that a seed meets more of one thing and less of another from run to run: where
// anything is met too seldom, further seeds follow, up to three times as many in all.
func TestRandomHistoriesChangeNoText(t *testing.T) {
	steps := 10_000
	if testing.Short() {
		steps = 2000
	}
	if n, err := strconv.Atoi(os.Getenv("MTPLX_STEPS")); err == nil {
		steps = n
	}
	const each, enough = 500, 10_000
	base := uint64(1)
	if n, err := strconv.ParseUint(os.Getenv("MTPLX_SEED"), 10, 64); err == nil {
		base = n
	}
	var sum history
	i := uint64(0)
	live := func() {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("MTPLX_STEPS=%d MTPLX_SEED=%d repeats this", each, base+i)
				}
			}()
			h := &history{t: t, rng: rand.New(rand.NewPCG(base+i, 7)), disk: dir, attention: i%4 == 3}
			h.open()
			for range each {
				h.step()
			}
			h.close()
			sum.add(h)
		})
		i++
	}
	done := func() int { return int(i) * each }
	for done() < steps && !t.Failed() {
		live()
	}
	for steps >= enough && done() < 3*steps && len(sum.tame()) > 0 && !t.Failed() {
		live()
	}
	t.Logf("%d steps, %d sessions: %+v", done(), sum.done, sum.seen)
	if too := sum.tame(); steps >= enough && len(too) > 0 && !t.Failed() {
		t.Fatalf("after %d steps the histories are too tame: %s", done(), strings.Join(too, ", "))
	}
}
