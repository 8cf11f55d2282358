package qwen

import (
	"fmt"
	"math"
	"slices"
	"unsafe"

	"mtplx/kernels"
	"mtplx/sched/page"
	"mtplx/sched/queue"
)

// Forward is one recorded forward, of the trunk or of the MTP head, with the slots and buffers it
// works on. Use: Begin, Add for every lane, Submit; when the done point is reached, read Top and
// Logits. It belongs to one goroutine and is in flight at most once.
type Forward struct {
	m      *Model
	head   bool
	which  int  // of the heads
	reader bool // of the head: its history is filled in, and nothing comes out
	vocab  int
	slots  *kernels.Slots
	rows   int
	lanes  int
	wanted int

	program queue.Program
	queue   queue.Queue
	steps   []step       // rows that may follow those of spans
	logits  queue.Buffer // [rows of logits][stride]
	stride  int
	room    int // rows of logits
	support queue.Buffer

	// A head that proposes from part of the vocabulary: the first ids, and the blocks listed for each row of
	// logits. ids and row are room for Top and Logits to name real tokens.
	first  int
	blocks queue.Buffer
	ids    []int32
	row    []float32
	stored []float32 // a row of logits as the device has it
	held   []interface{ Release() }

	// A head whose output is mended: the output as it is, by row, and what is added to it where shifted is 1.
	raw, shifts, shifted queue.Buffer
}

// Begin empties the forward for a new batch.
func (f *Forward) Begin() {
	f.rows, f.lanes, f.wanted = 0, 0, 0
	for i := range f.steps {
		f.steps[i].rows = 0
	}
}

// Rows is how many rows were added since Begin.
func (f *Forward) Rows() int { return f.rows }

// Add gives the next lane its rows. It reports a span that does not fit the forward's bounds;
// nothing is added then.
func (f *Forward) Add(span *page.Span) error {
	s, d := f.slots, f.slots.Dims
	n := len(span.Tokens)
	switch {
	case n == 0:
		return fmt.Errorf("add lane: a span needs at least one token")
	case f.rows+n > d.Rows:
		return fmt.Errorf("add lane of %d rows: %d rows are taken of %d", n, f.rows, d.Rows)
	case f.lanes == d.Lanes:
		return fmt.Errorf("add lane: all %d lanes are taken", d.Lanes)
	case span.Logits > n || f.wanted+span.Logits > d.Logits:
		return fmt.Errorf("add lane with logits of %d rows: %d are taken of %d", span.Logits, f.wanted, d.Logits)
	case len(f.steps) > 0 && f.steps[0].rows > 0 && f.wanted+span.Logits > f.m.each():
		return fmt.Errorf("add lane with logits of %d rows beside lanes with rows that follow: %d are taken of %d", span.Logits, f.wanted, f.m.each())
	case f.reader && (span.Logits > 0 || span.Chain):
		return fmt.Errorf("add lane of %d rows, %d with logits, chain %t: a forward that reads history gives none and goes on from none", n, span.Logits, span.Chain)
	case !f.head && (span.Hidden < 0 || span.Hidden+n > f.m.opt.Kept):
		return fmt.Errorf("add lane of %d rows: hidden rows from %d on exceed the %d that are kept", n, span.Hidden, f.m.opt.Kept)
	case len(span.State.Pages())*page.Tokens < span.Base+n:
		return fmt.Errorf("add lane of %d rows at %d: its pages hold %d positions; extend the state first", n, span.Base, len(span.State.Pages())*page.Tokens)
	case span.Shift != nil && len(span.Shift) != f.HiddenSize():
		return fmt.Errorf("add lane: a shift of %d numbers where this forward takes %d", len(span.Shift), f.HiddenSize())
	case len(span.State.Pages()) > d.Pages:
		return fmt.Errorf("add lane: %d pages exceed the context of %d tokens", len(span.State.Pages()), d.Pages*page.Tokens)
	}
	if span.Follow > 0 {
		if err := f.followable(span); err != nil {
			return err
		}
	}
	for _, id := range span.Tokens {
		if id < 0 || int(id) >= f.m.cfg.VocabSize {
			return fmt.Errorf("add lane: token %d is outside the vocabulary of %d", id, f.m.cfg.VocabSize)
		}
	}
	l := f.lanes
	f.lanes++
	s.First[l], s.Count[l], s.Base[l] = int32(f.rows), int32(n), int32(span.Base)
	copy(s.Pages[l*d.Pages:(l+1)*d.Pages], span.State.Pages())
	if !f.head {
		in, out, fold := span.State.Tapes()
		if n-span.Certain > f.m.opt.Depth {
			f.lanes--
			return fmt.Errorf("add lane: %d rows beyond the %d certain ones exceed the depth limit %d", n-span.Certain, span.Certain, f.m.opt.Depth)
		}
		s.Certain[l], s.Fold[l], s.State[l] = int32(span.Certain), int32(fold), span.State.Slot()
		s.TapeIn[l], s.TapeOut[l] = in, out
	}
	pool := f.m.hiddenRow(span.State.Slot())
	rot := d.Rotary
	for i, id := range span.Tokens {
		r := f.rows + i
		s.ID[r], s.Lane[r] = id, int32(l)
		switch {
		case !f.head:
			s.Out[r] = pool.trunk(span.Hidden + i)
		case span.Chain:
			s.In[r], s.Out[r] = pool.last(f.which), pool.last(f.which)
			if span.After > 0 {
				s.In[r] = pool.kept(span.After - 1)
			}
		default:
			s.In[r], s.Out[r] = pool.trunk(span.Hidden+i), pool.head(i)
			if i == n-1 {
				s.Out[r] = pool.last(f.which)
			}
		}
		if span.Follow > 0 && i == n-1 {
			s.Out[r] = pool.kept(0)
		}
		if f.head {
			if by := span.Shift; i == n-1 {
				f.shift(r, by)
			} else {
				f.shift(r, nil)
			}
		}
		f.m.angles.fill(span.Base+i, s.Cos[r*rot:(r+1)*rot], s.Sin[r*rot:(r+1)*rot])
	}
	invT := float32(1)
	if span.Temperature > 0 {
		invT = float32(1 / span.Temperature)
	}
	for i := range span.Logits {
		s.Logit[f.wanted] = int32(f.rows + n - span.Logits + i)
		s.InvT[f.wanted] = invT
		if f.first > 0 {
			list := f.list(f.wanted)
			list[0] = int32(copy(list[1:], span.Blocks))
		}
		f.wanted++
	}
	f.rows += n
	if span.Follow > 0 {
		f.follow(span, f.wanted-1)
	}
	return nil
}

// Submit runs the forward on q.
func (f *Forward) Submit(q queue.Queue, after, done queue.Point) error {
	f.slots.Head[kernels.HeadRows] = int32(f.rows)
	f.slots.Head[kernels.HeadLanes] = int32(f.lanes)
	f.slots.Head[kernels.HeadLogits] = int32(f.wanted)
	for i := range f.steps {
		st := &f.steps[i]
		for _, count := range [...]int{kernels.HeadRows, kernels.HeadLanes, kernels.HeadLogits} {
			st.slots.Head[count] = int32(st.rows)
		}
	}
	f.queue = q
	return q.Submit(f.program, after, done)
}

// Top returns what sampling needs of the i-th row whose logits were wanted, in the order of Add:
// the best candidates (logit descending, id ascending), the greatest logit, and the sum of
// exp((logit-max)/temperature) over the vocabulary. The slices are views, valid until Begin.
func (f *Forward) Top(i int) (ids []int32, logits []float32, maxLogit, z float32) {
	w, x := f.supported(i)
	n := int(w[2])
	ids, logits = w[4:4+n], x[4+kernels.SupportTop:4+kernels.SupportTop+n]
	if f.first > 0 {
		ids = f.named(i, ids)
	}
	return ids, logits, x[0], x[1]
}

// supported is row i of support, as integers and as floats.
func (f *Forward) supported(i int) ([]int32, []float32) {
	b := kernels.Seen(f.support, 4*(i+1)*kernels.SupportWords)[4*i*kernels.SupportWords:]
	at := unsafe.Pointer(unsafe.SliceData(b))
	return unsafe.Slice((*int32)(at), kernels.SupportWords), unsafe.Slice((*float32)(at), kernels.SupportWords)
}

// Narrow tells what part of the vocabulary the logits cover: the ids below first, and at most `most` blocks of
// 16 ids that a span lists. first 0 is the whole vocabulary.
func (f *Forward) Narrow() (first, most int) {
	if f.first == 0 {
		return 0, 0
	}
	return f.first, draftBlocks
}

// list is where row i's blocks are: their number, then each.
func (f *Forward) list(i int) []int32 {
	return kernels.Int32s(f.blocks)[i*(1+draftBlocks):][:1+draftBlocks]
}

// named turns places in row i into ids.
func (f *Forward) named(i int, places []int32) []int32 {
	if f.ids == nil {
		f.ids = make([]int32, f.room*kernels.SupportTop)
	}
	ids := f.ids[i*kernels.SupportTop:][:len(places)]
	list := f.list(i)[1:]
	for j, at := range places {
		if n := int(at) - f.first; n >= 0 {
			at = list[n/kernels.BlockOutputs]*kernels.BlockOutputs + int32(n%kernels.BlockOutputs)
		}
		ids[j] = at
	}
	return ids
}

// Logits returns the whole i-th wanted row, tokens only. A view, valid until Begin or the next call. When the
// device is lost, which its queue reports, the row holds what it held before.
func (f *Forward) Logits(i int) []float32 {
	if f.stored == nil {
		f.stored = make([]float32, f.stride)
	}
	_ = f.m.rows.Read(bytesOf(f.stored), f.logits, 4*i*f.stride)
	if f.first == 0 {
		return f.stored[:f.vocab]
	}
	if f.row == nil {
		f.row = make([]float32, f.vocab)
	}
	for id := copy(f.row, f.stored[:f.first]); id < f.vocab; id++ {
		f.row[id] = float32(math.Inf(-1))
	}
	list := f.list(i)
	for j, b := range list[1 : 1+list[0]] {
		at := int(b) * kernels.BlockOutputs
		copy(f.row[at:min(at+kernels.BlockOutputs, f.vocab)], f.stored[f.first+j*kernels.BlockOutputs:])
	}
	return f.row
}

// Hidden returns a copy of the final-norm output of row i of the last forward that `state` took part in: of
// the trunk, or of the head's history (i < 0: of its last row, which is also where chains go on).
func (f *Forward) Hidden(state *page.State, i int) []float32 {
	pool := f.m.hiddenRow(state.Slot())
	r := pool.trunk(i)
	if f.head {
		r = pool.head(i)
		if i < 0 {
			r = pool.last(f.which)
		}
	}
	row := make([]float32, f.m.cfg.HiddenSize)
	_ = f.m.window.Read(bytesOf(row), f.m.hidden, 4*int(r)*len(row))
	return row
}

// AppendHidden appends rows i to i+n-1 of the last forward of the trunk that `state` took part in. No forward
// of the state may be in flight.
func (f *Forward) AppendHidden(dst []float32, state *page.State, i, n int) ([]float32, error) {
	h, at := f.m.cfg.HiddenSize, len(dst)
	if n == 0 {
		return dst, nil
	}
	dst = slices.Grow(dst, n*h)[:at+n*h]
	first := int(f.m.hiddenRow(state.Slot()).trunk(i))
	if err := f.m.window.Read(bytesOf(dst[at:]), f.m.hidden, 4*first*h); err != nil {
		return dst[:at], fmt.Errorf("read %d hidden rows: %w", n, err)
	}
	return dst, nil
}

// SetHidden replaces the rows from the first on of the state's last forward of the trunk, of which none may be
// in flight.
func (f *Forward) SetHidden(state *page.State, rows []float32) error {
	h := f.m.cfg.HiddenSize
	if len(rows)%h != 0 || len(rows) > f.m.opt.Kept*h {
		return fmt.Errorf("set hidden rows: %d numbers are no whole rows of %d, or more than %d", len(rows), h, f.m.opt.Kept)
	}
	if len(rows) == 0 {
		return nil
	}
	first := int(f.m.hiddenRow(state.Slot()).trunk(0))
	if err := f.m.window.Write(f.m.hidden, 4*first*h, bytesOf(rows)); err != nil {
		return fmt.Errorf("set %d hidden rows: %w", len(rows)/h, err)
	}
	return nil
}

// bytesOf sees float32 values as they lie in memory.
func bytesOf(x []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(x))), 4*len(x))
}

// Close releases the forward's program and buffers.
func (f *Forward) Close() {
	if f.program != nil {
		f.program.Release()
	}
	for _, h := range slices.Backward(f.held) {
		h.Release()
	}
	f.held = nil
}

// hiddenPool is one session's rows of the hidden pool: Kept of the trunk, Rows of a head, and
// each head's last. The last of the head's rows are those that rows which follow a span take; nobody takes the others.
type hiddenPool struct{ base, trunks, rows int32 }

func (p hiddenPool) trunk(i int) int32 { return p.base + int32(i) }
func (p hiddenPool) head(i int) int32  { return p.base + p.trunks + int32(i) }

func (p hiddenPool) last(which int) int32 { return p.base + p.trunks + p.rows + int32(which) }

// kept is the output of a row that others follow, the n-th after its span.
func (p hiddenPool) kept(n int) int32 { return p.head(int(p.rows) - 1 - n) }

func (m *Model) hiddenRow(slot int32) hiddenPool {
	return hiddenPool{base: slot * int32(m.hiddenRows()), trunks: int32(m.opt.Kept), rows: int32(m.opt.Rows)}
}

// hiddenRows is how many rows of the hidden pool a session has.
func (m *Model) hiddenRows() int { return m.opt.Kept + m.opt.Rows + max(len(m.heads), 1) }
