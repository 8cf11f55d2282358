package stages

import (
	"mtplx/sched/page"
	"mtplx/sched/queue"
	"mtplx/stages/sample"
)

// Forward is a forward of a model, recorded once and filled anew for every cycle. It belongs to
// whoever holds it and is in flight at most once.
type Forward interface {
	// Begin empties it.
	Begin()
	// Add gives the next lane its rows; an error means that the span does not fit, and nothing
	// was added.
	Add(span *page.Span) error
	// Submit runs it on q after a point and raises another when the results are there.
	Submit(q queue.Queue, after, done queue.Point) error
	// Top describes the i-th row whose logits were wanted: the best candidates (logit
	// descending, id ascending), the greatest logit, and the sum over the vocabulary of
	// exp((logit-max)/temperature). Views, valid until Begin.
	Top(i int) (ids []int32, logits []float32, maxLogit, z float32)
	// Logits is the whole row. A view, valid until Begin.
	Logits(i int) []float32
}

// Scores is row i of a forward as the sampler's input.
func Scores(f Forward, i int) sample.Logits {
	ids, logits, m, z := f.Top(i)
	return sample.Logits{IDs: ids, Top: logits, Max: m, Z: z, Rows: f, Row: i}
}
