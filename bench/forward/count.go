package forward

import (
	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

// counted is a queue that notes what the operations recorded on it have to move.
type counted struct {
	queue.Queue
	// Bytes by cpu.Label: those of a forward, and those that each session adds.
	once, each map[string]int64
	// position is where the rows of the forward stand.
	position int
}

func (q *counted) NewCommandBuffer(label string) queue.CommandBuffer {
	return &countedBuffer{q.Queue.NewCommandBuffer(label), q}
}

type countedBuffer struct {
	queue.CommandBuffer
	q *counted
}

func (b *countedBuffer) Dispatch(op queue.Op) {
	once, each := moves(op, b.q.position)
	b.q.once[cpu.Label(op)] += once
	b.q.each[cpu.Label(op)] += each
	b.CommandBuffer.Dispatch(op)
}

// moves is the bytes that an operation cannot avoid moving: those of weights, and recurrent state, keys and values of
// each session, with `position` tokens before its rows.
func moves(op queue.Op, position int) (once, each int64) {
	switch o := op.(type) {
	case *kernels.Product:
		for _, p := range o.Parts {
			once += p.W.Bytes()
		}
	case *kernels.PartProduct:
		share := float64(o.First+o.Most*kernels.BlockOutputs) / float64(o.W.Rows())
		once = int64(float64(o.W.Bytes()) * min(1, share))
	case *kernels.ExpertProduct:
		for _, p := range o.Parts {
			for _, w := range p.W[:min(o.TopK, len(p.W))] { // one row's; experts are alike
				once += w.Bytes()
			}
		}
	case *kernels.DeltaPrep: // the convolution's taps, and its raw rows read and written
		each = 4 * int64(o.Dims.ConvDim()) * (kernels.ConvTaps + 2*(kernels.ConvTaps-1))
	case *kernels.Delta:
		each = 2 * 4 * int64(o.Dims.StateWords())
	case *kernels.Attention:
		d := o.Dims
		each = int64(position) * int64(d.PageBytes()) / kernels.PageTokens
	}
	return once, each
}

// bytes is what operations of a label move in a forward of some sessions.
func (q *counted) bytes(label string, lanes int) int64 {
	return q.once[label] + int64(lanes)*q.each[label]
}

func (q *counted) total(lanes int) (n int64) {
	for label := range q.once {
		n += q.bytes(label, lanes)
	}
	return n
}
