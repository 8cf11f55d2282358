package cpu

import (
	"mtplx/kernels"
	"mtplx/sched/queue"
)

func init() {
	register((*kernels.Route)(nil).Kernel(), compileRoute)
	register((*kernels.Combine)(nil).Kernel(), compileCombine)
}

// route is kernels.Route. Rows are few and experts some hundreds: plain Go does.
type route struct {
	*kernels.Route
	logits []float32
	index  []int32
	weight []float32
}

func compileRoute(_ *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Route)
	return &route{o, floats(o.Logits), kernels.Int32s(o.Index), floats(o.Weight)}, nil
}

func (s *route) run(t, n int) {
	from, to := share(s.S.Rows(), t, n)
	for r := from; r < to; r++ {
		s.row(s.logits[r*s.Experts:(r+1)*s.Experts], s.index[r*s.TopK:(r+1)*s.TopK], s.weight[r*s.TopK:(r+1)*s.TopK])
	}
}

// row keeps the best so far in order, by insertion.
func (s *route) row(logits []float32, index []int32, weight []float32) {
	n := 0
	for e, l := range logits {
		if n == s.TopK && l <= logits[index[n-1]] {
			continue
		}
		at := min(n, s.TopK-1)
		for at > 0 && l > logits[index[at-1]] {
			index[at] = index[at-1]
			at--
		}
		index[at] = int32(e)
		n = min(n+1, s.TopK)
	}
	m := logits[index[0]]
	var sum float32
	for k, e := range index {
		weight[k] = kernels.Exp(logits[e] - m)
		sum += weight[k]
	}
	if !s.Normalize {
		var acc [16]float32
		for e, l := range logits {
			acc[e&15] += kernels.Exp(l - m)
		}
		sum = kernels.Tree16(&acc)
	}
	for k := range weight {
		weight[k] /= sum
	}
}

// combine is kernels.Combine.
type combine struct {
	*kernels.Combine
	tier                       tier
	weight, y, gate, shared, x []float32
	lines                      lines
}

func compileCombine(d *Device, op queue.Op) (step, error) {
	o := op.(*kernels.Combine)
	s := &combine{Combine: o, tier: d.tier.vectors(), weight: floats(o.Weight), y: floats(o.Y), x: floats(o.X), lines: newLines(d, o.Width)}
	if o.Shared != nil {
		s.gate, s.shared = floats(o.Gate), floats(o.Shared)
	}
	return s, nil
}

func (s *combine) run(t, n int) {
	w := s.Width
	from, to := share(s.S.Rows(), t, n)
	for r := from; r < to; r++ {
		a := s.lines.of(t, w)
		clear(a)
		for k := range s.TopK {
			v := r*s.TopK + k
			axpyRow(s.tier, a, s.y[v*w:(v+1)*w], s.weight[v])
		}
		if s.shared != nil {
			axpyRow(s.tier, a, s.shared[r*w:(r+1)*w], kernels.Sigmoid(s.gate[r]))
		}
		addRow(s.tier, s.x[r*w:(r+1)*w], a)
	}
}
