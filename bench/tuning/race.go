package tuning

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Sample is one answer.
type Sample struct {
	Rate float64 // decoded tokens a second
	// Text is compared with that of other settings at the same Place, for the same prompt and seed; nil is not.
	Text  []int32
	Place string
}

// ErrUnable is what the error of a Measure wraps when settings cannot be had here, such as a device without room for the
// model. A candidate like that is left out; the default must be had.
var ErrUnable = errors.New("these settings cannot be had here")

// Measure answers a prompt, given by its number, with settings.
type Measure func(ctx context.Context, s Settings, prompt int, seed uint64) (Sample, error)

// Progress is how far a run is.
type Progress struct {
	Stage    string // what is done
	Settings Settings
	Done     float64 // share of the budget
}

// Options are what is tried, on what, and for how long.
type Options struct {
	Space   Space
	Prompts int // how many there are
	Budget  time.Duration
	// Apart says that opened models do not fit into memory beside each other, so that settings change seldom.
	Apart    bool
	Measure  Measure
	Progress func(Progress) // before each answer; may be nil
}

// A race spends so much of its budget on screening, and half of that on looking at as many candidates as there is time for.
const screenShare = 0.5

// mostRounds ends a race before its budget does.
const mostRounds = 24

// Score is what is known of a candidate from the screening.
type Score struct {
	Settings Settings  `json:"settings"`
	Laps     int       `json:"laps"` // 0: the budget did not reach it, or Problem
	Gain     float64   `json:"gain"` // over the default; 0.1 is a tenth faster
	Problem  string    `json:"problem,omitempty"`
	laps     []float64 // logarithms
}

// Outcome is what a run found.
type Outcome struct {
	Default  Settings
	Winner   Settings // the default unless Champion wins
	Champion Settings // what the screening named; the default when it named nothing
	Verdict  Verdict  // on the champion
	Scores   []Score  // of all candidates, those that came furthest first, those not reached last

	// Rates are the median tokens a second of plain decoding, the default and the winner, from the last rounds.
	PlainRate, DefaultRate, WinnerRate float64
	Answers, Compared                  int // answers in all, and how many texts were held against another's
	Elapsed                            time.Duration
	RoundTime                          time.Duration // of the slowest of the last rounds; 0 when there was none
}

// InexactError is a text that settings changed.
type InexactError struct {
	Settings, Other Settings
	Prompt          int
	Seed            uint64
	At              int // the first token that differs
}

func (e *InexactError) Error() string {
	return fmt.Sprintf("%s and %s write different texts for prompt %d with seed %d, from token %d on", e.Settings, e.Other, e.Prompt+1, e.Seed, e.At)
}

// errSpent ends what the budget has no time for.
var errSpent = errors.New("the budget is spent")

// race is one run.
type race struct {
	Options
	def   Settings
	start time.Time
	stage string
	texts map[textKey]text
	out   Outcome

	defaults, winners, plains []float64 // logarithms of rates in the last rounds
}

type textKey struct {
	place  string
	prompt int
	seed   uint64
}

type text struct {
	tokens []int32
	by     Settings
}

// Run finds the best settings. When ctx ends it returns its error and nothing else; when the budget does, what is known
// by then.
func Run(ctx context.Context, o Options) (*Outcome, error) {
	if o.Prompts < 1 {
		return nil, errors.New("tune: there is no prompt")
	}
	r := &race{Options: o, def: o.Space.Default(), start: time.Now(), texts: map[textKey]text{}}
	r.out.Default, r.out.Winner, r.out.Champion = r.def, r.def, r.def
	within, cancel := context.WithDeadlineCause(ctx, r.at(1), errSpent)
	defer cancel()
	err := r.run(within)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && !errors.Is(err, errSpent) && context.Cause(within) != errSpent { //nolint:errorlint // the cause is the value itself
		return nil, err
	}
	r.finish()
	return &r.out, nil
}

func (r *race) run(ctx context.Context) error {
	r.stage = "warming up"
	if _, err := r.block(ctx, r.def, []int{0}, 0); err != nil {
		return err
	}
	champion, err := r.screen(ctx)
	if err != nil {
		return err
	}
	r.out.Champion = champion
	return r.final(ctx, champion)
}

// at is when a share of the budget is spent.
func (r *race) at(share float64) time.Time {
	return r.start.Add(time.Duration(share * float64(r.Budget)))
}

// screen measures candidates in laps of two prompts. The first lap looks at those that differ from the default in one
// thing, then at as many others as it has time for, the most promising first: gains add up, about. Each further lap goes
// on with the better half.
func (r *race) screen(ctx context.Context) (Settings, error) {
	all := r.Space.Candidates()
	scores := make([]*Score, len(all))
	r.out.Scores = make([]Score, len(all))
	at := map[Settings]*Score{}
	for i, c := range all {
		r.out.Scores[i].Settings = c
		scores[i] = &r.out.Scores[i]
		at[c] = scores[i]
	}
	ones := 0
	for ones < len(all) && len(changes(all[ones], r.def)) == 1 {
		ones++
	}
	half := r.at(screenShare / 2)
	r.stage = "screening"
	if err := r.lap(ctx, scores[:ones], 0, half); err != nil {
		return r.def, err
	}
	others := scores[ones:]
	promise := func(s *Score) (sum float64) {
		for _, c := range changes(s.Settings, r.def) {
			if one := at[c]; one != nil {
				sum += one.log()
			}
		}
		return sum
	}
	slices.SortStableFunc(others, func(a, b *Score) int { return cmp.Compare(promise(b), promise(a)) })
	if err := r.lap(ctx, others, 0, half); err != nil {
		return r.def, err
	}
	alive := slices.DeleteFunc(slices.Clone(scores), func(s *Score) bool { return s.Laps == 0 })
	for lap := 1; ; lap++ {
		slices.SortStableFunc(alive, func(a, b *Score) int { return cmp.Compare(b.log(), a.log()) })
		if len(alive) < 2 || !time.Now().Before(r.at(screenShare)) {
			break
		}
		alive = alive[:(len(alive)+1)/2]
		if len(alive) == 1 {
			break
		}
		group := slices.Clone(alive) // those of one engine in turn: changing it may take time
		slices.SortStableFunc(group, func(a, b *Score) int { return engineOrder(a.Settings, b.Settings) })
		if err := r.lap(ctx, group, lap, r.at(screenShare)); err != nil {
			return r.def, err
		}
		if slices.ContainsFunc(group, func(s *Score) bool { return s.Laps <= lap }) { // cut short: who was left out must not lose or gain by it
			for _, s := range group {
				s.drop(lap)
			}
			break
		}
	}
	if len(alive) == 0 {
		return r.def, nil
	}
	return alive[0].Settings, nil
}

// lap measures candidates, each between two runs of the default, until a time. At least one is measured.
func (r *race) lap(ctx context.Context, cands []*Score, lap int, until time.Time) error {
	if len(cands) == 0 || lap == 0 && cands[0].Laps == 0 && !time.Now().Before(until) {
		return nil
	}
	prompts := []int{2 * lap % r.Prompts}
	if second := (2*lap + 1) % r.Prompts; second != prompts[0] {
		prompts = append(prompts, second)
	}
	seed := uint64(lap)
	before, err := r.block(ctx, r.def, prompts, seed)
	if err != nil {
		return err
	}
	for i, c := range cands {
		if i > 0 && !time.Now().Before(until) {
			return nil
		}
		v, err := r.block(ctx, c.Settings, prompts, seed)
		if errors.Is(err, ErrUnable) {
			c.Problem = err.Error()
			continue
		}
		if err != nil {
			return err
		}
		after, err := r.block(ctx, r.def, prompts, seed)
		if err != nil {
			return err
		}
		c.laps = append(c.laps, v-(before+after)/2)
		c.Laps, c.Gain = len(c.laps), math.Expm1(c.log())
		before = after
	}
	return nil
}

// firstFinalSeed is beyond the seeds of the screening, whose texts chose the champion.
const firstFinalSeed = 1 << 16

// final measures the champion anew, in rounds over all prompts, and plain decoding beside it in every second round.
func (r *race) final(ctx context.Context, champion Settings) error {
	r.stage = "deciding"
	var rounds, quiet []float64
	size := 1
	if r.Apart {
		size = r.Prompts
	}
	prompts := make([]int, r.Prompts)
	for i := range prompts {
		prompts[i] = i
	}
	for n := range mostRounds {
		begin := time.Now()
		if n > 0 && begin.Add(r.out.RoundTime).After(r.at(1)) {
			return nil
		}
		var sum sums
		for chunk := range slices.Chunk(prompts, size) {
			if err := r.sandwich(ctx, champion, chunk, firstFinalSeed+uint64(n), n%2 == 0, &sum); err != nil {
				return err
			}
		}
		count := float64(r.Prompts)
		quiet = append(quiet, sum.quiet/count)
		r.defaults = append(r.defaults, sum.def/count)
		rounds = append(rounds, sum.gain/count)
		r.winners = append(r.winners, sum.champion/count)
		if n%2 == 0 {
			r.plains = append(r.plains, sum.plain/count)
		}
		r.out.RoundTime = max(r.out.RoundTime, time.Since(begin))
		r.out.Verdict = Decide(rounds, quiet)
	}
	return nil
}

// sums are a round's, over its prompts.
type sums struct{ gain, quiet, def, champion, plain float64 }

// sandwich measures the champion between two runs of the default, and plain decoding after them.
func (r *race) sandwich(ctx context.Context, champion Settings, prompts []int, seed uint64, plain bool, sum *sums) error {
	weight := float64(len(prompts))
	before, err := r.block(ctx, r.def, prompts, seed)
	if err != nil {
		return err
	}
	v := before
	if champion != r.def {
		if v, err = r.block(ctx, champion, prompts, seed); err != nil {
			return err
		}
	}
	after, err := r.block(ctx, r.def, prompts, seed)
	if err != nil {
		return err
	}
	if champion == r.def {
		v = (before + after) / 2 // it gains nothing over itself
	}
	sum.gain += weight * (v - (before+after)/2)
	sum.quiet += weight * (after - before)
	sum.def += weight * (before + after) / 2
	sum.champion += weight * v
	if plain {
		p := v
		if champion != r.def.Plain() {
			if p, err = r.block(ctx, r.def.Plain(), prompts, seed); err != nil {
				return err
			}
		}
		sum.plain += weight * p
	}
	return nil
}

// block is the mean logarithm of the rates at some prompts.
func (r *race) block(ctx context.Context, s Settings, prompts []int, seed uint64) (float64, error) {
	sum := 0.0
	for _, p := range prompts {
		if err := ctx.Err(); err != nil {
			return 0, context.Cause(ctx)
		}
		if r.Progress != nil {
			r.Progress(Progress{r.stage, s, min(float64(time.Since(r.start))/float64(r.Budget), 1)})
		}
		got, err := r.Measure(ctx, s, p, seed)
		if err != nil {
			return 0, err
		}
		if got.Rate <= 0 {
			return 0, fmt.Errorf("tune: the answer to prompt %d with %s is too short to time", p+1, s)
		}
		r.out.Answers++
		if err := r.compare(s, p, seed, &got); err != nil {
			return 0, err
		}
		sum += math.Log(got.Rate)
	}
	return sum / float64(len(prompts)), nil
}

// compare holds a text against that of whoever wrote it first.
func (r *race) compare(s Settings, prompt int, seed uint64, got *Sample) error {
	if got.Text == nil {
		return nil
	}
	key := textKey{got.Place, prompt, seed}
	first, ok := r.texts[key]
	if !ok {
		r.texts[key] = text{slices.Clone(got.Text), s}
		return nil
	}
	r.out.Compared++
	if slices.Equal(first.tokens, got.Text) {
		return nil
	}
	at := 0
	for at < min(len(first.tokens), len(got.Text)) && first.tokens[at] == got.Text[at] {
		at++
	}
	return &InexactError{s, first.by, prompt, seed, at}
}

// finish puts into the outcome what follows from the rounds.
func (r *race) finish() {
	o := &r.out
	o.Elapsed = time.Since(r.start)
	rate := func(logs []float64) float64 {
		if len(logs) == 0 {
			return 0
		}
		return math.Exp(Median(logs))
	}
	o.PlainRate, o.DefaultRate, o.WinnerRate = rate(r.plains), rate(r.defaults), rate(r.defaults)
	if o.Verdict.Wins {
		o.Winner, o.WinnerRate = o.Champion, rate(r.winners)
	}
	slices.SortStableFunc(o.Scores, func(a, b Score) int { return cmp.Or(b.Laps-a.Laps, cmp.Compare(b.Gain, a.Gain)) })
}

// log is the median of the laps.
func (s *Score) log() float64 { return Median(s.laps) }

// drop forgets a lap that not all have run.
func (s *Score) drop(lap int) {
	s.laps = s.laps[:min(len(s.laps), lap)]
	s.Laps, s.Gain = len(s.laps), math.Expm1(s.log())
}

// engineOrder puts settings of one engine side by side.
func engineOrder(a, b Settings) int {
	return cmp.Compare(fmt.Sprint(a.Engine()), fmt.Sprint(b.Engine()))
}
