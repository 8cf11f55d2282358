package sched

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mtplx/sched/internal/fake"
	"mtplx/stages"
	"mtplx/stages/commit"
	"mtplx/stages/sample"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// letters shows token i as the letter 'a'+i.
type letters struct{}

func (letters) Append(dst []byte, id int32) []byte { return append(dst, byte('a'+id)) }
func (letters) Flush(dst []byte) []byte            { return dst }

// rig is an engine over a fake model.
type rig struct {
	*Engine
	model         *fake.Model
	draft, verify *fake.Queue
}

func newRig(t *testing.T, change func(*Env)) *rig {
	t.Helper()
	return newRigOf(t, func(e *Env, _ *fake.Model) {
		if change != nil {
			change(e)
		}
	})
}

// newRigOf is newRig for changes that need the model.
func newRigOf(t *testing.T, change func(*Env, *fake.Model)) *rig {
	t.Helper()
	m, err := fake.New(8, 64, 0.7)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{model: m, draft: fake.NewQueue(3 * time.Millisecond), verify: fake.NewQueue(10 * time.Millisecond)}
	env := Env{
		Vocabulary: fake.Vocab, Context: 400, Rows: 48, Lanes: 8, Depth: 8,
		Pool: m.Pool, NewTrunk: m.Trunk, NewHead: m.Head,
		DraftQueue: r.draft, VerifyQueue: r.verify, NewEvent: fake.Device{}.NewEvent,
	}
	change(&env, m)
	if r.Engine, err = Open(env); err != nil {
		t.Fatal(err)
	}
	return r
}

// close ends the rig and reports breaches of contract.
func (r *rig) close(t *testing.T) {
	t.Helper()
	r.Close()
	r.draft.Close()
	r.verify.Close()
	for i, w := range r.model.Wrong {
		t.Error(w)
		if i == 4 {
			t.Fatalf("and %d more", len(r.model.Wrong)-5)
		}
	}
	if pages, sessions := r.model.Pool.Free(); pages != 64 || sessions != 8 {
		t.Errorf("after close %d of 64 pages and %d of 8 sessions are free", pages, sessions)
	}
}

func request(prompt int, seed uint64) Request {
	rng := rand.New(rand.NewPCG(seed, 1))
	r := Request{
		Limits: commit.Limits{MaxTokens: 40}, Detok: letters{}, Target: sample.Sampler{Temperature: 0.8, TopP: 0.95, TopK: 12},
		Rule: sample.Coupled, Seed: seed, Speculate: true, Depth: 3,
	}
	r.Draft = r.Target
	for range prompt {
		r.Prompt = append(r.Prompt, int32(rng.IntN(fake.Vocab)))
	}
	return r
}

// read collects a session's text.
func read(ctx context.Context, s *Session) (text, finish string, err error) {
	var c commit.Chunk
	var b strings.Builder
	for finish == "" {
		if err := s.Next(ctx, &c); err != nil {
			return b.String(), "", err
		}
		b.Write(c.Text)
		finish, err = c.Finish, c.Err
	}
	return b.String(), finish, err
}

// writes runs a request, under a grammar or not, and holds its text to plain's.
func (r *rig) writes(t *testing.T, q Request, guided bool) stages.Stats {
	t.Helper()
	guide := func() {
		if guided {
			q.Constraint = &rising{} // which remembers
		}
	}
	guide()
	want := plain(q)
	guide()
	s, err := r.Start(q)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := read(t.Context(), s); err != nil || got != want {
		t.Fatalf("seed %d: %q, error %v; want %q", q.Seed, got, err, want)
	}
	return s.Stats()
}

// plain is what the fake model alone writes under a request.
func plain(r Request) string {
	text := slices.Clone(r.Prompt)
	shaper := sample.NewShaper(r.Shape, r.Prompt, fake.Vocab)
	var masker sample.Masker
	var out []byte
	for range r.Limits.MaxTokens {
		scores := shaper.Apply(sample.LogitsOf(fake.Next(text), r.Target.Temperature), r.Target.Temperature)
		var err error
		if r.Constraint != nil {
			mask := make([]uint64, 1)
			r.Constraint.Mask(mask)
			if scores, err = masker.Apply(scores, mask, r.Target.Temperature); err != nil {
				panic(err)
			}
		}
		var d sample.Dist
		if err := r.Target.Filter(&d, scores); err != nil {
			panic(err)
		}
		_, next := r.Rule.Verify(r.Seed, int64(len(text)), nil, nil, []sample.Dist{d})
		if slices.Contains(r.Limits.StopTokens, next) {
			break
		}
		text = append(text, next)
		shaper.Push(next)
		if r.Constraint != nil {
			r.Constraint.Advance(next)
		}
		out = letters{}.Append(out, next)
	}
	return string(out)
}

// rising allows only tokens that are greater than the last by at most 9, modulo the vocabulary.
type rising struct{ text []int32 }

func (c *rising) last() int32 {
	if len(c.text) == 0 {
		return 0
	}
	return c.text[len(c.text)-1]
}

func (c *rising) ok(id int32) bool {
	step := (id - c.last() + fake.Vocab) % fake.Vocab
	return step >= 1 && step <= 9
}

func (c *rising) Mask(dst []uint64) {
	dst[0] = 0
	for id := range int32(fake.Vocab) {
		if c.ok(id) {
			dst[0] |= 1 << id
		}
	}
}

func (c *rising) Advance(id int32) bool {
	if !c.ok(id) {
		return false
	}
	c.text = append(c.text, id)
	return true
}

func (c *rising) Rollback(n int) { c.text = c.text[:len(c.text)-n] }
