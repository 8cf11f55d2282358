package conform

import (
	"fmt"
	"math/rand/v2"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// deltaShapes have heads shared by several value heads, sizes that 16 does not divide, and the
// sizes of real models.
var deltaShapes = []kernels.DeltaDims{
	{Layers: 2, HK: 1, HV: 1, DK: 8, DV: 16, Tape: 8},
	{Layers: 2, HK: 2, HV: 4, DK: 16, DV: 20, Tape: 8},
	{Layers: 1, HK: 1, HV: 3, DK: 31, DV: 40, Tape: 8},
	{Layers: 1, HK: 1, HV: 2, DK: 128, DV: 128, Tape: 8},
}

// checkDeltaPrep checks the inputs of the recurrence: convolution over the tape's border, unit
// vectors, gates, and what goes to the tape.
func checkDeltaPrep(t T, d kernels.Device) { deltaSuite(t, d, prepared) }

// checkDelta checks the recurrence itself, from inputs that the host wrote.
func checkDelta(t T, d kernels.Device) { deltaSuite(t, d, recurrence) }

// checkDeltaChain checks the three operations of a layer in one program, which a device may run as one.
func checkDeltaChain(t T, d kernels.Device) {
	for i, dims := range []kernels.DeltaDims{
		{Layers: 2, HK: 2, HV: 4, DK: 128, DV: 128, Tape: 8},
		{Layers: 1, HK: 1, HV: 3, DK: 16, DV: 24, Tape: 8},
	} {
		t.Run(fmt.Sprintf("%d of %d value heads, %dx%d", dims.HK, dims.HV, dims.DK, dims.DV), func(t T) {
			for n := range uint64(2) {
				if t.Short() && i == 0 && n > 0 {
					continue
				}
				t.Run(fmt.Sprintf("history %d", n), func(t T) { histories(t, d, dims, chained, uint64(i+1)+10*n) })
			}
		})
	}
}

// checkDeltaLong checks the recurrence of heads as large as real models', for devices that have a kernel for those and many
// rows: three value heads share a key head, two, or each has its own.
func checkDeltaLong(t T, d kernels.Device) {
	for _, heads := range [][2]int{{1, 3}, {1, 2}, {2, 2}} {
		dims := kernels.DeltaDims{Layers: 2, HK: heads[0], HV: heads[1], DK: 128, DV: 128, Tape: 8}
		t.Run(fmt.Sprintf("%d of %d value heads", dims.HK, dims.HV), func(t T) {
			if dims.HV == 3 || !t.Short() {
				t.Run("history", func(t T) { histories(t, d, dims, recurrence, 31) })
			}
			t.Run("prompts", func(t T) { prompts(t, d, dims, recurrence, 32) })
		})
	}
}

// deltaPart is what of a delta layer a world runs.
type deltaPart int

const (
	recurrence deltaPart = iota // Delta alone, from inputs that the host wrote
	prepared                    // DeltaPrep and Delta
	chained                     // and DeltaNorm, over few rows
)

func deltaSuite(t T, d kernels.Device, part deltaPart) {
	for i, dims := range deltaShapes {
		chains := uint64(4)
		if t.Short() {
			chains = 1
			if dims.DK > 100 {
				continue
			}
		}
		t.Run(fmt.Sprintf("%d of %d value heads, %dx%d", dims.HK, dims.HV, dims.DK, dims.DV), func(t T) {
			seed := uint64(i + 1)
			t.Run("fold and continue", func(t T) { foldAndContinue(t, d, dims, part, seed) })
			for n := range chains {
				t.Run(fmt.Sprintf("history %d", n), func(t T) { histories(t, d, dims, part, seed+10*n) })
			}
			if dims.DK <= 16 {
				t.Run("prompts", func(t T) { prompts(t, d, dims, part, seed) })
			}
			t.Run("replay", func(t T) {
				w := newDeltaWorld(NewRig(t, d), dims, part, seed, 1, 1)
				w.s.Head[kernels.HeadRows], w.s.Count[0], w.s.Certain[0] = 1, 1, 1
				w.r.steady(w.ops...)
			})
		})
	}
}

// deltaWorld is some lanes with fixed token rows on one device. Of every lane, `tokens` rows are
// known in advance; a forward may carry any of them, or rubbish in their stead.
type deltaWorld struct {
	r    *Rig
	d    kernels.DeltaDims
	prep bool
	// rowsMost is the most rows that a lane brings in a history.
	rowsMost int
	probe    *probe // of the activations that DeltaNorm leaves, or nil
	s        *kernels.Slots
	rec      kernels.Recurrent
	ops      []queue.Op
	op       *kernels.Delta

	tokens, stride int
	rows           []float32 // [lanes][tokens][stride]: of DeltaPrep's In, or Delta's In and gates
	rubbish        []float32 // [stride]
	in             queue.Buffer
	out, gates, o  outputs
}

// columns of DeltaPrep's input.
func (w *deltaWorld) qkv() int { return 1 + w.d.HV }
func (w *deltaWorld) a() int   { return 1 }
func (w *deltaWorld) b() int   { return 2 + w.d.HV + w.d.ConvDim() }

func newDeltaWorld(r *Rig, d kernels.DeltaDims, part deltaPart, seed uint64, lanes, tokens int) *deltaWorld {
	rng := rand.New(rand.NewPCG(seed, 77))
	most := lanes * 12
	if lanes == 1 {
		most += tokens // a lone lane may bring a prompt
	}
	w := &deltaWorld{r: r, d: d, prep: part != recurrence, tokens: tokens, rowsMost: 12}
	w.s = r.Slots(kernels.SlotDims{Rows: most, Lanes: lanes, Logits: 1, Pages: 1})
	w.stride = 3 + 2*d.HV + d.ConvDim()
	if part == chained {
		w.rowsMost = 2
		w.stride += d.HV * d.DV
	}
	w.rows = Normals(rng, lanes*tokens*w.stride, 1)
	w.rubbish = Normals(rng, w.stride, 3)
	// Pools hold values that would show, were a slot read that belongs to nobody.
	w.rec = kernels.Recurrent{Dims: d, Layer: d.Layers - 1}
	w.rec.States = r.Put(Normals(rng, lanes*d.StateBytes()/4, 1))
	w.rec.Tapes = r.Put(Normals(rng, 2*lanes*d.TapeBytes()/4, 1))
	w.out, w.gates, w.o = r.outputs(most, d.ConvDim()), r.outputs(most, 2*d.HV), r.outputs(most, d.HV*d.DV)
	w.in = r.Floats(most*w.stride, nan)
	w.op = &kernels.Delta{S: w.s, Recurrent: w.rec, In: w.out.buf, Gates: w.gates.buf, O: w.o.buf}
	if w.prep {
		expA := Normals(rng, d.HV, 1)
		for i := range expA {
			expA[i] = kernels.Exp(expA[i])
		}
		w.ops = append(w.ops, &kernels.DeltaPrep{
			S: w.s, Recurrent: w.rec, In: w.in, Stride: w.stride, QKV: w.qkv(), A: w.a(), B: w.b(),
			Conv: r.Put(Normals(rng, kernels.ConvTaps*d.ConvDim(), 0.7)), DtBias: r.Put(Normals(rng, d.HV, 2)), ExpA: r.Put(expA),
			Out: w.out.buf, Gates: w.gates.buf,
		})
	}
	w.ops = append(w.ops, w.op)
	if part == chained {
		w.probe = newProbe(r, d.HV*d.DV, most)
		w.ops = append(w.ops, &kernels.DeltaNorm{
			S: w.s, Dims: d, Eps: 1e-6, O: w.o.buf, Z: w.in, ZStride: w.stride, ZCol: w.stride - d.HV*d.DV, Gain: r.Put(Normals(rng, d.DV, 1)), Acts: w.probe.acts,
		})
	}
	return w
}

// span is one lane's part of a forward: rows from token `base` on, of which those from `rubbish`
// on (counted from base) are not the lane's own tokens.
type span struct {
	lane, base, count, certain, fold, rubbish int
	tape                                      int // tape slot of the lane that is written: 0 or 1; the other is read
}

// state and tape slots are scattered, so that neither lane nor place stands in for them.
func (w *deltaWorld) stateSlot(lane int) int { return w.lanes() - 1 - lane }

func (w *deltaWorld) tapeSlot(lane, which int) int {
	return (lane*2 + which + 3) % (2 * w.lanes())
}

func (w *deltaWorld) lanes() int { return w.s.Dims.Lanes }

// forward runs spans and gives each span's rows: q^, k^, v, gates and outputs.
func (w *deltaWorld) forward(spans []span) [][][]uint32 {
	w.r.T.Helper()
	s := w.s
	total := 0
	first := make([]int, len(spans))
	for i := len(spans) - 1; i >= 0; i-- { // the last lane's rows come first
		first[i] = total
		total += spans[i].count
	}
	s.Head[kernels.HeadRows], s.Head[kernels.HeadLanes] = int32(total), int32(len(spans))
	w.out.refill()
	w.gates.refill()
	w.o.refill()
	in := kernels.Floats(w.in)
	for i, p := range spans {
		s.First[i], s.Count[i], s.Base[i] = int32(first[i]), int32(p.count), int32(p.base)
		s.Certain[i], s.Fold[i], s.State[i] = int32(p.certain), int32(p.fold), int32(w.stateSlot(p.lane))
		s.TapeOut[i], s.TapeIn[i] = int32(w.tapeSlot(p.lane, p.tape)), int32(w.tapeSlot(p.lane, 1-p.tape))
		for j := range p.count {
			row := first[i] + j
			s.Lane[row] = int32(i)
			x := w.rubbish
			if j < p.rubbish {
				x = w.rows[(p.lane*w.tokens+p.base+j)*w.stride:][:w.stride]
			}
			if w.prep {
				copy(in[row*w.stride:(row+1)*w.stride], x)
			} else {
				w.place(row, p, j, x)
			}
		}
	}
	w.r.Run(w.ops...)
	parts := [][][]uint32{w.out.rows(total), w.gates.rows(total), w.o.rows(total)}
	if w.probe != nil {
		parts = append(parts, w.probe.read(total))
	}
	result := make([][][]uint32, len(spans))
	for i, p := range spans {
		for j := range p.count {
			var all []uint32
			for _, part := range parts {
				all = append(all, part[first[i]+j]...)
			}
			result[i] = append(result[i], all)
		}
	}
	return result
}

// place writes what DeltaPrep would have left for a row: inputs, gates, and the tape's k and g.
func (w *deltaWorld) place(row int, p span, j int, x []float32) {
	d := w.d
	out := kernels.Floats(w.out.buf)[row*d.ConvDim():][:d.ConvDim()]
	for i := range out {
		out[i] = x[i] * 0.2
	}
	gates := kernels.Floats(w.gates.buf)[row*2*d.HV:][:2*d.HV]
	for i := range gates {
		gates[i] = kernels.Sigmoid(x[d.ConvDim()+i])
	}
	if j >= p.certain {
		tape := w.tape(w.tapeSlot(p.lane, p.tape))
		copy(tape[d.TapeK()+(j-p.certain)*d.HK*d.DK:], out[d.HK*d.DK:2*d.HK*d.DK])
		copy(tape[d.TapeG()+(j-p.certain)*d.HV:], gates[:d.HV])
	}
}

// tape is a tape slot in the layer under test.
func (w *deltaWorld) tape(slot int) []float32 {
	return kernels.Floats(w.rec.Tapes)[slot*w.d.TapeBytes()/4+w.rec.Layer*w.d.TapeWords():][:w.d.TapeWords()]
}

// state is a lane's state without the padding of its last strip.
func (w *deltaWorld) state(lane int) []uint32 {
	return w.unpadded(kernels.Floats(w.rec.States)[w.stateSlot(lane)*w.d.StateBytes()/4+w.rec.Layer*w.d.StateWords():][:w.d.StateWords()])
}

func (w *deltaWorld) unpadded(state []float32) []uint32 {
	var x []float32
	for i, v := range state {
		if strip := i / (16 * w.d.DK) % w.d.Strips(); strip*16+i%16 < w.d.DV {
			x = append(x, v)
		}
	}
	return words(x)
}

// memory is both pools without padding: what two devices must agree on after equal programs.
func (w *deltaWorld) memory() (states, tapes []uint32) {
	d := w.d
	f := kernels.Floats(w.rec.States)
	for at := 0; at < len(f); at += d.StateWords() {
		states = append(states, w.unpadded(f[at:at+d.StateWords()])...)
	}
	f = kernels.Floats(w.rec.Tapes)
	for at := 0; at < len(f); at += d.TapeWords() {
		tape := f[at : at+d.TapeWords()]
		tapes = append(tapes, words(tape[:d.TapeD()])...)
		for row := d.TapeD(); row < d.TapeG(); row += d.Strips() * 16 {
			tapes = append(tapes, words(tape[row:row+d.DV])...)
		}
		tapes = append(tapes, words(tape[d.TapeG():][:d.Tape*d.HV])...)
	}
	return states, tapes
}

// canon is what every lane's rows and states must be, from the oracle: one token a forward,
// all of them certain.
type canon struct {
	rows   [][][]uint32 // [lane][token]
	states [][][]uint32 // [lane][tokens applied], from 1 on
}

func canonical(t T, d kernels.DeltaDims, part deltaPart, seed uint64, lanes, tokens int) canon {
	w := newDeltaWorld(oracle(t), d, part, seed, lanes, tokens)
	c := canon{make([][][]uint32, lanes), make([][][]uint32, lanes)}
	for token := range tokens {
		spans := make([]span, 0, lanes)
		for l := range lanes {
			spans = append(spans, span{lane: l, base: token, count: 1, certain: 1, rubbish: 1, tape: token % 2})
		}
		for l, rows := range w.forward(spans) {
			c.rows[l] = append(c.rows[l], rows[0])
			if token == 0 {
				c.states[l] = append(c.states[l], nil)
			}
			c.states[l] = append(c.states[l], w.state(l))
		}
	}
	return c
}

// check compares a span's rows with the canonical ones, as far as they are the lane's own.
func (c canon) check(t T, p span, rows [][]uint32) {
	t.Helper()
	for j := range min(p.count, p.rubbish) {
		if at, a, b, differ := firstDifference(rows[j], c.rows[p.lane][p.base+j]); differ {
			t.Fatalf("%+v: row %d, word %d is %s, one token at a time it is %s", p, j, at, a, b)
		}
	}
}

// foldAndContinue has a lane for every 0 <= a <= K <= 8: three certain rows and K taped ones,
// of which a prove right; then a fold of a and rows that go on from there.
func foldAndContinue(t T, d kernels.Device, dims kernels.DeltaDims, part deltaPart, seed uint64) {
	const tokens = 16
	var taped, right []int
	for k := 0; k <= dims.Tape; k++ {
		if dims.DK > 100 && k%4 > 1 {
			continue // the large shape: K of 0, 1, 4, 5 and 8
		}
		for a := 0; a <= k; a++ {
			taped, right = append(taped, k), append(right, a)
		}
	}
	lanes := len(taped)
	c := canonical(t, dims, part, seed, lanes, tokens)
	w := newDeltaWorld(NewRig(t, d), dims, part, seed, lanes, tokens)
	run := func(each func(l int) span) {
		t.Helper()
		spans := make([]span, 0, lanes)
		for l := range lanes {
			spans = append(spans, each(l))
		}
		for l, rows := range w.forward(spans) {
			c.check(t, spans[l], rows)
		}
	}
	state := func(l, applied int) {
		t.Helper()
		if at, a, b, differ := firstDifference(w.state(l), c.states[l][applied]); differ {
			t.Fatalf("lane of %d right of %d: state after %d tokens, word %d is %s, one at a time it is %s", right[l], taped[l], applied, at, a, b)
		}
	}
	run(func(l int) span {
		return span{lane: l, base: 0, count: 3 + taped[l], certain: 3, rubbish: 3 + right[l], tape: 0}
	})
	for l := range lanes {
		state(l, 3)
	}
	// Two rows, one of them certain: the state moves by the fold and one row.
	run(func(l int) span {
		return span{lane: l, base: 3 + right[l], count: 2, certain: 1, fold: right[l], rubbish: 2, tape: 1}
	})
	for l := range lanes {
		state(l, 4+right[l])
	}
	// Nothing was right of the second forward's tape but its certain row, or all of it was.
	run(func(l int) span {
		return span{lane: l, base: 4 + right[l] + l%2, count: 1, certain: 0, fold: l % 2, rubbish: 1, tape: 0}
	})
	for l := range lanes {
		state(l, 4+right[l]+l%2)
	}
}

// histories runs lanes through random forwards on the device and the oracle at once: chunks of
// any size, any part certain, rubbish after any row, lanes that sit out. Rows must be canonical,
// and both pools equal to the oracle's after every forward.
func histories(t T, d kernels.Device, dims kernels.DeltaDims, part deltaPart, seed uint64) {
	lanes, tokens := 4, 24
	if dims.DK > 100 {
		lanes, tokens = 2, 14
	}
	rng := rand.New(rand.NewPCG(seed, 78))
	c := canonical(t, dims, part, seed, lanes, tokens)
	w := newDeltaWorld(NewRig(t, d), dims, part, seed, lanes, tokens)
	o := newDeltaWorld(oracle(t), dims, part, seed, lanes, tokens)
	next := make([]span, lanes) // base, fold and tape of each lane's next span
	for l := range next {
		next[l].lane = l
	}
	for {
		var spans []span
		for _, l := range rng.Perm(lanes) {
			p := next[l]
			left := tokens - p.base
			if left == 0 || rng.IntN(4) == 0 {
				continue
			}
			p.rubbish = 1 + rng.IntN(min(left, w.rowsMost))
			p.certain = rng.IntN(p.rubbish + 1)
			if p.rubbish-p.certain > dims.Tape {
				p.certain = p.rubbish - dims.Tape
			}
			p.count = p.rubbish + rng.IntN(1+min(dims.Tape-(p.rubbish-p.certain), w.rowsMost-p.rubbish))
			spans = append(spans, p)
			next[l] = span{lane: l, base: p.base + p.rubbish, fold: p.rubbish - p.certain, tape: 1 - p.tape}
		}
		if len(spans) == 0 {
			done := true
			for _, p := range next {
				done = done && p.base == tokens
			}
			if done {
				return
			}
			continue
		}
		for i, rows := range w.forward(spans) {
			c.check(t, spans[i], rows)
		}
		o.forward(spans)
		states, tapes := w.memory()
		wantStates, wantTapes := o.memory()
		if at, a, b, differ := firstDifference(states, wantStates); differ {
			t.Fatalf("after %+v: word %d of the states is %s, the oracle has %s", spans, at, a, b)
		}
		if at, a, b, differ := firstDifference(tapes, wantTapes); differ {
			t.Fatalf("after %+v: word %d of the tapes is %s, the oracle has %s", spans, at, a, b)
		}
	}
}
