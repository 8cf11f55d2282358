package constrain_test

import (
	"fmt"

	"mtplx/stages/constrain"
)

// ascii is a vocabulary of ASCII's characters, the first of which ends a text.
type ascii struct{}

func (ascii) Size() int                   { return 128 }
func (ascii) Ends() []int32               { return []int32{0} }
func (ascii) Marker(string) (int32, bool) { return 0, false }

func (ascii) Bytes(id int32) string {
	if id == 0 {
		return ""
	}
	return string(id)
}

// A lane drafts two tokens under the grammar's masks, takes them back, verifies them under the same masks and commits
// the one that stands.
func Example() {
	c, err := constrain.NewCompiler(ascii{}, constrain.Options{})
	if err != nil {
		panic(err)
	}
	g, err := c.Compile(&constrain.Spec{Form: constrain.Choice, Choices: []string{"yes", "no"}})
	if err != nil {
		panic(err)
	}
	const depth = 2
	s := g.NewState(depth)
	mask := make([]uint64, c.Words())
	drafts := []int32{'y', 'x'} // the head does not know the grammar

	drafted := 0
	for _, d := range drafts {
		s.Mask(mask) // q of this draft
		ok := s.Advance(d)
		fmt.Printf("draft %c of %s: %t\n", d, letters(mask), ok)
		if !ok {
			break
		}
		drafted++
	}
	s.Rollback(drafted)

	s.Mask(mask) // p of the first row
	fmt.Println("verify", letters(mask))
	s.Advance('y') // accepted
	s.Mask(mask)   // p of the second row, from which the correction is drawn
	fmt.Println("verify", letters(mask))
	s.Advance('e')
	fmt.Println("may end:", s.Done())
	// Output:
	// draft y of ny: true
	// draft x of e: false
	// verify ny
	// verify e
	// may end: false
}

func letters(mask []uint64) string {
	var out []byte
	for id := range 128 {
		if mask[id/64]>>(id%64)&1 != 0 {
			out = append(out, byte(id))
		}
	}
	return string(out)
}
