package drift

import (
	"fmt"
	"slices"
)

// Key is what shares an average.
type Key uint8

// The keys.
const (
	Global Key = iota // everything
	Token             // outputs of the same token that the head has read
)

var keyNames = [...]string{"global", "token"}

func (k Key) String() string { return keyNames[k] }

// ParseKey finds a key by name.
func ParseKey(name string) (Key, error) {
	i := slices.Index(keyNames[:], name)
	if i < 0 {
		return 0, fmt.Errorf("unknown key %q of the hidden corrector; known are global and token", name)
	}
	return Key(i), nil
}

// Options say how it learns. The zero value is none.
type Options struct {
	Alpha  float64 // how much of the average is added; 0 is off
	Decay  float64 // what the average keeps with each observation
	Warmup int     // observations before an average is used
	Key    Key
	// MaxFeed is the deepest draft whose input is moved, the first draft being 1, whose input is the trunk's own; 0 is no
	// limit.
	MaxFeed int
}

// Active tells whether anything is added.
func (o *Options) Active() bool { return o.Alpha != 0 }

// Validate names the first value that makes no sense.
func (o *Options) Validate() error {
	switch {
	case !(o.Alpha >= -4 && o.Alpha <= 4):
		return fmt.Errorf("alpha of the hidden corrector is %v; give 0 (off) to 1, at most 4", o.Alpha)
	case !(o.Decay >= 0 && o.Decay < 1):
		return fmt.Errorf("decay of the hidden corrector is %v; give 0 (only the last counts) to less than 1", o.Decay)
	case o.Warmup < 0:
		return fmt.Errorf("warm-up of the hidden corrector is %d; give 0 or more observations", o.Warmup)
	case o.MaxFeed < 0:
		return fmt.Errorf("the feed depth of the hidden corrector is %d; give 0 (no limit) or the deepest draft", o.MaxFeed)
	case int(o.Key) >= len(keyNames):
		return fmt.Errorf("key %d of the hidden corrector is none of the %d", o.Key, len(keyNames))
	}
	return nil
}

// Tokens is how many tokens have an average of their own; of more, the one that was longest not seen gives way.
const Tokens = 32

// average is the difference of one key.
type average struct {
	token int32
	seen  int
	last  int // when it was last taught
	mean  []float32
}

// Drift is the averages of one session.
type Drift struct {
	o       Options
	width   int
	by      []average
	clock   int
	outputs []float32 // of the drafts at hand, in order
	read    []int32   // the token that each had read
	base    int       // position whose hidden the first stands for
	shift   []float32
}

// New makes a drift over rows of so many numbers and drafts up to `deepest` deep.
func New(o Options, width, deepest int) *Drift {
	d := &Drift{o: o, width: width, shift: make([]float32, width), outputs: make([]float32, 0, deepest*width), read: make([]int32, 0, deepest)}
	n := 1
	if o.Key == Token {
		n = Tokens
	}
	d.by = make([]average, n)
	for i := range d.by {
		d.by[i] = average{token: -1, mean: make([]float32, width)}
	}
	return d
}

// Shift is what to add to the output of the head when it has read a token and gives draft `depth` (0 the first); nil
// is nothing. It is valid until the next call.
func (d *Drift) Shift(depth int, token int32) []float32 {
	if d.o.MaxFeed > 0 && depth+2 > d.o.MaxFeed {
		return nil
	}
	a := d.find(token)
	if a == nil || a.seen < max(d.o.Warmup, 1) {
		return nil
	}
	alpha := float32(d.o.Alpha)
	for i, m := range a.mean {
		d.shift[i] = alpha * m
	}
	return d.shift
}

// Saw takes an output of the head that has read a token: the first of a cycle stands for the trunk's hidden at position
// base, each other for that of the next position.
func (d *Drift) Saw(base int, token int32, output []float32) {
	if len(d.read) == 0 {
		d.base = base
	}
	d.outputs, d.read = append(d.outputs, output...), append(d.read, token)
}

// Waiting tells which of the trunk's hidden rows it waits for: n from position base on.
func (d *Drift) Waiting() (base, n int) { return d.base, len(d.read) }

// Learn takes the trunk's hidden rows for the first outputs that wait, as many as became text, and forgets the others.
func (d *Drift) Learn(rows []float32) {
	keep := float32(d.o.Decay)
	for i := range min(len(rows)/d.width, len(d.read)) {
		a := d.take(d.read[i])
		row, out := rows[i*d.width:(i+1)*d.width], d.outputs[i*d.width:(i+1)*d.width]
		part := 1 - keep
		if a.seen == 0 {
			part = 1
		}
		for j, m := range a.mean {
			a.mean[j] = m + part*(row[j]-out[j]-m)
		}
		a.seen++
		d.clock++
		a.last = d.clock
	}
	d.outputs, d.read = d.outputs[:0], d.read[:0]
}

func (d *Drift) find(token int32) *average {
	if d.o.Key == Global {
		return &d.by[0]
	}
	for i := range d.by {
		if d.by[i].token == token {
			return &d.by[i]
		}
	}
	return nil
}

// take is find, or a fresh average in place of the one that was longest not taught.
func (d *Drift) take(token int32) *average {
	if a := d.find(token); a != nil {
		return a
	}
	old := &d.by[0]
	for i := range d.by {
		if d.by[i].last < old.last {
			old = &d.by[i]
		}
	}
	old.token, old.seen = token, 0
	clear(old.mean)
	return old
}
