package constrain

import "slices"

// ways is the set of ways to read a text, as a graph-structured stack (Tomita, "An efficient augmented-context-free
// parsing algorithm", 1985). A frame is a set of links, each a call to come back to and the frame below; one frame
// may stand for many stacks. Frames and links only ever refer to earlier ones, so that forgetting the latest is
// cutting two slices.
type ways struct {
	g      *Grammar
	frames []frame
	links  []link

	// Scratch of closure.
	work []thread
	base int // frames from here on were made by this closure
}

type frame struct{ first, n int32 }

type link struct{ below, call, count int32 }

// A thread is a state of the automaton over a frame. A set of ways has at most one thread for each state.
type thread struct{ state, frame int32 }

// bottom is the frame of the root: its one link leads nowhere.
const bottom = 0

func (w *ways) reset(g *Grammar) {
	w.g = g
	w.frames = append(w.frames[:0], frame{0, 1})
	w.links = append(w.links[:0], link{below: -1, call: -1})
}

// push makes the frame of one link, or finds it among those of this closure.
func (w *ways) push(l link) int32 {
	for f := len(w.frames) - 1; f >= w.base; f-- {
		if x := w.frames[f]; x.n == 1 && w.links[x.first] == l {
			return int32(f)
		}
	}
	w.links = append(w.links, l)
	w.frames = append(w.frames, frame{int32(len(w.links) - 1), 1})
	return int32(len(w.frames) - 1)
}

// union makes the frame that stands for the stacks of two.
func (w *ways) union(a, b int32) int32 {
	if a == b {
		return a
	}
	x, y := w.frames[a], w.frames[b]
	first := int32(len(w.links))
	w.links = append(w.links, w.links[x.first:x.first+x.n]...)
	for _, l := range w.links[y.first : y.first+y.n] {
		if !slices.Contains(w.links[first:], l) {
			w.links = append(w.links, l)
		}
	}
	n := int32(len(w.links)) - first
	if n == x.n { // b adds nothing
		w.links = w.links[:first]
		return a
	}
	w.frames = append(w.frames, frame{first, n})
	return int32(len(w.frames) - 1)
}

// add notes a thread to follow.
func (w *ways) add(state, frame int32) {
	t := thread{state, frame}
	if !slices.Contains(w.work, t) {
		w.work = append(w.work, t)
	}
}

// begin starts a closure; threads are then added to it.
func (w *ways) begin() {
	w.work = w.work[:0]
	w.base = len(w.frames)
}

// close follows calls and ways back, and appends to out the threads that take a byte, one for each state. ends says
// whether the text may end here.
func (w *ways) close(out []thread) (_ []thread, ends bool) {
	g := w.g
	for i := 0; i < len(w.work); i++ { //nolint:intrange // work grows on the way
		t := w.work[i]
		st := &g.states[t.state]
		if st.final {
			f := w.frames[t.frame]
			for k := f.first; k < f.first+f.n; k++ {
				l := w.links[k]
				if l.call < 0 {
					ends = true
					continue
				}
				w.back(l)
			}
		}
		for c := st.call; c < st.call+st.calls; c++ {
			into := &g.calls[c]
			if into.tail {
				w.add(into.start, t.frame)
			} else {
				w.add(into.start, w.push(link{t.frame, c, 0}))
			}
		}
	}
	from := len(out)
	for _, t := range w.work {
		if g.states[t.state].edges == 0 {
			continue
		}
		at := slices.IndexFunc(out[from:], func(o thread) bool { return o.state == t.state })
		if at < 0 {
			out = append(out, t)
		} else {
			out[from+at].frame = w.union(out[from+at].frame, t.frame)
		}
	}
	return out, ends
}

// back comes back over a link: behind the call, or once more into what it repeats.
func (w *ways) back(l link) {
	c := &w.g.calls[l.call]
	switch c.kind {
	case callPlain:
		w.add(c.ret, l.below)
		return
	case callRaw:
		if l.count-int32(len(endParameter)) >= c.min {
			w.add(c.ret, l.below)
		}
		return
	default:
	}
	l.count++
	if l.count >= c.min {
		w.add(c.ret, l.below)
	}
	if l.count < c.max {
		if c.max == unbounded { // what is beyond min need not be told apart
			l.count = min(l.count, c.min)
		}
		w.add(c.start, w.push(l))
	}
}

// counted counts one more character of a raw text in state s: in the links that count, of which those beyond their
// max are dropped. It gives -1 where none is left.
func (w *ways) counted(f, s int32) int32 {
	fr := w.frames[f]
	some := false
	for _, l := range w.links[fr.first : fr.first+fr.n] {
		some = some || l.call >= 0 && w.g.calls[l.call].kind == callRaw
	}
	if !some {
		return f
	}
	first := int32(len(w.links))
	for k := fr.first; k < fr.first+fr.n; k++ {
		l := w.links[k]
		if l.call >= 0 {
			if c := &w.g.calls[l.call]; c.kind == callRaw {
				l.count++
				if c.max == unbounded { // what is beyond min need not be told apart
					l.count = min(l.count, c.min+int32(len(endParameter)))
				} else if l.count-int32(w.g.states[s].ending) > c.max {
					continue
				}
			}
		}
		w.links = append(w.links, l)
	}
	n := int32(len(w.links)) - first
	if n == 0 {
		return -1
	}
	w.frames = append(w.frames, frame{first, n})
	return int32(len(w.frames) - 1)
}

// step appends to out the threads behind a byte.
func (w *ways) step(in []thread, b byte, out []thread) (_ []thread, ends bool) {
	g := w.g
	from, plain := len(out), true
	for _, t := range in {
		if s := g.step(t.state, b); s >= 0 {
			f := t.frame
			if g.states[s].raw && b&0xc0 != 0x80 {
				if f = w.counted(f, s); f < 0 {
					continue
				}
			}
			out = append(out, thread{s, f})
			plain = plain && g.states[s].plain
		}
	}
	if plain && len(out) <= from+1 {
		return out, false
	}
	w.begin()
	for _, t := range out[from:] {
		w.add(t.state, t.frame)
	}
	return w.close(out[:from])
}
