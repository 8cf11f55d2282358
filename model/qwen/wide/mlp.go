package wide

import (
	"cmp"
	"math"
	"slices"

	"mtplx/model/qwen"
)

// mlp is down(silu(gate x) * up x).
func (m *Model) mlp(p *qwen.MLP, x Rows) Rows {
	g, u := m.linear(p.Gate, x), m.linear(p.Up, x)
	for i, v := range g.X {
		g.X[i] = silu(v) * u.X[i]
	}
	return m.linear(p.Down, g)
}

// mixture is the sum of the chosen experts by their weights, plus sigmoid(gate x) of the shared one.
func (m *Model) mixture(e *qwen.MoE, x Rows) Rows {
	y := m.mlp(&e.Shared, x)
	gate := m.linear(e.SharedGate, x)
	for i := range y.N {
		for j := range y.Row(i) {
			y.Row(i)[j] *= sigmoid(gate.X[i])
		}
	}
	type use struct {
		row    int
		weight float64
	}
	uses := make([][]use, len(e.Experts))
	router := m.linear(e.Router, x)
	for i := range x.N {
		p := router.Row(i)
		softmax(p)
		order := make([]int, len(p))
		for j := range order {
			order[j] = j
		}
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[b], p[a]) })
		best, sum := order[:m.ck.ExpertsPerToken], 1.0
		if m.ck.NormTopK {
			sum = 0
			for _, j := range best {
				sum += p[j]
			}
		}
		for _, j := range best {
			uses[j] = append(uses[j], use{i, p[j] / sum})
		}
	}
	for j, list := range uses {
		if len(list) == 0 {
			continue
		}
		in := newRows(len(list), x.W)
		for k, u := range list {
			copy(in.Row(k), x.Row(u.row))
		}
		out := m.mlp(&e.Experts[j], in)
		for k, u := range list {
			for c, v := range out.Row(k) {
				y.Row(u.row)[c] += u.weight * v
			}
		}
	}
	return y
}

// softmax normalises p in place.
func softmax(p []float64) {
	top, sum := slices.Max(p), 0.0
	for i, v := range p {
		p[i] = math.Exp(v - top)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}
