package page

// Expect is how the tokens of rows that follow a span are going to be drawn, as far as a device does alike. What it
// expects decides nothing: whoever draws them finds out which rows were forwarded for the token that he has drawn.
type Expect struct {
	Race       bool      // with noise keyed by token; else by U, unless the temperature is 0, which takes the best
	U          []float64 // in (0,1), of each draw: the first is that of the span's last row
	Seed       uint64    // of the noise, with the position of the first draw
	Position   int64
	Purpose    uint32
	TopK       int
	TopP, MinP float64
}
