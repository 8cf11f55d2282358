package tokenizer

import "unicode/utf8"

// Byte-level vocabularies spell every byte as one printable character, so that a token is always valid text
// (Radford et al., GPT-2, 2019): bytes that are printable in Latin-1 stand for themselves, the other 68 are
// numbered from U+0100 on.
const (
	firstStandIn = 0x100
	standIns     = 68
	spellings    = firstStandIn + standIns
)

var (
	byteSpelling [256]rune        // the character that spells a byte
	spelledByte  [spellings]int16 // the byte that a character spells, or -1
)

func init() {
	for r := range spelledByte {
		spelledByte[r] = -1
	}
	next := rune(firstStandIn)
	for b := range 256 {
		r := rune(b)
		if printable := b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae; !printable {
			r = next
			next++
		}
		byteSpelling[b] = r
		spelledByte[r] = int16(b)
	}
}

// appendSpelled appends the bytes that a token's text spells. A text with a character that spells no byte stands
// for itself as a whole, as in the reference.
func appendSpelled(dst []byte, text string) []byte {
	base := len(dst)
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if spelledByte[c] < 0 {
				return append(dst[:base], text...)
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(text[i:])
		if r >= spellings || spelledByte[r] < 0 {
			return append(dst[:base], text...)
		}
		dst = append(dst, byte(spelledByte[r]))
		i += n
	}
	return dst
}
