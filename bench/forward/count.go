package forward

import (
	"mtplx/kernels"
	"mtplx/kernels/cpu"
	"mtplx/sched/queue"
)

// counted is a queue that notes what the operations recorded on it have to move.
type counted struct {
	queue.Queue
	moved map[string]int64 // bytes by cpu.Label
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
	if n := moves(op, b.q.position); n > 0 {
		b.q.moved[cpu.Label(op)] += n
	}
	b.CommandBuffer.Dispatch(op)
}

// moves is the bytes of weights, recurrent state, keys and values that an operation of one lane cannot avoid
// moving, with `position` tokens before its rows.
func moves(op queue.Op, position int) (n int64) {
	switch o := op.(type) {
	case *kernels.Product:
		for _, p := range o.Parts {
			n += p.W.Bytes()
		}
	case *kernels.PartProduct:
		share := float64(o.First+o.Most*kernels.BlockOutputs) / float64(o.W.Rows())
		n = int64(float64(o.W.Bytes()) * min(1, share))
	case *kernels.ExpertProduct:
		for _, p := range o.Parts {
			for _, w := range p.W[:min(o.TopK, len(p.W))] { // one row's; experts are alike
				n += w.Bytes()
			}
		}
	case *kernels.DeltaPrep: // the convolution's taps, and its raw rows read and written
		n = 4 * int64(o.Dims.ConvDim()) * (kernels.ConvTaps + 2*(kernels.ConvTaps-1))
	case *kernels.Delta:
		n = 2 * 4 * int64(o.Dims.StateWords())
	case *kernels.Attention:
		d := o.Dims
		n = int64(position) * int64(d.PageBytes()) / kernels.PageTokens
	}
	return n
}

func (q *counted) total() (n int64) {
	for _, v := range q.moved {
		n += v
	}
	return n
}
