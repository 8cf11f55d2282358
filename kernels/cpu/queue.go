package cpu

import (
	"time"

	"mtplx/kernels/internal/serial"
	"mtplx/sched/queue"
)

// cpuQueue runs programs on its own goroutine, which is worker 0 of the device's team while it does.
type cpuQueue struct {
	*serial.Queue[*program]

	dev *Device
}

func newQueue(d *Device, label string) *cpuQueue {
	return &cpuQueue{serial.Start(label, d.runProgram), d}
}

func (d *Device) runProgram(p *program, times *queue.Run) error {
	if times == nil {
		return d.team.run(p.steps)
	}
	times.Start = time.Now()
	err := d.team.run(p.steps)
	times.End = time.Now()
	return err
}

func (q *cpuQueue) NewCommandBuffer(label string) queue.CommandBuffer {
	return &commandBuffer{dev: q.dev, label: label}
}

func (q *cpuQueue) Submit(p queue.Program, after, done queue.Point) error {
	prog, ok := p.(*program)
	if !ok || prog.dev != q.dev {
		return q.Foreign(p)
	}
	return q.Queue.Submit(prog, after, done)
}

func (q *cpuQueue) Close() {
	if q.Queue.Close() {
		q.dev.queues.Add(-1)
	}
}

// newEvent is an event of which whoever waits looks a few times first: a step's end is often microseconds away.
func newEvent() *serial.Event { return &serial.Event{Pause: moment} }

func moment() { pause(4) }
