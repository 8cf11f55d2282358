package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"mtplx/sched/trace"
)

// Stream writes one session's answer to prompt i, with drafts or plainly, and tells got, as they come, how many tokens
// arrived. It ends early, without an error, when ctx does. Both ways should write the same text: what a token costs
// depends on what is written.
type Stream func(ctx context.Context, i int, mtp bool, got func(tokens int)) error

// SessionsOptions are what RunSessions measures.
type SessionsOptions struct {
	Widths []int // numbers of sessions
	Rounds int   // pairs of runs, one a mode, by turns in either order; figures are medians over them
	Tokens int   // of each session while all of them decode, on average
	// Watch, when set, is called before one more, shorter round of the mtp mode of each width, and what it gives after
	// it: how busy the device's queues were. Timing programs costs a little, so no other round is watched.
	Watch func() (stop func() *trace.Occupied)
	// Long is one token after a long prompt, which joins a stream. Without it that part is left out.
	Long func(ctx context.Context) error
}

// watchedPart of Options.Tokens is what the watched round takes.
const watchedPart = 4

// Width is the outcome of one number of sessions in one mode.
type Width struct {
	Sessions int    `json:"sessions"`
	Mode     string `json:"mode"` // mtp or ar
	// TokS is tokens a second of all sessions together while all of them decode.
	TokS    float64 `json:"tok_s"`
	GapP50  float64 `json:"itl_p50_ms"` // between arrivals of a stream
	GapP99  float64 `json:"itl_p99_ms"`
	FirstMS float64 `json:"ttft_p50_ms"`
	*Paired
	// Queues is of the mtp mode alone.
	Queues *trace.Occupied `json:"queues,omitempty"`
}

// Paired is how many times as fast as plain decoding the mtp mode was beside it in the same round, which a machine that
// wanders from round to round does not blur as it does two medians: the median over rounds, the quartiles and each round's.
// A difference that the quartiles do not agree on was not seen.
type Paired struct {
	Ratio  float64   `json:"ratio"`
	Q1     float64   `json:"ratio_q1"`
	Q3     float64   `json:"ratio_q3"`
	Rounds int       `json:"rounds"`
	Ratios []float64 `json:"ratios"`
}

func paired(plain, mtp []Width) *Paired {
	p := &Paired{Rounds: len(plain)}
	for i := range plain {
		p.Ratios = append(p.Ratios, mtp[i].TokS/plain[i].TokS)
	}
	p.Ratio, p.Q1, p.Q3 = median(p.Ratios), interpolated(p.Ratios, 0.25), interpolated(p.Ratios, 0.75)
	return p
}

// Join is the gaps of a stream by itself and while a long prompt joins it, and how long that prompt waits for its first
// token beside the stream and alone: the median over rounds. Both gaps are of the same part of the stream's text.
type Join struct {
	Quiet     float64 `json:"quiet_p99_ms"`
	Loaded    float64 `json:"loaded_p99_ms"`
	QuietP50  float64 `json:"quiet_p50_ms"`
	LoadedP50 float64 `json:"loaded_p50_ms"`
	FirstMS   float64 `json:"ttft_ms"`
	AloneMS   float64 `json:"ttft_alone_ms"`
}

// SessionsReport is the outcome of RunSessions.
type SessionsReport struct {
	Model  string  `json:"model"`
	Device string  `json:"device"`
	Widths []Width `json:"widths"`
	Join   *Join   `json:"join,omitempty"`
}

// arrival is tokens that came at a time.
type arrival struct {
	at     time.Time
	tokens int
}

// RunSessions measures many sessions at once. Streams should go on for as long as they may: those that end
// before all of them decode leave nothing to measure, which is an error.
func RunSessions(ctx context.Context, s Stream, o SessionsOptions) (*SessionsReport, error) {
	r := &SessionsReport{}
	for _, n := range o.Widths {
		var rounds [2][]Width
		for round := range max(o.Rounds, 1) {
			for turn := range rounds {
				mode := (turn + round) % 2
				w, err := together(ctx, s, n, mode == 1, max(o.Tokens, 1))
				if err != nil {
					return nil, fmt.Errorf("run %d sessions, mode %s: %w", n, modes[mode], err)
				}
				rounds[mode] = append(rounds[mode], w)
			}
		}
		for mode, name := range modes {
			of := func(get func(*Width) float64) float64 {
				var x []float64
				for i := range rounds[mode] {
					x = append(x, get(&rounds[mode][i]))
				}
				return median(x)
			}
			r.Widths = append(r.Widths, Width{
				Sessions: n, Mode: name, TokS: of(func(w *Width) float64 { return w.TokS }), GapP50: of(func(w *Width) float64 { return w.GapP50 }),
				GapP99: of(func(w *Width) float64 { return w.GapP99 }), FirstMS: of(func(w *Width) float64 { return w.FirstMS }),
			})
		}
		r.Widths[len(r.Widths)-1].Paired = paired(rounds[0], rounds[1])
		if o.Watch == nil {
			continue
		}
		stop := o.Watch()
		_, err := together(ctx, s, n, true, max(o.Tokens/watchedPart, 8))
		r.Widths[len(r.Widths)-1].Queues = stop()
		if err != nil {
			return nil, fmt.Errorf("watch %d sessions: %w", n, err)
		}
	}
	if o.Long == nil {
		return r, nil
	}
	var err error
	r.Join, err = join(ctx, s, o)
	return r, err
}

var modes = [2]string{"ar", "mtp"}

// together runs n sessions at once until, from the last one's first token on, n*tokens tokens have come.
func together(ctx context.Context, s Stream, n int, mtp bool, tokens int) (Width, error) {
	w := window{got: make([][]arrival, n), want: n * tokens}
	streams, stop := context.WithCancel(ctx)
	defer stop()
	failed := make([]error, n)
	start := time.Now()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			failed[i] = s(streams, i, mtp, func(tokens int) {
				if w.add(i, arrival{time.Now(), tokens}) {
					stop()
				}
			})
			w.end(time.Now())
			stop()
		})
	}
	wg.Wait()
	if err := errors.Join(errors.Join(failed...), ctx.Err()); err != nil {
		return Width{}, err
	}
	return w.summarise(start)
}

// window is the time in which every session decodes. It is safe for concurrent use.
type window struct {
	mu       sync.Mutex
	got      [][]arrival
	from, to time.Time
	begun    int // sessions whose first token is there
	tokens   int // since from
	want     int
}

// add books an arrival and tells whether the window has what it wants.
func (w *window) add(i int, a arrival) (done bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.got[i]) == 0 {
		if w.begun++; w.begun == len(w.got) {
			w.from = a.at
		}
	} else if w.begun == len(w.got) {
		w.tokens += a.tokens
	}
	w.got[i] = append(w.got[i], a)
	if w.tokens >= w.want && w.to.IsZero() {
		w.to = a.at
	}
	return !w.to.IsZero()
}

// end books that a session has ended.
func (w *window) end(at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.to.IsZero() {
		w.to = at
	}
}

func (w *window) summarise(start time.Time) (Width, error) {
	if w.begun < len(w.got) || !w.to.After(w.from) {
		return Width{}, fmt.Errorf("a session ended before all %d decoded: their answers are too short to measure", len(w.got))
	}
	var first, gaps []float64
	tokens := 0
	for _, a := range w.got {
		first = append(first, 1000*a[0].at.Sub(start).Seconds())
		for i := 1; i < len(a); i++ {
			if a[i].at.After(w.from) && !a[i].at.After(w.to) {
				tokens += a[i].tokens
				gaps = append(gaps, 1000*a[i].at.Sub(a[i-1].at).Seconds())
			}
		}
	}
	return Width{
		FirstMS: median(first), GapP50: quantile(gaps, 0.5), GapP99: quantile(gaps, 0.99),
		TokS: float64(tokens) / w.to.Sub(w.from).Seconds(),
	}, nil
}

// join measures a stream's gaps while a long prompt is read, and those of the same stream by itself in the same part of
// its text: what a cycle costs depends on how long the text is and on what can be proposed there. A stream that comes to
// its end before the prompt is read counts as far as it went.
func join(ctx context.Context, s Stream, o SessionsOptions) (*Join, error) {
	const warm = 40 // tokens before the prompt joins
	var quiet, loaded, first, alone []float64
	for range max(o.Rounds, 1) {
		took, err := timed(ctx, o.Long)
		if err != nil {
			return nil, fmt.Errorf("read a long prompt alone: %w", err)
		}
		alone = append(alone, took)
		joined, to := make(chan error, 1), 0
		running, over := false, false
		gaps, err := part(ctx, s, warm, func(tokens int) (done bool) {
			if to = tokens; !running {
				running = true
				go func() {
					var err error
					took, err = timed(ctx, o.Long)
					joined <- err
				}()
			}
			select {
			case err := <-joined:
				joined <- err
				over = true
			default:
			}
			return over
		})
		if running {
			err = errors.Join(err, <-joined)
		}
		if err != nil {
			return nil, fmt.Errorf("run a stream that a long prompt joins: %w", err)
		}
		if len(gaps) == 0 {
			return nil, fmt.Errorf("run a stream that a long prompt joins: it ended within %d tokens, which leaves nothing to measure", warm)
		}
		loaded, first = append(loaded, gaps...), append(first, took)
		if gaps, err = part(ctx, s, warm, func(tokens int) bool { return tokens >= to }); err != nil {
			return nil, fmt.Errorf("run the same stream by itself: %w", err)
		}
		quiet = append(quiet, gaps...)
	}
	return &Join{
		Quiet: quantile(quiet, 0.99), Loaded: quantile(loaded, 0.99), QuietP50: median(quiet), LoadedP50: median(loaded),
		FirstMS: median(first), AloneMS: median(alone),
	}, nil
}

// part runs a stream and returns its gaps in milliseconds after so many tokens, until done, which is told of all tokens
// so far at every arrival after those.
func part(ctx context.Context, s Stream, from int, done func(tokens int) bool) (gaps []float64, err error) {
	within, stop := context.WithCancel(ctx)
	defer stop()
	var last time.Time
	tokens, ended := 0, false
	err = s(within, 0, true, func(n int) {
		now := time.Now()
		if tokens > from && !ended {
			gaps = append(gaps, 1000*now.Sub(last).Seconds())
		}
		last = now
		if tokens += n; tokens > from && !ended {
			if ended = done(tokens); ended {
				stop()
			}
		}
	})
	return gaps, errors.Join(err, ctx.Err())
}

// timed is how many milliseconds f takes.
func timed(ctx context.Context, f func(context.Context) error) (float64, error) {
	start := time.Now()
	err := f(ctx)
	return 1000 * time.Since(start).Seconds(), err
}

// quantile is the value below which the share q of x lies, by nearest rank.
func quantile(x []float64, q float64) float64 {
	if len(x) == 0 {
		return 0
	}
	s := slices.Clone(x)
	slices.Sort(s)
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

// interpolated is the value below which the share q of x lies, between its two neighbours: x is too short for quantile.
func interpolated(x []float64, q float64) float64 {
	s := slices.Clone(x)
	slices.Sort(s)
	at := q * float64(len(s)-1)
	i := int(at)
	return s[i] + (at-float64(i))*(s[min(i+1, len(s)-1)]-s[i])
}

// Print writes the report for people.
func (r *SessionsReport) Print(w io.Writer) {
	fmt.Fprintf(w, "%s, %s\n", r.Model, r.Device)
	one := 0.0
	for _, x := range r.Widths {
		if one == 0 {
			one = x.TokS
		}
		fmt.Fprintf(w, "  %3d sessions %-4s %8.0f tok/s  %5.2fx  between arrivals %.1f ms, p99 %.1f ms  first token %.0f ms\n",
			x.Sessions, x.Mode, x.TokS, x.TokS/max(one, 1e-9), x.GapP50, x.GapP99, x.FirstMS)
		if p := x.Paired; p != nil {
			fmt.Fprintf(w, "               mtp is %.3fx plain decoding, quartiles %.3f to %.3f of %d rounds\n", p.Ratio, p.Q1, p.Q3, p.Rounds)
		}
		if q := x.Queues; q != nil {
			fmt.Fprintf(w, "               device: %.0f%% of drafting beside a verify, %.0f%% of a cycle nothing ran\n", 100*q.OverlapShare, 100*q.HostGapShare)
		}
	}
	if j := r.Join; j != nil {
		fmt.Fprintf(w, "  between arrivals: alone %.1f ms, p99 %.1f ms; while a long prompt joins %.1f ms, p99 %.1f ms, %.2fx\n",
			j.QuietP50, j.Quiet, j.LoadedP50, j.Loaded, j.Loaded/max(j.Quiet, 1e-9))
		fmt.Fprintf(w, "  first token of that prompt: alone %.0f ms, beside a stream %.0f ms\n", j.AloneMS, j.FirstMS)
	}
}
