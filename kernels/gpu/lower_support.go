package gpu

import (
	"fmt"

	"mtplx/kernels"
)

// supportChunk is CHUNK of the kernels: entries a chunk, and candidates a narrowing block.
const supportChunk = 4096

func (l *lowering) support(o *kernels.Support) (step, error) {
	if err := l.useSlots(o.S); err != nil {
		return step{}, err
	}
	if o.Most < 0 || o.Blocks == nil && o.Most != 0 {
		return step{}, fmt.Errorf("%d blocks a row were announced and no lists given", o.Most)
	}
	entries := o.Vocab + kernels.BlockOutputs*o.Most // of a row, at most
	if o.Vocab < 1 || entries > o.Stride {
		return step{}, fmt.Errorf("%d entries do not fit rows of %d", entries, o.Stride)
	}
	s := o.S
	c := collect{dev: l.dev}
	lists := blockLists{c.optional(o.Blocks, "the lists of blocks"), o.Most, 0}
	logits, y := c.buffer(o.Logits, "logits", 0), c.buffer(o.Out, "output", s.Dims.Logits*kernels.SupportWords)
	if c.err != nil {
		return step{}, c.err
	}
	chunks := up(entries, supportChunk)
	cand := s.Dims.Logits * chunks * 2 // after the chunks' pairs
	next := cand + s.Dims.Logits*chunks*kernels.SupportTop
	word := func(cand, count, next, blocks int) Arg {
		return constants(words{}.slots(s).u(o.Vocab, o.Stride, 0, cand, count, next, blocks).flag(o.Blocks != nil).u(o.Most))
	}
	grid := func(n int) func(Shape) [3]uint32 {
		return func(sh Shape) [3]uint32 { return [3]uint32{u32(n), u32(sh.Logits), 1} }
	}
	ds := []dispatch{{"support_chunk", threads, []Arg{in(l.slotBuf), in(logits), {}, in(lists.operand), word(cand, chunks, 0, 0)}, grid(chunks)}}
	count := chunks
	for count*kernels.SupportTop > supportChunk {
		blocks := up(count*kernels.SupportTop, supportChunk)
		ds = append(ds, dispatch{"support_narrow", threads, []Arg{in(l.slotBuf), in(logits), {}, word(cand, count, next, blocks)}, grid(blocks)})
		cand, count = next, blocks
		next += s.Dims.Logits * blocks * kernels.SupportTop
	}
	ds = append(ds, dispatch{"support_top", threads, []Arg{in(l.slotBuf), in(logits), {}, in(lists.operand), out(y), word(cand, count, chunks, 0)}, grid(1)})
	scratch := l.scratch(next)
	for i := range ds {
		ds[i].args[2] = scratch
	}
	caps := []capacity{{logits.rows(o.Stride), "the logits"}}
	checks := []check{roomFor(s.Logits, s.Dims.Logits, caps)}
	if o.Blocks != nil {
		checks = append(checks, check{hold: func() error { return lists.check(s.Logits()) }})
	}
	return step{checks: checks, dispatches: ds}, nil
}
