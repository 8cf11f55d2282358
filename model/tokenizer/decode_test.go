package tokenizer

import (
	"slices"
	"testing"
	"unicode/utf8"
)

func checkWhole(t *testing.T, text []byte, ids []int32) {
	t.Helper()
	if !utf8.Valid(text) {
		t.Errorf("a stream of %v gives out %q, which is no whole characters", ids, text)
	}
}

// byteIDs is a text as the tokens of its bytes.
func byteIDs(t *Tokenizer, text string) []int32 {
	var ids []int32
	for i := range len(text) {
		ids = append(ids, t.byteID[text[i]])
	}
	return ids
}

// What the standard says of maximal parts (Unicode 15, table 3-8 and what follows it), and the edges of what
// UTF-8 can spell.
func TestBrokenCharacters(t *testing.T) {
	tok := defaultTokenizer(t)
	const bad = "\ufffd"
	for _, c := range []struct{ bytes, want string }{
		{"\xc0\xaf\xe0\x80\xbf\xf0\x81\x82A", bad + bad + bad + bad + bad + bad + bad + bad + "A"},
		{"\xed\xa0\x80\xed\xbf\xbf\xed\xafA", bad + bad + bad + bad + bad + bad + bad + bad + "A"},
		{"\xf4\x91\x92\x93\xffA\x80\xbfB", bad + bad + bad + bad + bad + "A" + bad + bad + "B"},
		{"\xe1\x80\xe2\xf0\x91\x92\xf1\xbfA", bad + bad + bad + bad + "A"},
		{"\xe2\x82", bad},
		{"\xf0\x9f\x98", bad},
		{"\xf0\x9f\x98\xf0\x9f\x98\x80", bad + "😀"},
		{"\xe2\x82\xac\xe2", "€" + bad},
		{"\xf4\x8f\xbf\xbf\xf4\x90", "\U0010ffff" + bad + bad},
		{"\xed\x9f\xbf\xee\x80\x80", "\ud7ff\ue000"},
		{"\xc2\x80\xdf\xbf\xe0\xa0\x80", "\u0080\u07ff\u0800"},
		{"\xf5\x80", bad + bad},
		{"a\x80", "a" + bad},
		{"", ""},
	} {
		ids := byteIDs(tok, c.bytes)
		if got := string(tok.Decode(nil, ids, true)); got != c.want {
			t.Errorf("Decode of bytes %+q = %+q, want %+q", c.bytes, got, c.want)
		}
		if got := validUTF8(c.bytes); got != c.want {
			t.Errorf("validUTF8(%+q) = %+q, want %+q", c.bytes, got, c.want)
		}
		if got, want := tok.Encode(nil, c.bytes, true), tok.Encode(nil, c.want, true); !slices.Equal(got, want) {
			t.Errorf("Encode(%+q) = %v, want %v, the tokens of %+q", c.bytes, got, want, c.want)
		}
		checkStream(t, tok, ids)
	}
}

// All sequences of up to two bytes, and of three and four whose bytes are at the edges.
func TestFirstRuneAgreesWithUTF8(t *testing.T) {
	edges := []byte{0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xf0, 0xf1, 0xf4, 0xf5}
	check := func(b []byte) {
		size, state := firstRune(b)
		r, n := utf8.DecodeRune(b)
		valid := r != utf8.RuneError || n > 1
		switch {
		case valid && (state != whole || size != n):
			t.Errorf("%+q: state %d size %d, want a character of %d bytes", b, state, size, n)
		case !valid && (state == cut) != !utf8.FullRune(b):
			t.Errorf("%+q: state %d, but FullRune is %v", b, state, utf8.FullRune(b))
		case !valid && state == whole:
			t.Errorf("%+q is no character", b)
		case state == cut && size != len(b):
			t.Errorf("%+q: a beginning of %d bytes, want all %d", b, size, len(b))
		case state == broken && size > 1 && utf8.FullRune(b[:size]):
			t.Errorf("%+q: the first %d bytes are no beginning of a character", b, size)
		}
	}
	for a := range 256 {
		check([]byte{byte(a)})
		for b := range 256 {
			check([]byte{byte(a), byte(b)})
		}
	}
	for _, a := range edges {
		for _, b := range edges {
			for _, c := range edges {
				check([]byte{a, b, c})
				for _, d := range edges {
					check([]byte{a, b, c, d})
				}
			}
		}
	}
}

// A character comes out with its last byte, not before and not later.
func TestStreamHoldsCharactersBack(t *testing.T) {
	tok := defaultTokenizer(t)
	s := NewStream(tok, true)
	for _, step := range []struct{ bytes, want string }{
		{"h", "h"},
		{"\xf0", ""},
		{"\x9f", ""},
		{"\x98", ""},
		{"\x80", "😀"},
		{"\xc3", ""},
		{"\xa9", "é"},
		{"\xe2", ""},
		{"x", "\ufffdx"},
		{"\xe2", ""},
		{"\xe2", "\ufffd"},
		{"\x82", ""},
		{"\xac", "€"},
		{"\x80", "\ufffd"},
		{"\xf0", ""},
		{"\x80", "\ufffd\ufffd"},
		{"\xf0", ""},
	} {
		if got := string(s.Append(nil, byteIDs(tok, step.bytes)[0])); got != step.want {
			t.Errorf("Append of %+q gives %q, want %q", step.bytes, got, step.want)
		}
	}
	special, ok := tok.ID("<|im_end|>")
	if !ok {
		t.Fatal("the default tokenizer has no <|im_end|>")
	}
	if got := string(s.Append(nil, special)); got != "" {
		t.Errorf("a special token has text %q, want none", got)
	}
	for _, id := range []int32{-1, int32(tok.Size()), 1 << 30} {
		if got := string(s.Append(nil, id)); got != "" {
			t.Errorf("id %d has text %q, want none", id, got)
		}
	}
	if got := string(s.Flush([]byte("x"))); got != "x\ufffd" {
		t.Errorf("Flush gives %q, want %q", got, "x\ufffd")
	}
	if got := string(s.Flush(nil)); got != "" {
		t.Errorf("a second Flush gives %q, want nothing", got)
	}
}

func TestStreamDoesNotAllocate(t *testing.T) {
	tok := defaultTokenizer(t)
	ids := tok.Encode(nil, "Some text, 中文 and 😀 <|im_end|>", true)
	s := NewStream(tok, true)
	dst := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		dst = dst[:0]
		for _, id := range ids {
			dst = s.Append(dst, id)
		}
		dst = s.Flush(dst)
	}); n != 0 {
		t.Errorf("a stream allocates %v times, want 0", n)
	}
}
