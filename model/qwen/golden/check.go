package golden

import (
	"fmt"
	"math"
	"slices"

	"mtplx/kernels"
	"mtplx/model/qwen"
)

// Tolerance is the largest relative difference that passes.
const Tolerance = 2e-4

// Difference is how far one tensor is from its golden.
type Difference struct {
	MaxRel float64 `json:"max_rel"`
}

// Report is the outcome for one folder.
type Report struct {
	Dir     string                `json:"dir"`
	Numeric string                `json:"numeric"`
	Tensors map[string]Difference `json:"tensors"`
	Greedy  bool                  `json:"greedy_equal"`
	Pass    bool                  `json:"pass"`
}

// Check runs a model, opened with Options, over every sequence of t. A report that does not pass is
// no error.
func Check(dir string, dev kernels.Device, m *qwen.Model, t *Tensors, mode kernels.Mode) (*Report, error) {
	r, err := newRunner(dev, m)
	if err != nil {
		return nil, fmt.Errorf("check goldens of %s: %w", dir, err)
	}
	defer r.close()
	rep := &Report{Dir: dir, Numeric: mode.String(), Tensors: map[string]Difference{}, Greedy: true}
	c := &checker{run: r, t: t, rep: rep}
	for _, prefix := range []string{"a.", "b.", ""} {
		if ids, ok := t.ids(prefix + "ids"); ok {
			if err := c.sequence(prefix, ids); err != nil {
				return nil, fmt.Errorf("check goldens of %s, sequence %q: %w", dir, prefix, err)
			}
		}
	}
	if len(rep.Tensors) == 0 {
		return nil, fmt.Errorf("check goldens of %s: golden.safetensors holds none of the tensors that are known", dir)
	}
	rep.Pass = rep.Greedy
	for _, d := range rep.Tensors {
		rep.Pass = rep.Pass && d.MaxRel <= Tolerance
	}
	return rep, nil
}

type checker struct {
	run *runner
	t   *Tensors
	rep *Report
}

func (c *checker) sequence(prefix string, ids []int32) error {
	drafts := 4
	out, err := c.run.sequence(ids, drafts)
	if err != nil {
		return err
	}
	v := len(out.logits) / len(ids)
	c.compare(prefix+"hidden", out.hidden)
	c.compare(prefix+"logits", out.logits)
	c.compare(prefix+"state_conv", out.conv)
	c.compare(prefix+"state_recurrent", out.state)
	c.top(prefix+"logits", out.logits, v)
	if rows, ok := c.t.ids(prefix + "rows"); ok {
		c.compare(prefix+"logits_rows", pick(out.logits, v, rows))
		c.compare(prefix+"mtp_logits_rows", pick(out.mtpLogits, v, rows))
	}
	if c.run.head != nil {
		c.compare(prefix+"mtp_hidden", out.mtpHidden)
		c.compare(prefix+"mtp_logits", out.mtpLogits)
		c.top(prefix+"mtp_logits", out.mtpLogits, v)
		c.compare(prefix+"chain_hidden", out.chainHide)
		c.compare(prefix+"chain_logits", out.chainLogits)
		if want, ok := c.t.ids(prefix + "chain_ids"); ok {
			c.equal(out.chain, want)
		}
	}
	for _, g := range []struct{ from, want string }{{"ids", "greedy"}, {"chat_ids", "chat_greedy"}} {
		from, ok := c.t.ids(prefix + g.from)
		want, ok2 := c.t.ids(prefix + g.want)
		if !ok || !ok2 {
			continue
		}
		got, err := c.run.greedy(from, len(want))
		if err != nil {
			return err
		}
		c.equal(got, want)
	}
	return nil
}

func (c *checker) equal(got, want []int32) {
	if !slices.Equal(got, want) {
		c.rep.Greedy = false
	}
}

// compare books the difference of a tensor, if the goldens have it. Missing values count as infinitely far.
func (c *checker) compare(name string, got []float32) {
	want, _, ok := c.t.floats(name)
	if !ok {
		return
	}
	c.rep.Tensors[name] = Difference{maxRel(got, want)}
}

// top compares the goldens that keep only the best entries of each row.
func (c *checker) top(name string, got []float32, v int) {
	ids, ok := c.t.ids(name + "_top_ids")
	want, shape, ok2 := c.t.floats(name + "_top_values")
	if !ok || !ok2 {
		return
	}
	k := shape[1]
	at := make([]float32, len(ids))
	for i, id := range ids {
		if j := i/k*v + int(id); j < len(got) {
			at[i] = got[j]
		}
	}
	c.rep.Tensors[name+"_top_values"] = Difference{maxRel(at, want)}
}

func maxRel(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.MaxFloat64
	}
	var diff, scale float64
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if math.IsNaN(d) {
			return math.MaxFloat64
		}
		diff, scale = max(diff, d), max(scale, math.Abs(float64(w)))
	}
	if diff == 0 {
		return 0
	}
	return diff / scale
}

// pick gathers rows of width v.
func pick(x []float32, v int, rows []int32) []float32 {
	var out []float32
	for _, r := range rows {
		if at := int(r) * v; at+v <= len(x) {
			out = append(out, x[at:at+v]...)
		}
	}
	return out
}
