package commit

// Shown shows some special tokens as the texts given and leaves the rest to another decoder, which leaves special tokens out: in
// some vocabularies they mark what whoever splits the text into thoughts, calls and answer needs to see. It is as safe for
// concurrent use as that decoder.
type Shown struct {
	Detokenizer
	Texts map[int32]string
}

// Append implements Detokenizer.
func (s *Shown) Append(dst []byte, id int32) []byte {
	if text, ok := s.Texts[id]; ok {
		return append(s.Flush(dst), text...)
	}
	return s.Detokenizer.Append(dst, id)
}
