package sched

import (
	"testing"
	"testing/synctest"
	"time"

	"mtplx/stages/sample"
)

// favoured are biases under which the fake model writes three tokens only, so that every pair of them has occurred
// before and what followed it stands now and then.
var favoured = []sample.Bias{{ID: 3, Value: 60}, {ID: 8, Value: 60}, {ID: 11, Value: 60}}

// copying is a request over such a text.
func copying(seed uint64) Request {
	r := request(0, seed)
	for i := range 40 {
		r.Prompt = append(r.Prompt, favoured[int(sample.Uniform(seed, int64(i), sample.ForDraft)*3)].ID)
	}
	r.Shape.Biases, r.Depth = favoured, Auto
	return r
}

func withLookup(change func(*Env)) func(*Env) {
	return func(e *Env) {
		e.Lookup = true
		if change != nil {
			change(e)
		}
	}
}

func headless(e *Env) { e.NewHead = nil }

// Copied drafts change no text: not greedily, not for a seed, not under penalties or a grammar, with a head beside
// them and without one.
func TestCopiesChangeNoText(t *testing.T) {
	for name, change := range map[string]func(*Env){"with a head": nil, "without a head": headless} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, withLookup(change))
				defer r.close(t)
				r.draft.Time = 60 * time.Millisecond // so that copying pays though few copies stand
				stood, fell, under := 0, 0, 0
				for i := range 48 {
					req := copying(uint64(i + 1))
					req.Limits.MaxTokens = 60
					if i%2 == 0 {
						req.Target.Temperature, req.Draft.Temperature = 0, 0
					}
					if i%3 == 0 {
						req.Shape.Frequency, req.Shape.Presence, req.Shape.Repetition = 0.4, 0.2, 1.1
					}
					guided := i%4 > 1
					st := r.writes(t, req, guided)
					stood += st.CopiedAccepted
					fell += st.Copied - st.CopiedAccepted
					if guided {
						under += st.Copied
					}
				}
				if stood < 100 || fell < 100 || under < 20 {
					t.Errorf("%d copies stood, %d fell, %d were under a grammar: that says too little", stood, fell, under)
				}
			})
		})
	}
}

// A copied draft's distribution has one point. Under the ratio rule, texts with copies then have the joint distribution
// of plain sampling; with any other q they would not.
func TestCopiedTextsHaveThePlainDistribution(t *testing.T) {
	const n, length = 4000, 5
	base := copying(5)
	base.Target = sample.Sampler{Temperature: 1.5, TopP: 1, TopK: 3}
	base.Draft, base.Rule, base.Limits.MaxTokens = base.Target, sample.Ratio, length
	want := chances(t, &base, favoured)
	counts := map[string]int{}
	stood, fell := 0, 0
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withLookup(headless))
		defer r.close(t)
		for seed := range n {
			req := base
			req.Seed = uint64(seed)
			s, err := r.Start(req)
			if err != nil {
				t.Fatal(err)
			}
			text, _, err := read(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			counts[text]++
			st := s.Stats()
			stood += st.CopiedAccepted
			fell += st.Copied - st.CopiedAccepted
		}
	})
	if stood < n/4 || fell < n/4 {
		t.Fatalf("%d copies stood and %d fell in %d texts: that says too little", stood, fell, n)
	}
	plausible(t, counts, want, n)
}

// What has been written before is copied in long runs without the head, which goes on from its own history afterwards:
// the fake model refuses a history that is not the text's.
func TestARepeatedPassageTakesFewForwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withLookup(nil))
		defer r.close(t)
		r.model.Rows = r.env.Rows
		req := request(30, 3)
		req.Depth, req.Target.Temperature, req.Draft.Temperature = Auto, 0, 0
		req.Shape.Biases = []sample.Bias{{ID: 5, Value: 90}} // it writes one token for ever
		req.Limits.MaxTokens = 120
		for _, off := range []bool{false, true} {
			req.NoLookup = off
			before := r.draft.Count()
			s, err := r.Start(req)
			if err != nil {
				t.Fatal(err)
			}
			if text, _, err := read(t.Context(), s); err != nil || text != plain(req) {
				t.Fatalf("text %q, error %v", text, err)
			}
			st, drafts := s.Stats(), r.draft.Count()-before
			switch {
			case off && st.Copied > 0:
				t.Errorf("a request without lookup copied %d tokens", st.Copied)
			case !off && (st.CopiedAccepted < 80 || st.Cycles > 30 || drafts > st.Cycles):
				t.Errorf("%d copies stood in %d cycles with %d forwards of the head", st.CopiedAccepted, st.Cycles, drafts)
			}
			sum := st.Cycles - st.Verifies + st.CopiedAccepted + st.Bonus + st.Corrections
			for _, n := range st.Accepted {
				sum += n
			}
			if sum != 119 { // the first comes with the prompt
				t.Errorf("119 tokens are booked as %d: %+v", sum, st)
			}
		}
	})
}

// A depth that was asked for is the head's: nothing is copied.
func TestAFixedDepthIsTheHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, withLookup(nil))
		defer r.close(t)
		for _, change := range []func(*Request){
			func(q *Request) { q.Depth = 2 },
			func(q *Request) { q.Policy = "streak" },
			func(q *Request) { q.Speculate = false },
		} {
			req := copying(9)
			change(&req)
			s, err := r.Start(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := read(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			if st := s.Stats(); st.Copied > 0 {
				t.Errorf("depth %d, policy %q: %d tokens were copied", req.Depth, req.Policy, st.Copied)
			}
		}
	})
}
