package commit

import (
	"bytes"
	"slices"

	"mtplx/stages"
)

// Detokenizer turns tokens into text, whole characters at a time.
type Detokenizer interface {
	Append(dst []byte, id int32) []byte
	Flush(dst []byte) []byte
}

// Limits is when a session ends.
type Limits struct {
	MaxTokens  int      // tokens to emit at most
	MinTokens  int      // stop strings are looked for in the text of later tokens only
	StopTokens []int32  // end the text; they count as emitted and have no text
	Stops      []string // end the text before their first occurrence
}

// Decoder delivers one session's tokens as text into a Sink. It belongs to the stage that calls it.
type Decoder struct {
	detok  Detokenizer
	limits Limits
	sink   *Sink
	count  int    // tokens emitted so far
	held   []byte // text not given out: it may be the beginning of a stop string
	stop   string // the stop string that has ended the text
}

// NewDecoder makes the delivery of a session.
func NewDecoder(d Detokenizer, l Limits, sink *Sink) *Decoder {
	return &Decoder{detok: d, limits: l, sink: sink}
}

// Deliver implements stages.Delivery.
func (d *Decoder) Deliver(l *stages.Lane, tokens []int32, drafted int) (emitted int, finished bool) {
	finish := ""
	for _, id := range tokens {
		emitted++
		d.count++
		if slices.Contains(d.limits.StopTokens, id) {
			finish = "stop"
			break
		}
		d.held = d.detok.Append(d.held, id)
		if d.cut() {
			finish = "stop"
			break
		}
		if d.count >= d.limits.MaxTokens {
			finish = "length"
			break
		}
	}
	free := len(d.held)
	if finish == "" {
		free -= d.pending()
	} else if d.stop == "" {
		d.held = d.detok.Flush(d.held)
		d.cut()
		free = len(d.held)
	}
	p := piece{text: d.held[:free], tokens: tokens[:emitted], drafted: drafted, finish: finish, stop: d.stop}
	if l.Logprobs {
		p.logprobs = l.Logprob[:emitted]
	}
	d.sink.put(p)
	d.held = append(d.held[:0], d.held[free:]...)
	return emitted, finish != ""
}

// Fail implements stages.Delivery: text held back is given out, then the error.
func (d *Decoder) Fail(_ *stages.Lane, err error) {
	d.sink.put(piece{text: d.detok.Flush(d.held), finish: "error", err: err})
	d.held = d.held[:0]
}

// Full implements stages.Delivery.
func (d *Decoder) Full() bool { return d.sink.Full() }

// cut ends the held text before the first stop string in it, if there is one.
func (d *Decoder) cut() bool {
	if d.count <= d.limits.MinTokens {
		return false
	}
	first := -1
	for _, s := range d.limits.Stops {
		if i := bytes.Index(d.held, []byte(s)); i >= 0 && (first < 0 || i < first) {
			first, d.stop = i, s
		}
	}
	if first < 0 {
		return false
	}
	d.held = d.held[:first]
	return true
}

// pending is the length of the longest end of the held text that begins a stop string.
func (d *Decoder) pending() int {
	longest := 0
	if d.count <= d.limits.MinTokens {
		return 0
	}
	for _, s := range d.limits.Stops {
		for n := min(len(s)-1, len(d.held)); n > longest; n-- {
			if bytes.HasSuffix(d.held, []byte(s[:n])) {
				longest = n
				break
			}
		}
	}
	return longest
}
