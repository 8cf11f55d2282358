package selftest

import (
	"context"
	"fmt"
	"math"
	"slices"

	"mtplx/kernels"
	"mtplx/model/demo"
	"mtplx/model/qwen"
	"mtplx/model/weights"
	"mtplx/sched/page"
	"mtplx/sched/queue"
)

// The bits are those of the default model in its usual mode.
const (
	lanes  = 16 // sessions of a batch
	most   = 16 // rows among which one is looked at
	prompt = 40 // tokens before
	steps  = 6  // tokens that sessions write
)

// bitChecks are parts of Report.Bits. The error says what differs.
var bitChecks = []struct {
	name string
	run  func(ctx context.Context, d *driver) error
}{
	{"a row alone and among others", rowsAlone},
	{"a program fresh and replayed", replayed},
	{"a session alone and in a batch", sessionsAlone},
}

// driver runs a model a forward at a time.
type driver struct {
	m      *qwen.Model
	q      queue.Queue
	done   queue.Event
	ticket uint64
	trunk  *qwen.Forward
}

func withModel(ctx context.Context, open Open, run func(ctx context.Context, d *driver) error) error {
	set, err := weights.OpenMemory("embedded default checkpoint", demo.Files())
	if err != nil {
		return err
	}
	defer func() { _ = set.Close() }()
	ck, err := qwen.Load(set)
	if err != nil {
		return err
	}
	dev, err := open()
	if err != nil {
		return err
	}
	defer func() { _ = dev.Close() }()
	m, err := qwen.New(dev, ck, qwen.Options{
		Mode: kernels.Fast, Rows: lanes * most, Lanes: lanes, Sessions: lanes + 1, Depth: 1, Logits: lanes * 2, Context: 2 * page.Tokens,
	})
	if err != nil {
		return err
	}
	defer m.Close()
	d := &driver{m: m, done: dev.NewEvent()}
	if d.q, err = dev.NewQueue("self-test"); err != nil {
		return err
	}
	defer d.q.Close()
	if d.trunk, err = m.NewTrunk(d.q); err != nil {
		return err
	}
	defer func() { d.trunk.Close() }()
	return run(ctx, d)
}

// forward runs spans together and copies the rows of logits that they want.
func (d *driver) forward(ctx context.Context, spans ...*page.Span) ([][]float32, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.trunk.Begin()
	wanted := 0
	for _, s := range spans {
		if err := s.State.Extend(len(s.Tokens)); err != nil {
			return nil, err
		}
		if err := d.trunk.Add(s); err != nil {
			return nil, err
		}
		wanted += s.Logits
	}
	d.ticket++
	if err := d.trunk.Submit(d.q, queue.Point{}, queue.Point{Event: d.done, Value: d.ticket}); err != nil {
		return nil, err
	}
	// What was submitted cannot be stopped halfway.
	if err := d.done.Wait(context.WithoutCancel(ctx), d.ticket); err != nil {
		return nil, err
	}
	if err := d.q.Err(); err != nil {
		return nil, err
	}
	rows := make([][]float32, wanted)
	for i := range rows {
		rows[i] = slices.Clone(d.trunk.Logits(i))
	}
	return rows, nil
}

// text is n tokens that differ from one number to the next.
func (d *driver) text(number, n int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = int32((300 + 977*number + 31*i) % d.m.Vocabulary())
	}
	return ids
}

// open is a session that has read its prompt, and its last row of logits.
func (d *driver) open(ctx context.Context, number int) (*page.State, []float32, error) {
	s, err := d.m.NewState()
	if err != nil {
		return nil, nil, err
	}
	span := &page.Span{State: s, Tokens: d.text(number, prompt), Certain: prompt, Logits: 1}
	rows, err := d.forward(ctx, span)
	if err != nil {
		s.Release()
		return nil, nil, err
	}
	s.Commit(span, prompt)
	return s, rows[0], nil
}

// rowsAlone holds rows among 2 to 16 to what each gives in a forward of its own.
func rowsAlone(ctx context.Context, d *driver) error {
	ids := d.text(99, most)
	s, _, err := d.open(ctx, 0)
	if err != nil {
		return err
	}
	var want [][]float32
	for i := range most {
		span := &page.Span{State: s, Tokens: ids[i : i+1], Base: prompt + i, Certain: 1, Logits: 1}
		rows, err := d.forward(ctx, span)
		if err != nil {
			return err
		}
		s.Commit(span, 1)
		want = append(want, rows[0])
	}
	s.Release()
	for n := 2; n <= most; n++ {
		s, _, err := d.open(ctx, 0)
		if err != nil {
			return err
		}
		got, err := d.forward(ctx, &page.Span{State: s, Tokens: ids[:n], Base: prompt, Certain: n, Logits: n})
		s.Release()
		if err != nil {
			return err
		}
		for i := range got {
			if err := equal(got[i], want[i]); err != nil {
				return fmt.Errorf("row %d of %d: %w", i+1, n, err)
			}
		}
	}
	return nil
}

// replayed runs a forward three times on one program, and once on another that was recorded for it.
func replayed(ctx context.Context, d *driver) error {
	var want []float32
	for turn := range 4 {
		if turn == 3 {
			fresh, err := d.m.NewTrunk(d.q)
			if err != nil {
				return err
			}
			d.trunk.Close()
			d.trunk = fresh
		}
		s, row, err := d.open(ctx, 3)
		if err != nil {
			return err
		}
		s.Release()
		if want == nil {
			want = row
		}
		if err := equal(row, want); err != nil {
			return fmt.Errorf("run %d of 4: %w", turn+1, err)
		}
	}
	return nil
}

// sessionsAlone has sessions write a few tokens, each alone and then all together.
func sessionsAlone(ctx context.Context, d *driver) error {
	write := func(numbers []int) ([][][]float32, error) {
		states, next := make([]*page.State, len(numbers)), make([]int32, len(numbers))
		rows := make([][][]float32, len(numbers))
		for i, number := range numbers {
			s, row, err := d.open(ctx, number)
			if err != nil {
				return nil, err
			}
			defer s.Release()
			states[i], next[i], rows[i] = s, best(row), [][]float32{row}
		}
		for range steps {
			spans := make([]*page.Span, len(states))
			for i, s := range states {
				spans[i] = &page.Span{State: s, Tokens: []int32{next[i]}, Base: s.Len(), Certain: 1, Logits: 1}
			}
			got, err := d.forward(ctx, spans...)
			if err != nil {
				return nil, err
			}
			for i, s := range states {
				s.Commit(spans[i], 1)
				next[i], rows[i] = best(got[i]), append(rows[i], got[i])
			}
		}
		return rows, nil
	}
	all := make([]int, lanes)
	for i := range all {
		all[i] = i
	}
	together, err := write(all)
	if err != nil {
		return err
	}
	for i := range all {
		alone, err := write(all[i : i+1])
		if err != nil {
			return err
		}
		for n := range alone[0] {
			if err := equal(together[i][n], alone[0][n]); err != nil {
				return fmt.Errorf("session %d of %d, token %d: %w", i+1, lanes, n+1, err)
			}
		}
	}
	return nil
}

func best(row []float32) int32 {
	at := 0
	for i, v := range row {
		if v > row[at] {
			at = i
		}
	}
	return int32(at)
}

// equal compares bits.
func equal(got, want []float32) error {
	for i := range want {
		if g, w := math.Float32bits(got[i]), math.Float32bits(want[i]); g != w {
			return fmt.Errorf("logit %d is %v (%08x), otherwise %v (%08x)", i, got[i], g, want[i], w)
		}
	}
	if slices.Max(want) == slices.Min(want) {
		return fmt.Errorf("all logits are %v", want[0])
	}
	return nil
}
