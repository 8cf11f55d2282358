package tokenizer

import (
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// composeLong is NFC on its own, so that where no run of marks is long it must agree with norm.
func TestComposeLongAgreesWithNorm(t *testing.T) {
	for r := range rune(0x110000) {
		if r >= 0xd800 && r <= 0xdfff {
			continue
		}
		nfd := norm.NFD.String(string(r))
		if nfd == string(r) && r > 0x250 && r%31 != 0 {
			continue // a sample of those that are never composed is enough
		}
		if got, want := composeLong(nfd), norm.NFC.String(nfd); got != want {
			t.Errorf("composeLong(%+q) = %+q, want %+q", nfd, got, want)
		}
	}
	pool := []rune("aeoAZ\u0301\u0300\u0323\u0327\u0328\u0308\u0304\u0345\u0338\u05b0\u05bc\u093c\u0915\u1100\u1161\u11a8\uac00\u0f71\u0f72\u0b47\u0b3e\u212b\u1e9b")
	rng := rand.New(rand.NewPCG(9, 10))
	for range 5000 {
		text := make([]rune, 1+rng.IntN(12))
		for i := range text {
			text[i] = pool[rng.IntN(len(pool))]
		}
		s := string(text)
		if got, want := composeLong(s), norm.NFC.String(s); got != want {
			t.Fatalf("composeLong(%+q) = %+q, want %+q", s, got, want)
		}
	}
}

// norm puts a joiner into long runs of marks; a model has not seen it there.
func TestLongRunsOfMarksGetNoJoiner(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"a" + strings.Repeat("\u0301", 40), "á" + strings.Repeat("\u0301", 39)},
		{strings.Repeat("\u0316", 31), strings.Repeat("\u0316", 31)},
		{"x" + strings.Repeat("\u0300\u0316", 20), "x" + strings.Repeat("\u0316", 20) + strings.Repeat("\u0300", 20)},
		{"a\u034f" + strings.Repeat("\u0316", 50), "a\u034f" + strings.Repeat("\u0316", 50)},
	} {
		if got := nfc(c.in); got != c.want {
			t.Errorf("nfc(%+q)\n got %+q\nwant %+q", c.in, got, c.want)
		}
	}
}
