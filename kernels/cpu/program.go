package cpu

import (
	"errors"
	"fmt"

	"mtplx/sched/queue"
)

// program is a recorded list of steps.
type program struct {
	dev   *Device
	label string
	steps []step
}

func (p *program) Label() string { return p.label }

// Release has nothing to give back: a program's memory is the collector's.
func (p *program) Release() {}

// commandBuffer compiles each operation as it is dispatched, so that a wrong one is found at
// the line that recorded it.
type commandBuffer struct {
	dev      *Device
	label    string
	steps    []step
	n        int
	err      error
	finished bool
}

func (c *commandBuffer) Dispatch(op queue.Op) {
	c.n++
	if c.err != nil {
		return
	}
	s, err := c.dev.compile(op)
	if err != nil {
		c.err = fmt.Errorf("record %q, operation %d: %w", c.label, c.n, err)
		return
	}
	c.steps = append(c.steps, c.dev.timed(flatten(nil, s), op)...)
}

var errFinished = errors.New("the command buffer is already finished")

func (c *commandBuffer) Finish() (queue.Program, error) {
	if c.finished {
		return nil, fmt.Errorf("record %q: %w", c.label, errFinished)
	}
	c.finished = true
	if c.err != nil {
		return nil, c.err
	}
	return &program{dev: c.dev, label: c.label, steps: c.steps}, nil
}
