package stages

import "slices"

// Narrow is a head that proposes from part of the vocabulary: the ids below first, and at most `most` blocks of
// BlockIDs ids that a span lists. first 0 is the whole vocabulary.
type Narrow interface {
	Narrow() (first, most int)
}

// BlockIDs is the number of ids in a block.
const BlockIDs = 16

// recent is the blocks that hold a text's latest tokens, the latest last. It is a function of the text
// alone, and belongs to one session: what others write changes nobody's drafts.
type recent struct {
	blocks []int32
	read   int // tokens of the text that it has seen
}

// Recent is the lane's blocks for a narrow head, level with its text. The slice is valid until the
// next call.
func (l *Lane) Recent(first, most int) []int32 {
	r := &l.recent
	for ; r.read < len(l.Text); r.read++ {
		id := l.Text[r.read]
		if int(id) < first {
			continue
		}
		b := id / BlockIDs
		if i := slices.Index(r.blocks, b); i >= 0 {
			r.blocks = slices.Delete(r.blocks, i, i+1)
		} else if len(r.blocks) == most {
			r.blocks = slices.Delete(r.blocks, 0, 1)
		}
		r.blocks = append(r.blocks, b)
	}
	return r.blocks
}
