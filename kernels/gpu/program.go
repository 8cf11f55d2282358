package gpu

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"mtplx/kernels"
	"mtplx/sched/queue"
)

// mostSlots is how many different slots the operations of one program may count by: a chain of steps has one for each.
const mostSlots = 16

type shapes [mostSlots]Shape

// program is lowered operations and their graphs, one for each combination of shapes met.
type program struct {
	dev     *Device
	label   string
	steps   []step
	slots   []*kernels.Slots
	attends [mostSlots]bool // some step of these slots depends on Splits
	scratch Memory
	stores  []*store
	checks  []owned
	faults  []int // the steps that may raise one

	mu       sync.Mutex
	bank     bank
	released bool
}

// owned is a check of a step, which is made where that runs.
type owned struct {
	slot, step int
	hold       func() error
}

func (p *program) Label() string { return p.label }

// Release gives back graphs, scratch and the hold on weights.
func (p *program) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.released {
		return
	}
	p.released = true
	p.bank.release()
	p.drop()
}

func (p *program) drop() {
	if p.scratch != nil {
		p.scratch.Release()
		p.scratch = nil
	}
	for i := range p.steps {
		if f := p.steps[i].fault; f != nil {
			f.Release()
		}
	}
	for _, s := range p.stores {
		s.release()
	}
	p.stores = nil
}

// run checks the slots and runs the graph of their shapes. times, unless it is nil, learns when that was.
func (p *program) run(s Stream, times *queue.Run) error {
	var key shapes
	for i, sl := range p.slots {
		if err := checkCounts(sl); err != nil {
			return err
		}
		key[i] = shapeOf(sl, p.attends[i], p.dev.traits.Queries == 1)
		if i > 0 {
			key[i].even(&key[i-1], sl)
		}
	}
	for i := range p.checks {
		c := &p.checks[i]
		if key[c.slot] == (Shape{}) {
			continue
		}
		if err := c.hold(); err != nil {
			return fmt.Errorf("operation %d of %d, %q: %w", c.step+1, len(p.steps), p.steps[c.step].kernel, err)
		}
	}
	g, err := p.graph(key)
	if err != nil {
		return err
	}
	if times == nil {
		err = s.Run(g)
	} else {
		times.Start, times.End, err = timed(s, g)
	}
	if err != nil {
		return err
	}
	for _, i := range p.faults {
		st := &p.steps[i]
		if b := st.fault.Bytes(); binary.LittleEndian.Uint32(b) != 0 {
			clear(b)
			return fmt.Errorf("operation %d of %d, %q: a row chose an expert outside the table", i+1, len(p.steps), st.kernel)
		}
	}
	return nil
}

// timed runs a graph and tells when: by the device's clock where the stream reads it, else by the host's.
func timed(s Stream, g Graph) (start, end time.Time, err error) {
	if c, ok := s.(Clocked); ok {
		return c.RunTimed(g)
	}
	start = time.Now()
	err = s.Run(g)
	return start, time.Now(), err
}

// graph is the graph of some shapes, listed when they are first met.
func (p *program) graph(key shapes) (Graph, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.released {
		return nil, errors.New("the program was released")
	}
	e := p.bank.find(key)
	first := e == nil
	if first {
		g, err := p.record(key)
		if err != nil {
			return nil, err
		}
		e = p.bank.add(key, g)
	}
	// Neither the run that lists launches nor the one that has them made into a graph takes what later ones do.
	if e.ripen(p.dev.traits.Direct, p.dev.atOnce.Load()) || first {
		p.dev.graphs.Add(1)
	}
	return e.graph, nil
}

// record lists the launches of some shapes.
func (p *program) record(key shapes) (Graph, error) {
	var launches []Launch
	for _, st := range p.steps {
		if key[st.slot] == (Shape{}) {
			continue
		}
		for _, d := range st.dispatches {
			grid := d.grid(key[st.slot])
			if grid[0] == 0 || grid[1] == 0 || grid[2] == 0 {
				continue
			}
			args := slices.Clone(d.args)
			for i := range args {
				if f := args[i].shaped; f != nil {
					args[i].Data = f(key[st.slot])
				}
				if args[i].Mem == p.dev.dummy.mem {
					args[i].Write = false // whatever the kernel might do with such an argument
				}
			}
			launches = append(launches, Launch{d.kernel, grid, d.threads, args})
		}
	}
	g, err := p.dev.backend.Record(p.label, launches)
	if err != nil {
		return nil, fmt.Errorf("record %d launches: %w", len(launches), err)
	}
	return g, nil
}

// leastLogits is how many rows of logits there are at least in shapes of many rows of several lanes. Streams of few drafts or many beside a
// prompt's rows then share a graph: recording one takes twice what such a forward does, and the rest of its grid ends at once.
const leastLogits = 8

// leastSplits is how many splits there are at least in shapes of few rows. A text's first thousand tokens then are of one shape
// instead of four; threadgroups of splits that are not there end at once, and all of them fit a device beside each other.
const leastSplits = 8

// shapeOf rounds the counts up. Operations whose slots count nothing are left out of a graph. attends says that some of
// them depend on Splits, and tiled that tiles of queries take lanes of any length; see attnTiles.apart.
func shapeOf(s *kernels.Slots, attends, tiled bool) Shape {
	if s.Rows() == 0 && s.Lanes() == 0 && s.Logits() == 0 {
		return Shape{}
	}
	sh := Shape{Rows: bucket(s.Rows(), s.Dims.Rows), Lanes: bucket(s.Lanes(), s.Dims.Lanes), Logits: bucket(s.Logits(), s.Dims.Logits)}
	if several := sh.Rows > attnRowsMost && sh.Lanes > 1; several {
		sh.Logits = bucket(max(s.Logits(), leastLogits), s.Dims.Logits)
		attends = attends && tiled // else nothing of theirs is cut into splits
	}
	if !attends {
		return sh
	}
	last := 0
	for l := range s.Lanes() {
		last = max(last, int(s.Base[l])+int(s.Count[l]))
	}
	splits := up(last, kernels.SplitTokens)
	if sh.Rows <= attnRowsMost {
		splits = max(splits, leastSplits)
	}
	sh.Splits = bucket(splits, maxSplits(s))
	return sh
}

// evenLanes is the most lanes of steps that are made even.
const evenLanes = 16

// even gives a step of one row a lane the lanes of the step before it where both are few. Otherwise lanes that draft to
// different depths make a graph for every way in which they end, of which some are always new: with sixteen lanes that was up
// to half of all drafting on an H100, and with eight a third; speed did not change.
func (sh *Shape) even(before *Shape, s *kernels.Slots) {
	if sh.Rows == 0 || sh.Rows != sh.Lanes || sh.Lanes != sh.Logits || before.Lanes <= sh.Lanes || before.Lanes > evenLanes {
		return
	}
	sh.Rows, sh.Lanes, sh.Logits = bucket(before.Lanes, s.Dims.Rows), bucket(before.Lanes, s.Dims.Lanes), bucket(before.Lanes, s.Dims.Logits)
}

func maxSplits(s *kernels.Slots) int {
	return up(s.Dims.Pages*kernels.PageTokens, kernels.SplitTokens)
}

// commandBuffer lowers each operation as it is dispatched.
type commandBuffer struct {
	dev      *Device
	label    string
	p        program
	before   [2]queue.Op // the last two
	claimed  map[any]bool
	scratch  int // bytes
	n        int
	err      error
	finished bool
}

func (c *commandBuffer) Dispatch(op queue.Op) {
	c.n++
	if c.err != nil || c.finished {
		return
	}
	if err := c.lower(op); err != nil {
		c.err = fmt.Errorf("record %q, operation %d, %q: %w", c.label, c.n, op.Kernel(), err)
	}
}

// lower turns a fault on a nil operand into an error.
func (c *commandBuffer) lower(op queue.Op) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("bad operands: %v", r)
		}
	}()
	l := lowering{dev: c.dev, cb: c}
	s, err := l.lower(op)
	if err != nil {
		if s.fault != nil {
			s.fault.Release()
		}
		return err
	}
	s.kernel = op.Kernel()
	i := slices.Index(c.p.slots, l.slots)
	if i < 0 {
		if len(c.p.slots) == mostSlots {
			return fmt.Errorf("the program counts by more than %d different slots", mostSlots)
		}
		i = len(c.p.slots)
		c.p.slots = append(c.p.slots, l.slots)
	}
	s.slot = i
	c.p.attends[i] = c.p.attends[i] || l.attends
	c.claim(&s)
	c.p.steps = append(c.p.steps, s)
	c.remember(op)
	return nil
}

// claim keeps those checks of the next step that no step before it has made.
func (c *commandBuffer) claim(s *step) {
	n := len(c.p.steps)
	if s.fault != nil {
		c.p.faults = append(c.p.faults, n)
	}
	for _, k := range s.checks {
		if k.hold == nil || k.same != nil && c.claimed[k.same] {
			continue
		}
		if k.same != nil {
			if c.claimed == nil {
				c.claimed = map[any]bool{}
			}
			c.claimed[k.same] = true
		}
		c.p.checks = append(c.p.checks, owned{s.slot, n, k.hold})
	}
	s.checks = nil
}

func (c *commandBuffer) Finish() (queue.Program, error) {
	if c.finished {
		return nil, fmt.Errorf("record %q: the command buffer is already finished", c.label)
	}
	c.finished = true
	p := &program{dev: c.dev, label: c.label, steps: c.p.steps, slots: c.p.slots, attends: c.p.attends, stores: c.p.stores, checks: c.p.checks, faults: c.p.faults}
	if c.err == nil && c.scratch > 0 {
		p.scratch, c.err = c.dev.backend.Alloc(c.scratch, "scratch of "+c.label)
	}
	if c.err != nil {
		p.drop()
		return nil, c.err
	}
	for i := range p.steps {
		for j := range p.steps[i].dispatches {
			args := p.steps[i].dispatches[j].args
			for k := range args {
				if args[k].Mem == nil && args[k].Data == nil && args[k].shaped == nil {
					args[k].Mem = p.scratch
				}
			}
		}
	}
	return p, nil
}
