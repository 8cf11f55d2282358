package gpu

import (
	"errors"
	"fmt"

	"mtplx/kernels"
)

func (l *lowering) embed(o *kernels.Embed) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	w, err := l.dev.weightOf(o.Table, "the table")
	if err != nil {
		return step{}, err
	}
	y, err := l.dev.operandOf(o.Out, "output", o.S.Dims.Rows*w.cols)
	if err != nil {
		return step{}, err
	}
	table, _, err := l.hold(w)
	if err != nil {
		return step{}, err
	}
	if w.at != 0 {
		return step{}, errors.New("the table is one of several experts")
	}
	s, rows := o.S, w.rows
	kernel := "embed_" + storageNames[w.storage]
	if w.storage <= codes8 {
		kernel = "embed_codes" + storageNames[w.storage]
	}
	ids, first, known := l.slotBuf, words{}.slots(s).first(), true // where the ids are: words{}.slots begins with their place
	if o.Tokens != nil {
		if ids, err = l.dev.operandOf(o.Tokens, "the tokens", s.Dims.Rows); err != nil {
			return step{}, err
		}
		first, known = 0, false
	}
	p := words{}.slots(s).u(w.cols, w.rows, w.blocks, 4*w.block).flag(w.wide).u(w.sub, first)
	var checks []check
	if known { // else the kernel leaves out what is outside the table
		checks = []check{{hold: func() error {
			for r := range s.Rows() {
				if id := int(s.ID[r]); id < 0 || id >= rows {
					return fmt.Errorf("row %d: token %d is outside the table of %d", r, id, rows)
				}
			}
			return nil
		}}}
	}
	return step{
		checks: checks,
		dispatches: []dispatch{{kernel, threads, []Arg{in(l.slotBuf), in(ids), table, out(y), constants(p)}, func(sh Shape) [3]uint32 {
			return [3]uint32{u32(up(w.cols, threads)), u32(sh.Rows), 1}
		}}},
	}, nil
}

func (l *lowering) norm(o *kernels.Norm) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	switch {
	case o.Y == nil && o.Acts == nil:
		return step{}, errors.New("neither an output nor activations are given")
	case o.Width < 1:
		return step{}, fmt.Errorf("width %d is not positive", o.Width)
	case o.Y != nil && (o.XMap >= kernels.LogitOut) != (o.YMap >= kernels.LogitOut):
		return step{}, fmt.Errorf("row maps %d and %d run over different rows", o.XMap, o.YMap)
	}
	c := collect{dev: l.dev}
	gain, x, y := c.buffer(o.Gain, "gain", o.Width), c.buffer(o.X, "input", 0), c.optional(o.Y, "output")
	a := l.dev.noActs()
	if o.Acts != nil {
		a = c.acts(o.Acts, o.Width)
	}
	if c.err != nil {
		return step{}, c.err
	}
	s, width, xMap, yMap, hasY := o.S, o.Width, o.XMap, o.YMap, o.Y != nil
	inPlace := hasY && x.mem == y.mem
	p := words{}.slots(s).acts(a).u(width, int(xMap), int(yMap)).flag(hasY).f(o.Eps)
	args := append([]Arg{in(l.slotBuf), in(x), in(gain), out(y)}, append(a.args(), constants(p))...)
	whole := func(sh Shape) [3]uint32 { return [3]uint32{1, u32(rowsOf(xMap, sh)), 1} } // a threadgroup a row
	many := func(sh Shape) bool { return width <= normMany && l.dev.traits.many(rowsOf(xMap, sh), width) }
	checks := []check{mapped(s, xMap, x.rows(width), "the input")}
	if hasY {
		checks = append(checks, mapped(s, yMap, y.rows(width), "the output"))
	}
	if a.forms != 0 {
		checks = append(checks, roomFor(func() int { return xMap.Count(s) }, countMost(s, xMap), []capacity{{a.maxRows, "the activations"}}))
	}
	return step{
		checks: checks,
		dispatches: either(many,
			dispatch{"norm_many", threads, args, whole},
			dispatch{"norm_rows", threads, args, func(sh Shape) [3]uint32 {
				if inPlace { // one threadgroup reads the whole row before it writes
					return whole(sh)
				}
				return normGrid(width, rowsOf(xMap, sh))
			}}),
	}, nil
}

// blocksGrid is a grid of a simdgroup for each 64 of k values of each row.
func blocksGrid(k, rows int) [3]uint32 { return [3]uint32{u32(up(k, 64*threads/32)), u32(rows), 1} }

// pair is a threadgroup of two simdgroups: small ones spread what little there is to do over the device.
const pair = 64

// pairGrid is blocksGrid for pairs.
func pairGrid(k, rows int) [3]uint32 { return [3]uint32{u32(up(k, 64*pair/32)), u32(rows), 1} }

// normMany is the widest row that src/rows_many.metal has room for.
const normMany = 6144 // NORM_CHUNK

// normRowsMost is the number of rows up to which a normalised row is shared among threadgroups.
const normRowsMost = 16

// normGrid gives few rows a threadgroup for each 512 values, and many rows one each.
func normGrid(k, rows int) [3]uint32 {
	if rows > normRowsMost {
		return [3]uint32{1, u32(rows), 1}
	}
	return blocksGrid(k, rows)
}

func (l *lowering) quantize(o *kernels.Quantize) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	c := collect{dev: l.dev}
	x, a := c.buffer(o.X, "input", 0), c.acts(o.Acts, o.Acts.K)
	if c.err != nil {
		return step{}, c.err
	}
	s, m := o.S, o.XMap
	p := words{}.slots(s).acts(a).u(int(m))
	return step{
		checks: []check{
			roomFor(func() int { return m.Count(s) }, countMost(s, m), []capacity{{a.maxRows, "the activations"}}),
			mapped(s, m, x.rows(a.k), "the input"),
		},
		dispatches: []dispatch{{
			"quantize_rows", threads, append([]Arg{in(l.slotBuf), in(x)}, append(a.args(), constants(p))...),
			func(sh Shape) [3]uint32 { return blocksGrid(a.k, rowsOf(m, sh)) },
		}},
	}, nil
}

func (l *lowering) headInput(o *kernels.HeadInput) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	c := collect{dev: l.dev}
	embGain, hidGain := c.buffer(o.EmbGain, "gain of the embedding", o.Width), c.buffer(o.HidGain, "gain of the hidden row", o.Width)
	emb, pool := c.buffer(o.Emb, "embedding", 0), c.buffer(o.Pool, "hidden pool", 0)
	a := c.acts(o.Acts, 2*o.Width)
	if c.err != nil {
		return step{}, c.err
	}
	s, width := o.S, o.Width
	p := words{}.slots(s).acts(a).u(width).f(o.Eps)
	caps := []capacity{{emb.rows(width), "the embedding"}, {a.maxRows, "the activations"}}
	return step{
		checks: []check{roomFor(s.Rows, s.Dims.Rows, caps), mapped(s, kernels.FromIn, pool.rows(width), "the hidden pool")},
		dispatches: []dispatch{{
			"head_input", threads, append([]Arg{in(l.slotBuf), in(emb), in(pool), in(embGain), in(hidGain)}, append(a.args(), constants(p))...),
			func(sh Shape) [3]uint32 { return normGrid(2*width, sh.Rows) },
		}},
	}, nil
}

func (l *lowering) swiglu(o *kernels.SwiGLU) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	if o.Times < 1 {
		return step{}, fmt.Errorf("virtual rows a row are %d, expecting at least 1", o.Times)
	}
	c := collect{dev: l.dev}
	x, a := c.buffer(o.In, "input", 0), c.acts(o.Acts, o.Width)
	if c.err != nil {
		return step{}, c.err
	}
	s, times, width := o.S, o.Times, o.Width
	p := words{}.slots(s).acts(a).u(width, times)
	args := append([]Arg{in(l.slotBuf), in(x)}, append(a.args(), constants(p))...)
	caps := []capacity{{x.rows(2 * width), "the input"}, {a.maxRows, "the activations"}}
	return step{
		checks: []check{roomFor(func() int { return s.Rows() * times }, s.Dims.Rows*times, caps)},
		dispatches: either(func(sh Shape) bool { return l.dev.traits.many(sh.Rows*times, width) },
			dispatch{"swiglu_many", threads, args, func(sh Shape) [3]uint32 {
				return [3]uint32{u32(up(width, 2*64*threads/32)), u32(sh.Rows * times), 1}
			}},
			dispatch{"swiglu_rows", pair, args, func(sh Shape) [3]uint32 { return pairGrid(width, sh.Rows*times) }}),
	}, nil
}
