package sample

import (
	"fmt"
	"math"
	"slices"
)

// Bias adds Value to one token's logit.
type Bias struct {
	ID    int32
	Value float32
}

// Shape changes logits by the text so far, before the sampler sees them, in this order: biases are added;
// the repetition penalty divides a positive logit and multiplies a negative one of every token of the
// prompt and the answer (Keskar et al. 2019); frequency times a token's count in the answer, and presence
// once for a token that is in it, are subtracted; Ends are out of the question while the answer has fewer than
// Least tokens. The zero value changes nothing.
type Shape struct {
	Repetition float64 // 0 and 1 are off
	Frequency  float64
	Presence   float64
	Biases     []Bias
	Ends       []int32 // tokens that end a text
	Least      int     // tokens of an answer before one of Ends may come
}

// Active tells whether the shape changes anything.
func (s *Shape) Active() bool {
	return s.Repetition != 0 && s.Repetition != 1 || s.Frequency != 0 || s.Presence != 0 || len(s.Biases) > 0 || s.holds()
}

// holds tells whether answers have a least length.
func (s *Shape) holds() bool { return s.Least > 0 && len(s.Ends) > 0 }

// Validate names the first value that makes no sense, and its range.
func (s *Shape) Validate(vocab int) error {
	switch {
	case s.Repetition != 0 && !(s.Repetition >= 0.01 && s.Repetition <= 100):
		return fmt.Errorf("repetition penalty is %v; give 0.01 to 100, where 1 is off", s.Repetition)
	case !(math.Abs(s.Frequency) <= 100):
		return fmt.Errorf("frequency penalty is %v; give -100 to 100, where 0 is off", s.Frequency)
	case !(math.Abs(s.Presence) <= 100):
		return fmt.Errorf("presence penalty is %v; give -100 to 100, where 0 is off", s.Presence)
	}
	for _, b := range s.Biases {
		if b.ID < 0 || int(b.ID) >= vocab {
			return fmt.Errorf("logit bias names token %d; the vocabulary has tokens 0 to %d", b.ID, vocab-1)
		}
		if !(math.Abs(float64(b.Value)) <= 1000) {
			return fmt.Errorf("logit bias of token %d is %v; give -1000 to 1000", b.ID, b.Value)
		}
	}
	for _, id := range s.Ends {
		if id < 0 || int(id) >= vocab {
			return fmt.Errorf("token %d cannot end a text; the vocabulary has tokens 0 to %d", id, vocab-1)
		}
	}
	return nil
}

// Shaper applies a Shape along one text. Push and Pop move the text by tokens of the answer, so that
// drafts are shaped as the text they would make. It belongs to one goroutine at a time, and allocates
// nothing once it has seen a text's length.
type Shaper struct {
	shape   Shape
	state   []touched // by token
	touched []int32   // tokens whose logits may change, once each
	pushed  []int32
	brief   bool // nothing is changed but the end of a text that is too short

	ids []int32
	top []float32
	row []float32
}

// touched is what the text holds of a token.
type touched struct {
	answer int32
	prompt bool
	listed bool // in Shaper.touched, where it stays
	ends   bool // a text
	bias   float32
}

// NewShaper starts at the end of a prompt.
func NewShaper(s Shape, prompt []int32, vocab int) *Shaper {
	h := &Shaper{shape: s, state: make([]touched, vocab)}
	for _, b := range s.Biases {
		h.state[b.ID].bias += b.Value
		h.list(b.ID)
	}
	if s.Repetition != 0 && s.Repetition != 1 {
		for _, id := range prompt {
			h.state[id].prompt = true
			h.list(id)
		}
	}
	if s.holds() {
		for _, id := range s.Ends {
			h.state[id].ends = true
			h.list(id)
		}
		s.Ends = nil
		h.brief = !s.Active()
	}
	return h
}

func (h *Shaper) list(id int32) {
	if !h.state[id].listed {
		h.state[id].listed = true
		h.touched = append(h.touched, id)
	}
}

// Push adds a token to the text.
func (h *Shaper) Push(id int32) {
	h.state[id].answer++
	h.list(id)
	h.pushed = append(h.pushed, id)
}

// Pop takes the last n pushed tokens back.
func (h *Shaper) Pop(n int) {
	for _, id := range h.pushed[len(h.pushed)-n:] {
		h.state[id].answer--
	}
	h.pushed = h.pushed[:len(h.pushed)-n]
}

// logit is a token's logit under the shape.
func (h *Shaper) logit(id int32, x float32) float32 {
	t, s := &h.state[id], &h.shape
	if t.ends && len(h.pushed) < s.Least {
		return float32(math.Inf(-1))
	}
	if t.answer == 0 && !t.prompt && t.bias == 0 {
		return x
	}
	x += t.bias
	if s.Repetition != 0 && (t.prompt || t.answer > 0) {
		if x > 0 {
			x = float32(float64(x) / s.Repetition)
		} else {
			x = float32(float64(x) * s.Repetition)
		}
	}
	if t.answer > 0 {
		x = float32(float64(x) - s.Frequency*float64(t.answer) - s.Presence)
	}
	return x
}

// Logits gives the shaped row, for samplers that reach beyond the candidates of the last Apply.
func (h *Shaper) Logits(int) []float32 { return h.row }

// Apply is row l under the shape at the text so far, for a sampler of the given temperature. The result
// is valid until the next Apply.
//
// The candidates are those of l that the shape leaves alone, and every token it changes: whatever is not
// among them is below the last of l. The normaliser takes the changed tokens out and puts them back
// changed; where that would leave too few digits, the row is summed anew.
func (h *Shaper) Apply(l Logits, temperature float64) Logits {
	if h.brief && len(h.pushed) >= h.shape.Least {
		return l
	}
	if temperature == 0 {
		temperature = 1
	}
	out := Logits{IDs: h.ids[:0], Top: h.top[:0], Row: l.Row}
	h.row = h.row[:0]
	if l.Rows != nil {
		h.row = append(h.row, l.Rows.Logits(l.Row)...)
	} else {
		h.row = slices.Grow(h.row, len(l.IDs))[:len(l.IDs)]
		for i, id := range l.IDs {
			h.row[id] = l.Top[i]
		}
	}
	out.Rows = h
	z := float64(l.Z)
	gone, changed := 0.0, 0
	for _, id := range h.touched {
		x := h.row[id]
		y := h.logit(id, x)
		if x == y {
			continue
		}
		h.row[id] = y
		gone += math.Exp(float64(x-l.Max) / temperature)
		z += math.Exp(float64(y-l.Max)/temperature) - math.Exp(float64(x-l.Max)/temperature)
		changed++
		if !math.IsInf(float64(y), -1) {
			out.IDs, out.Top = append(out.IDs, id), append(out.Top, y)
		}
	}
	for i, id := range l.IDs {
		if h.row[id] == l.Top[i] {
			out.IDs, out.Top = append(out.IDs, id), append(out.Top, l.Top[i])
		}
	}
	sortCandidates(out.IDs, out.Top)
	if len(l.IDs) < len(h.row) { // changed tokens below the last of l may have untouched ones above them
		last, n := l.Top[len(l.Top)-1], len(out.IDs)
		for n > 0 && out.Top[n-1] < last {
			n--
		}
		out.IDs, out.Top = out.IDs[:n], out.Top[:n]
	}
	h.ids, h.top = out.IDs, out.Top
	if changed == 0 {
		out.Max, out.Z = l.Max, l.Z
		return out
	}
	if len(out.IDs) == 0 || gone > 0.99*float64(l.Z) {
		return h.again(out, temperature)
	}
	out.Max = out.Top[0]
	out.Z = float32(z * math.Exp(float64(l.Max-out.Max)/temperature))
	return out
}

// again lists and sums the shaped row from scratch.
func (h *Shaper) again(out Logits, temperature float64) Logits {
	out.Max = slices.Max(h.row)
	z := 0.0
	for _, x := range h.row {
		z += math.Exp(float64(x-out.Max) / temperature)
	}
	out.Z = float32(z)
	if len(out.IDs) == 0 { // the best candidate must be there for a greedy sampler
		best := int32(slices.Index(h.row, out.Max))
		out.IDs, out.Top = append(out.IDs, best), append(out.Top, out.Max)
		h.ids, h.top = out.IDs, out.Top
	}
	return out
}

// sortCandidates orders candidates: logit descending, id ascending.
func sortCandidates(ids []int32, top []float32) {
	for i := len(ids)/2 - 1; i >= 0; i-- {
		sinkPair(ids, top, i)
	}
	for n := len(ids) - 1; n > 0; n-- {
		ids[0], ids[n] = ids[n], ids[0]
		top[0], top[n] = top[n], top[0]
		sinkPair(ids[:n], top[:n], 0)
	}
}

// sinkPair keeps a heap whose root is the worst candidate.
func sinkPair(ids []int32, top []float32, i int) {
	worse := func(a, b int) bool { return top[a] < top[b] || top[a] == top[b] && ids[a] > ids[b] }
	for {
		c := 2*i + 1
		if c >= len(ids) {
			return
		}
		if c+1 < len(ids) && worse(c+1, c) {
			c++
		}
		if !worse(c, i) {
			return
		}
		ids[i], ids[c] = ids[c], ids[i]
		top[i], top[c] = top[c], top[i]
		i = c
	}
}
