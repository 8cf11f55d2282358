package fake

import (
	"encoding/binary"

	"mtplx/stages/sample"
)

// mostFollow is how many rows may follow a span.
const mostFollow = 5

// Follows is the most rows that may follow a span: none unless the model is asked to.
func (f *forward) Follows() int {
	if !f.head || !f.m.Chains {
		return 0
	}
	return mostFollow
}

// Followed is where the n-th row after its span, of the i-th of the lanes that have so many, is.
func (f *forward) Followed(n, i int) int { return f.places[n][i] }

// Expected is the token that the row after a row was forwarded for.
func (f *forward) Expected(row int) int32 { return f.expected[row] }

// Expectations is how often a token was expected, and how often mistaken on purpose.
func (m *Model) Expectations() (all, mistaken int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.expectations, m.mistakes
}

// runFollowing goes on after the spans, row by row as a device does.
func (f *forward) runFollowing() {
	f.places = f.places[:0]
	f.expected = append(f.expected[:0], make([]int32, len(f.logits)*(1+mostFollow))...)
	before := make([]int, len(f.lanes)) // the last row of logits of each lane
	n := 0
	for k := range f.lanes {
		if f.lanes[k].Logits > 0 {
			n += f.lanes[k].Logits
			before[k] = n - 1
		}
	}
	f.places = append(f.places, nil)
	for n := 1; n <= mostFollow; n++ {
		var rows []int
		for k := range f.lanes {
			l := &f.lanes[k]
			if l.Follow < n {
				continue
			}
			id := f.expect(l, before[k], n)
			f.expected[before[k]] = id
			f.row(l, l.Base+len(l.Tokens)+n-1, id, n)
			before[k] = len(f.logits) - 1
			rows = append(rows, before[k])
		}
		f.places = append(f.places, rows)
	}
}

// expect draws the token of a row, the n-th of its span's, as the host will, unless it is mistaken.
func (f *forward) expect(l *lane, row, n int) int32 {
	m, e := f.m, &l.Expect
	m.expectations++
	m.noise = mix(m.noise, int32(m.expectations))
	if float64(m.noise>>40)/(1<<24) < m.Mistaken {
		m.mistakes++
		return int32(m.noise % Vocab)
	}
	var d sample.Dist
	ids, top, most, z := f.Top(row)
	s := sample.Sampler{Temperature: l.Temperature, TopK: e.TopK, TopP: e.TopP, MinP: e.MinP}
	if err := s.Filter(&d, sample.Logits{IDs: ids, Top: top, Max: most, Z: z}); err != nil {
		m.breach("logits of a row: %v", err)
		return 0
	}
	switch {
	case l.Temperature == 0:
		return d.IDs[0]
	case e.Race:
		return sample.Coupled.Draft(&d, e.Seed, e.Position+int64(n-1))
	}
	sum := 0.0
	for i, p := range d.P {
		if sum += p; e.U[n-1] < sum {
			return d.IDs[i]
		}
	}
	return d.IDs[len(d.IDs)-1]
}

// row forwards one row that follows a span, the n-th.
func (f *forward) row(l *lane, pos int, id int32, n int) {
	binary.LittleEndian.PutUint32(f.cell(l, pos)[4*(1+f.which):], uint32(id+1))
	text := make([]int32, pos+2)
	for p := range min(l.State.Len(), len(text)) {
		text[p] = f.token(l, p, 0)
	}
	for p := range pos + 1 {
		text[p+1] = f.token(l, p, 1+f.which)
	}
	f.gives(l, text, hash(text), n)
}

// gives scores a row of the head and keeps its output: the n-th of its span's, of which 0 is the span's own last.
func (f *forward) gives(l *lane, seen []int32, h uint64, n int) {
	x, other := Next(seen), hashed(h, uint64(2+f.which))
	s := stamp(h)
	f.outputs = append(f.outputs, s[:]...)
	for i := range x {
		x[i] = float32(f.m.Agreement)*x[i] + float32(1-f.m.Agreement)*other[i]
	}
	f.score(x, l.Temperature)
	out := f.m.output(l.slot*Heads + int32(f.which))
	if n == l.Follow {
		out.last = hash(seen)
	} else {
		out.kept[n] = hash(seen)
	}
}

// outputs is which texts a session's outputs of the head were given for.
type outputs struct {
	last uint64
	kept [mostFollow]uint64
}

func (m *Model) output(slot int32) *outputs {
	if m.given[slot] == nil {
		m.given[slot] = &outputs{}
	}
	return m.given[slot]
}

// takes checks that a span that goes on from an output takes that of its text.
func (f *forward) takes(l *lane, text []int32) {
	out := f.m.output(l.slot*Heads + int32(f.which))
	from := out.last
	if l.After > 0 {
		from = out.kept[l.After-1]
	}
	if l.Base > 0 && from != hash(text) {
		f.m.breach("the row at %d goes on from output %d, which is another text's", l.Base, l.After)
	}
}
