package stages

// Mixture is a head of several, which draft together: a draft is drawn from the mixture of their distributions. As a
// Forward it runs all of them, and Top and Logits are the first's.
type Mixture interface {
	Forward
	// Parts are the heads that take part in a draft at a depth (0 the first), and their shares, which sum to 1. Row i of
	// each is the i-th that was wanted.
	Parts(depth int) (heads []Forward, shares []float64)
}
