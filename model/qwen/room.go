package qwen

import (
	"errors"
	"fmt"

	"mtplx/kernels"
	"mtplx/sched/page"
)

// ErrMemory is wrapped by errors that say that a model, with the bounds asked for, does not fit the device.
var ErrMemory = errors.New("the device's memory does not suffice")

// leastContext is the shortest context that is worth opening a model for, when nobody asked for one.
const leastContext = 512

// shared is a device that uses the machine's memory, beside other programs.
type shared interface {
	// Available is how many bytes are left, about, of how many in all; a total of 0 says that it is not known.
	Available() (free, total int64)
}

// memory is what the pool may take of the device's memory, of how much in all; a total of 0 is no bound. Of what
// is shared with other programs a quarter is left to them.
func (m *Model) memory() (free, total int64, err error) {
	switch d := m.dev.(type) {
	case kernels.Confined:
		if free, total, err = d.Memory(); err != nil {
			return 0, 0, fmt.Errorf("ask the device for its memory: %w", err)
		}
	case shared:
		free, total = d.Available()
		free -= free / 4
	}
	return free, total, nil
}

// fit bounds the pool by the device's memory, so that sessions are told to wait or refused before memory is short,
// not killed when it is: pages take what the weights, the sessions' states and the forwards leave. Sessions then
// wait for pages where all of them at full context would not fit. A context that nobody asked for shrinks to what
// one session can have.
func (m *Model) fit(asked bool) error {
	free, total, err := m.memory()
	if err != nil || total == 0 {
		return err
	}
	o := &m.opt
	a, d := &m.attnDims, &m.deltaDims
	states := int64(o.Sessions) * int64(d.StateBytes()+2*d.TapeBytes())
	room := free - states - m.work() - total/reserve
	each := int64(a.Layers) * int64(a.PageBytes())
	if each == 0 {
		if room < 0 {
			return fmt.Errorf("open model: %d sessions and their forwards need %d MB more than the device has: %w", o.Sessions, -room>>20, ErrMemory)
		}
		return nil
	}
	pages := int(max(room, 0) / each)
	if o.SparePages { // what remembers sessions also copies their states
		pages -= pages / 4
	}
	if pages >= o.Pages {
		return nil
	}
	if one := m.pages(); pages < one {
		most := pages*page.Tokens - o.Depth - page.Tokens
		if asked || most < leastContext {
			return fmt.Errorf("open model: %d MB are free beside %d MB of weights, %d MB of states of %d sessions and %d MB of working memory; %d tokens of context need %d MB: %w",
				free>>20, m.up.bytes>>20, states>>20, o.Sessions, m.work()>>20, o.Context, int64(one)*each>>20, ErrMemory)
		}
		o.Context = most
	}
	o.Pages = pages
	return nil
}

// reserve is the part of a device's memory that is left for graphs and whoever else uses it.
const reserve = 32

// Spare is how many bytes of the device copies of sessions' states may take, when the model's forwards are yet to be
// recorded; ok is false on a device without a bound of its own.
func (m *Model) Spare() (bytes int64, ok bool) {
	c, ok := m.dev.(kernels.Confined)
	if !ok {
		return 0, false
	}
	free, total, err := c.Memory()
	if err != nil || total == 0 {
		return 0, false
	}
	return max(free-m.work()-total/reserve, 0), true
}

// work is about what a trunk's and a head's forwards take, twice over: two may be in flight.
func (m *Model) work() int64 {
	c, o := &m.cfg, &m.opt
	row := 8*c.HiddenSize + 2*(2*c.Heads+2*c.KVHeads)*c.HeadDim + 3*m.deltaDims.ConvDim() + 4*max(c.MLPSize, c.ExpertsPerToken*c.ExpertSize)
	return 4 * (4*int64(o.Rows)*int64(row) + 4*int64(o.Logits)*int64(c.VocabSize) + attentionWork)
}

// attentionWork is what a device may set aside, in words, for parts of attention that are merged afterwards.
const attentionWork = 64 << 20
