package gpu

import (
	"mtplx/kernels/internal/serial"
	"mtplx/sched/queue"
)

// gpuQueue runs programs on a stream, from its own goroutine.
type gpuQueue struct {
	*serial.Queue[*program]

	dev    *Device
	stream Stream
}

func newQueue(d *Device, label string, s Stream) *gpuQueue {
	return &gpuQueue{serial.Start(label, func(p *program, times *queue.Run) error { return p.run(s, times) }), d, s}
}

func (q *gpuQueue) NewCommandBuffer(label string) queue.CommandBuffer {
	return &commandBuffer{dev: q.dev, label: label}
}

func (q *gpuQueue) Submit(p queue.Program, after, done queue.Point) error {
	prog, ok := p.(*program)
	if !ok || prog.dev != q.dev {
		return q.Foreign(p)
	}
	return q.Queue.Submit(prog, after, done)
}

func (q *gpuQueue) Close() {
	if q.Queue.Close() {
		q.Fail(q.stream.Close())
		q.dev.queues.Add(-1)
	}
}
