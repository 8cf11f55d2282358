package stages

import "mtplx/sched/page"

// Feedback is a head that shows its own output and lets it be moved before it is fed back to it; see Span.Shift.
type Feedback interface {
	// HiddenSize is how many numbers a row has; 0 says that nothing can be moved.
	HiddenSize() int
	// Output appends what the head gave in the i-th row whose logits were wanted, as it was before it was moved.
	Output(dst []float32, i int) ([]float32, error)
	// AppendHidden appends n hidden rows of the trunk that a state keeps, from the i-th on.
	AppendHidden(dst []float32, s *page.State, i, n int) ([]float32, error)
}

// Drift says what to add to the head's own output before it is fed back. It belongs to one lane and learns from outputs
// behind which every token stood, for the reason given at Memory.
type Drift interface {
	// Shift is what to add to the output of the head that has read a token and gives a draft (0 the first); nil is
	// nothing. Valid until the next call.
	Shift(depth int, token int32) []float32
	// Saw takes that output: the first of a cycle stands for the trunk's hidden at a position, each other for the next's.
	Saw(base int, token int32, output []float32)
	// Waiting tells which hidden rows of the trunk it waits for.
	Waiting() (base, n int)
	// Learn takes the first of them, as many as became text.
	Learn(rows []float32)
}
