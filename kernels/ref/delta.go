package ref

import (
	"fmt"

	"mtplx/kernels"
)

// Fold advances one column of a head's state by one tape row: s[r] = fma(k[r], d, g*s[r]).
func Fold(s, k []float32, d, g float32) {
	for r := range s {
		s[r] = kernels.FMA(k[r], d, float32(g*s[r]))
	}
}

// Step advances one column of a head's state by one row of the gated delta rule and returns the
// correction d, which Fold would repeat it with, and the output.
func Step(s, k, q []float32, v, g, beta float32) (d, out float32) {
	u := alternating(s, k)
	gu := float32(g * u)
	d = float32(beta * (v - gu))
	Fold(s, k, d, g)
	return d, alternating(s, q)
}

// alternating is the dot product of a and b as two fma chains, over even and over odd elements.
func alternating(a, b []float32) float32 {
	var even, odd float32
	for r := range a {
		if r%2 == 0 {
			even = kernels.FMA(a[r], b[r], even)
		} else {
			odd = kernels.FMA(a[r], b[r], odd)
		}
	}
	return even + odd
}

// lane is what the delta operations read of a lane's slots.
type lane struct{ first, count, certain, fold, base, state, tapeIn, tapeOut int }

// laneOf reads and checks lane l.
func laneOf(s *kernels.Slots, l int, d kernels.DeltaDims) (lane, error) {
	v := lane{
		first: int(s.First[l]), count: int(s.Count[l]), certain: int(s.Certain[l]), fold: int(s.Fold[l]), base: int(s.Base[l]),
		state: int(s.State[l]), tapeIn: int(s.TapeIn[l]), tapeOut: int(s.TapeOut[l]),
	}
	switch {
	case v.first < 0 || v.count < 0 || v.first+v.count > s.Rows():
		return v, fmt.Errorf("lane %d: rows %d to %d are outside the forward's %d", l, v.first, v.first+v.count, s.Rows())
	case v.certain < 0 || v.certain > v.count || v.count-v.certain > d.Tape:
		return v, fmt.Errorf("lane %d: %d of %d rows are certain; the tape holds the others up to %d", l, v.certain, v.count, d.Tape)
	case v.fold < 0 || v.fold > d.Tape:
		return v, fmt.Errorf("lane %d: %d rows to fold, the tape holds %d", l, v.fold, d.Tape)
	}
	if v.base == 0 {
		v.fold = 0 // nothing came before
	}
	return v, nil
}

// layer is one layer's part of a slot of a pool.
func layer(pool []float32, slot, slotBytes, layer, words int, what string) ([]float32, error) {
	at := slot*slotBytes/4 + layer*words
	if slot < 0 || at+words > len(pool) {
		return nil, fmt.Errorf("slot %d is outside the pool of %s, which holds %d", slot, what, 4*len(pool)/slotBytes)
	}
	return pool[at : at+words], nil
}

func checkRecurrent(r *kernels.Recurrent) (states, tapes []float32, err error) {
	if r.Layer < 0 || r.Layer >= r.Dims.Layers {
		return nil, nil, fmt.Errorf("layer %d is not among %d", r.Layer, r.Dims.Layers)
	}
	if states, err = floats(r.States, "state pool", 0); err != nil {
		return nil, nil, err
	}
	tapes, err = floats(r.Tapes, "tape pool", 0)
	return states, tapes, err
}

func bindDelta(o *kernels.Delta) (func() error, error) {
	s, err := slotsOf(o.S)
	if err != nil {
		return nil, err
	}
	states, tapes, err := checkRecurrent(&o.Recurrent)
	if err != nil {
		return nil, err
	}
	in, err := floats(o.In, "input", 0)
	if err != nil {
		return nil, err
	}
	gates, err := floats(o.Gates, "gates", 0)
	if err != nil {
		return nil, err
	}
	out, err := floats(o.O, "output", 0)
	if err != nil {
		return nil, err
	}
	d := o.Dims
	col := make([]float32, d.DK)
	return func() error {
		for l := range s.Lanes() {
			v, err := laneOf(s, l, d)
			if err != nil {
				return err
			}
			state, err := layer(states, v.state, d.StateBytes(), o.Layer, d.StateWords(), "states")
			if err != nil {
				return err
			}
			tapeIn, err := layer(tapes, v.tapeIn, d.TapeBytes(), o.Layer, d.TapeWords(), "tapes")
			if err != nil {
				return err
			}
			tapeOut, err := layer(tapes, v.tapeOut, d.TapeBytes(), o.Layer, d.TapeWords(), "tapes")
			if err != nil {
				return err
			}
			for h := range d.HV {
				for c := range d.DV {
					deltaColumn(d, v, h, c, col, state, tapeIn, tapeOut, in, gates, out)
				}
			}
		}
		return nil
	}, nil
}

// deltaColumn runs a lane's rows through column c of value head h.
func deltaColumn(d kernels.DeltaDims, v lane, h, c int, col, state, tapeIn, tapeOut, in, gates, out []float32) {
	hk := h / (d.HV / d.HK)
	word := func(r int) int { return ((h*d.Strips()+c/16)*d.DK+r)*16 + c%16 }
	store := func() {
		for r := range col {
			state[word(r)] = col[r]
		}
	}
	if v.base == 0 {
		clear(col)
	} else {
		for r := range col {
			col[r] = state[word(r)]
		}
	}
	width := d.Strips() * 16
	for n := range v.fold {
		k := tapeIn[d.TapeK()+(n*d.HK+hk)*d.DK:][:d.DK]
		Fold(col, k, tapeIn[d.TapeD()+(n*d.HV+h)*width+c], tapeIn[d.TapeG()+n*d.HV+h])
	}
	store()
	for i := range v.count {
		row := in[(v.first+i)*d.ConvDim():][:d.ConvDim()]
		q := row[hk*d.DK:][:d.DK]
		k := row[(d.HK+hk)*d.DK:][:d.DK]
		value := row[2*d.HK*d.DK+h*d.DV+c]
		gate := gates[(v.first+i)*2*d.HV:]
		dd, o := Step(col, k, q, value, gate[h], gate[d.HV+h])
		out[(v.first+i)*d.HV*d.DV+h*d.DV+c] = o
		if i < v.certain {
			store()
		} else {
			tapeOut[d.TapeD()+((i-v.certain)*d.HV+h)*width+c] = dd
		}
	}
}
