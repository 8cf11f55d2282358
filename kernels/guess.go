package kernels

import (
	"errors"
	"fmt"
	"math"

	"mtplx/sched/keyed"
	"mtplx/sched/queue"
)

// Guess says which token a row of Support is expected to be drawn, so that a forward can go on before anybody has drawn
// it. Whoever draws does so himself afterwards, in an arithmetic of his own: what was guessed decides nothing, and rows
// that were forwarded for another token than the one drawn are worth nothing.
//
// For each row r of S, with draw D = Draws[r], over the candidates k = 0.. of row D.Row of Support, whose names are
// their ids, or for a place from First on that of its block of Blocks (PartProduct's):
//
//	p_k = Exp((logit_k-max)*D.InvT) / Z
//	kept: k = 0, and those up to the first with k >= D.TopK (0: all), or the sum of p before it >= D.TopP, or
//	p_k < D.MinP*p_0, or p_k not above 0
//
// DrawBest takes k = 0. DrawPick, with t = D.U times the sum of all kept p, takes the lowest name whose sum over the kept
// of no higher name is above t, or else the highest. DrawRace takes the least (0-Log(u))/p_k, the lowest name among equals and a
// NaN as infinity, where u = fma(float32(r>>8), 2^-24, 2^-25) and r is the second word of keyed.Philox over
// {position, position>>32, purpose, name} under {seed, seed>>32}. Sums are in the order of k, from +0, and every
// step is rounded. The token, at most Limit-1, goes to Tokens [rows] and, so that it comes to the host with the
// candidates, to the unused word of the row of Support.
type Guess struct {
	S       *Slots
	Draws   *Draws
	Support queue.Buffer // [..][SupportWords]
	First   int
	Blocks  queue.Buffer // [..][1+Most], or nil: places are names
	Most    int
	Limit   int
	Tokens  queue.Buffer // [rows]
}

// Kernel is the operation's name.
func (*Guess) Kernel() string { return "guess" }

// DrawKind is a way to draw a token.
type DrawKind int32

// The ways to draw.
const (
	DrawBest DrawKind = iota
	DrawPick
	DrawRace
)

// Draw says how a row's token is going to be drawn.
type Draw struct {
	Row        int // of Support
	Kind       DrawKind
	TopK       int
	TopP, MinP float32 // a TopP above 1 keeps all
	InvT       float32
	U          float32 // of DrawPick, in (0,1)
	// Of DrawRace.
	Seed     uint64
	Position int64
	Purpose  uint32
}

// DrawWords is the size of a draw in 32-bit words.
const DrawWords = 12

// Draws is draws in memory that the host writes before a program runs, as it does slots.
type Draws struct {
	Buf   queue.Buffer
	Rows  int
	words []int32
}

// NewDraws lays draws over memory of at least 4*DrawWords bytes for each.
func NewDraws(b queue.Buffer, rows int) (*Draws, error) {
	w := Int32s(b)
	if rows < 1 || len(w) < rows*DrawWords {
		return nil, fmt.Errorf("lay %d draws over %d words: each takes %d", rows, len(w), DrawWords)
	}
	return &Draws{b, rows, w[:rows*DrawWords]}, nil
}

// Set writes draw i.
func (d *Draws) Set(i int, v Draw) {
	w := d.words[i*DrawWords : (i+1)*DrawWords]
	f := func(x float32) int32 { return int32(math.Float32bits(x)) }
	w[0], w[1], w[2] = int32(v.Row), int32(v.Kind), int32(v.TopK)
	w[3], w[4], w[5], w[6] = f(v.TopP), f(v.MinP), f(v.InvT), f(v.U)
	w[7], w[8], w[9], w[10], w[11] = int32(uint32(v.Seed)), int32(uint32(v.Seed>>32)), int32(uint32(v.Position)), int32(v.Position>>32), int32(v.Purpose)
}

// At is draw i.
func (d *Draws) At(i int) Draw {
	w := d.words[i*DrawWords : (i+1)*DrawWords]
	f := func(x int32) float32 { return math.Float32frombits(uint32(x)) }
	return Draw{
		Row: int(w[0]), Kind: DrawKind(w[1]), TopK: int(w[2]), TopP: f(w[3]), MinP: f(w[4]), InvT: f(w[5]), U: f(w[6]),
		Seed: uint64(uint32(w[7])) | uint64(uint32(w[8]))<<32, Position: int64(uint32(w[9])) | int64(w[10])<<32, Purpose: uint32(w[11]),
	}
}

// Check names the first operand that is missing or too small.
func (o *Guess) Check() error {
	switch {
	case o.S == nil:
		return errors.New("slots are missing")
	case o.Draws == nil || o.Draws.Rows < o.S.Dims.Rows:
		return fmt.Errorf("there are fewer draws than the slots' %d rows", o.S.Dims.Rows)
	case o.Support == nil || o.Tokens == nil:
		return errors.New("the rows of support, or the tokens, are missing")
	case o.Blocks == nil && o.Most != 0 || o.Most < 0:
		return fmt.Errorf("%d blocks a row were announced and none given", o.Most)
	case o.Limit < 1:
		return fmt.Errorf("the limit of tokens is %d, expecting at least 1", o.Limit)
	}
	return nil
}

// Run guesses the token of row r. It is the operation itself, for devices on the host.
func (o *Guess) Run(r int) error {
	d := o.Draws.At(r)
	w := Int32s(o.Support)
	if d.Row < 0 || (d.Row+1)*SupportWords > len(w) {
		return fmt.Errorf("row %d is drawn from row %d of %d", r, d.Row, len(w)/SupportWords)
	}
	w = w[d.Row*SupportWords : (d.Row+1)*SupportWords]
	var name [SupportTop]int32
	n := min(max(int(w[2]), 0), SupportTop)
	for k, at := range w[4 : 4+n] {
		if in := int(at) - o.First; o.Blocks != nil && in >= 0 {
			at = Int32s(o.Blocks)[d.Row*(1+o.Most)+1+in/BlockOutputs]*BlockOutputs + int32(in%BlockOutputs)
		}
		name[k] = at
	}
	token := min(d.choose(w, &name, n), int32(o.Limit-1))
	w[3] = token
	Int32s(o.Tokens)[r] = token
	return nil
}

// choose draws of the n candidates of a row of support.
func (d *Draw) choose(w []int32, name *[SupportTop]int32, n int) int32 {
	f := func(x int32) float32 { return math.Float32frombits(uint32(x)) }
	top, z := f(w[0]), f(w[1])
	var p [SupportTop]float32
	kept, mass := 0, float32(0)
	limit := d.TopK
	if limit == 0 {
		limit = SupportTop
	}
	for k := range n {
		x := float32((f(w[4+SupportTop+k]) - top) * d.InvT)
		p[k] = Exp(x) / z
		least := float32(d.MinP * p[0])
		if k > 0 && !(k < limit && mass < d.TopP && p[k] >= least && p[k] > 0) {
			break
		}
		kept++
		mass += p[k]
	}
	switch d.Kind {
	case DrawBest:
	case DrawPick:
		target := float32(d.U * mass)
		picked, highest := int32(math.MaxInt32), name[0]
		for k := range kept {
			sum := float32(0)
			for j := range kept {
				if name[j] <= name[k] {
					sum += p[j]
				}
			}
			if target < sum {
				picked = min(picked, name[k])
			}
			highest = max(highest, name[k])
		}
		if picked == math.MaxInt32 {
			return highest
		}
		return picked
	case DrawRace:
		first, winner := float32(math.Inf(1)), int32(math.MaxInt32)
		for k := range kept {
			t := float32(0-Log(d.noise(name[k]))) / p[k]
			if t != t {
				t = float32(math.Inf(1))
			}
			if t < first || t == first && name[k] < winner {
				first, winner = t, name[k]
			}
		}
		return winner
	}
	return name[0]
}

// noise is the random number of a token.
func (d *Draw) noise(name int32) float32 {
	r := keyed.Philox([4]uint32{uint32(d.Position), uint32(d.Position >> 32), d.Purpose, uint32(name)}, [2]uint32{uint32(d.Seed), uint32(d.Seed >> 32)})
	return FMA(float32(r[1]>>8), 1.0/(1<<24), 1.0/(1<<25))
}

// Guesses tells whether a program on d that goes on from its own guesses saves anything: what a round trip to the host
// takes, on a device that is not the host.
func Guesses(d Device) bool {
	g, ok := d.(interface{ Guesses() bool })
	return ok && g.Guesses()
}
