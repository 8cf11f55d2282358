package trace

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"mtplx/sched/queue"
	"mtplx/stages"
)

// The tracks, from the top.
const (
	trackSched = iota + 1
	trackDraft
	trackVerify
	trackAccept
	trackCommit
	trackQueues // and on: the device's, by queue
)

var tracks = []string{"", "sched: formed to drafted", "draft", "verify", "accept", "commit", "device: draft queue", "device: verify queue"}

// Recorder writes cycles as they come back.
type Recorder struct {
	mu    sync.Mutex
	w     *bufio.Writer
	start time.Time
	buf   []byte
	ends  [trackQueues + VerifyQueue + 1]float64 // of the last slice on each track: slices of a track may not overlap
	err   error
	empty bool
}

// New starts a trace on w, which the caller closes after Close.
func New(w io.Writer) *Recorder {
	r := &Recorder{w: bufio.NewWriterSize(w, 1<<16), empty: true}
	r.text("[")
	for t := trackSched; t < len(tracks); t++ {
		r.event(fmt.Appendf(nil, `{"name":"thread_name","ph":"M","pid":1,"tid":%d,"args":{"name":%q}}`, t, tracks[t]))
		r.event(fmt.Appendf(nil, `{"name":"thread_sort_index","ph":"M","pid":1,"tid":%d,"args":{"sort_index":%d}}`, t, t))
	}
	return r
}

// Observe adds a cycle that has passed all stages.
func (r *Recorder) Observe(c *stages.Cycle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := &c.Times
	if r.start.IsZero() {
		r.start = t.Formed
	}
	verified := t.Submitted.Add(t.Verify)
	judged := verified.Add(t.Accept)
	r.slice(c, trackSched, "wait", t.Formed, t.Start.Sub(t.Formed))
	r.slice(c, trackDraft, "read", t.Start, t.Read)
	r.slice(c, trackDraft, "history", t.Start.Add(t.Read), t.History)
	r.slice(c, trackDraft, "drafts", t.Start.Add(t.Read+t.History), t.Draft-t.Read-t.History)
	r.slice(c, trackVerify, "verify", t.Submitted, t.Verify)
	r.slice(c, trackAccept, "accept", verified, t.Accept)
	r.slice(c, trackCommit, "commit", judged, t.Commit)
}

// Ran adds a program that has run on a device's queue: DraftQueue or VerifyQueue.
func (r *Recorder) Ran(which int, run queue.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.start.IsZero() {
		r.start = run.Start
	}
	if b, ok := r.open(trackQueues+which, run.Label, run.Start, run.End.Sub(run.Start)); ok {
		b = append(b, '}')
		r.buf = b
		r.event(b)
	}
}

// open begins an event, unless the track is busy until its end.
func (r *Recorder) open(track int, name string, at time.Time, d time.Duration) ([]byte, bool) {
	from := float64(at.Sub(r.start)) / 1e3
	to := from + float64(d)/1e3
	from = max(from, r.ends[track])
	if to <= from {
		return nil, false
	}
	r.ends[track] = to
	b := r.buf[:0]
	b = append(b, `{"ph":"X","pid":1,"tid":`...)
	b = strconv.AppendInt(b, int64(track), 10)
	b = append(append(append(b, `,"name":"`...), name...), `","ts":`...)
	b = strconv.AppendFloat(b, from, 'f', 3, 64)
	b = append(b, `,"dur":`...)
	return strconv.AppendFloat(b, to-from, 'f', 3, 64), true
}

// slice writes one event with what the cycle carried.
func (r *Recorder) slice(c *stages.Cycle, track int, name string, at time.Time, d time.Duration) {
	b, ok := r.open(track, name, at, d)
	if !ok {
		return
	}
	rows, prompt, drafted, accepted, copied, stood, cut := 0, 0, 0, 0, 0, 0, 0
	for _, l := range c.Lanes {
		rows += len(l.Span.Tokens)
		prompt += l.Chunk
		if l.Strayed {
			cut++
		}
		if l.Copying {
			copied += len(l.Drafts)
			stood += l.Accepted
		} else {
			drafted += len(l.Drafts)
			accepted += l.Accepted
		}
	}
	b = append(b, `,"args":{"cycle":`...)
	b = strconv.AppendUint(b, c.ID, 10)
	for _, a := range [...]struct {
		name  string
		value int
	}{{"lanes", len(c.Lanes)}, {"rows", rows}, {"prompt_rows", prompt}, {"drafted", drafted}, {"accepted", accepted}, {"copied", copied}, {"copied_accepted", stood}, {"followed", c.Followed}, {"cut", cut}} {
		b = append(append(append(b, `,"`...), a.name...), `":`...)
		b = strconv.AppendInt(b, int64(a.value), 10)
	}
	b = append(b, `}}`...)
	r.buf = b
	r.event(r.buf)
}

func (r *Recorder) event(b []byte) {
	if !r.empty {
		r.text(",\n")
	}
	r.empty = false
	r.put(b)
}

func (r *Recorder) put(b []byte) {
	if r.err == nil {
		_, r.err = r.w.Write(b)
	}
}

func (r *Recorder) text(s string) {
	if r.err == nil {
		_, r.err = r.w.WriteString(s)
	}
}

// Close ends the trace and reports the first error of writing it.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text("]\n")
	if r.err == nil {
		r.err = r.w.Flush()
	}
	if r.err != nil {
		return fmt.Errorf("write trace: %w", r.err)
	}
	return nil
}
