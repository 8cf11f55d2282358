package output

// Meta names an answer on every chunk.
type Meta struct {
	ID      string
	Created int64 // seconds since 1970
	Model   string
}

// Piece is what one cycle adds to a choice.
type Piece struct {
	Events   []Event
	Tokens   []int32
	Logprobs []Token
}
