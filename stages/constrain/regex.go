package constrain

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode"
	"unicode/utf8"
)

// A pattern is a parsed regular expression, ready to be added to a builder.
type pattern struct {
	prog   *syntax.Prog
	search bool // it may match anywhere in the text, as in JSON schema, rather than all of it
	path   string
	text   string         // in RE2's syntax, as its parser prints it: it may stand inside a group
	re     *regexp.Regexp // the same, once asked for
}

// matches tells whether a text fulfils the pattern.
func (p *pattern) matches(s string) bool {
	if p.re == nil {
		text := p.text
		if !p.search {
			text = `\A(?:` + text + `)\z`
		}
		p.re = regexp.MustCompile(text) // it was parsed before
	}
	return p.re.MatchString(s)
}

// parsePattern reads a regular expression in RE2's syntax, with \uXXXX of ECMAScript beside it. What has no
// automaton over single characters (look-around, back references, word and line boundaries) is refused.
func parsePattern(text, path, keyword string, search bool) (*pattern, error) {
	source := text
	bad := func(problem, remedy string, err error) error {
		return &Error{Path: path, Keyword: keyword, Problem: fmt.Sprintf("pattern %q %s", clip(source), problem), Remedy: remedy, Err: err}
	}
	if len(text) > maxPattern {
		return nil, tooLarge(path, keyword, fmt.Sprintf("a pattern has %d bytes", len(text)), maxPattern, "use a shorter one")
	}
	if !utf8.ValidString(text) {
		return nil, bad("is not valid UTF-8", "send text in UTF-8", nil)
	}
	text = rewriteECMA(text)
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, bad("cannot be read: "+err.Error(), "use RE2 syntax: no look-around and no back references", err)
	}
	size, err := patternSize(re)
	if err != nil {
		return nil, bad(err.Error(), "spell out the characters instead", nil)
	}
	if size > maxPatternSize {
		return nil, tooLarge(path, keyword, fmt.Sprintf("pattern %q written out has %d characters", clip(source), size), maxPatternSize, "use smaller repetitions")
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, bad("cannot be compiled: "+err.Error(), "simplify it", err)
	}
	// What was sent may end inside \Q, and would quote whatever is put behind it.
	return &pattern{prog: prog, search: search, path: path, text: re.String()}, nil
}

// rewriteECMA turns \uXXXX and \u{X} into RE2's \x{X}.
func rewriteECMA(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		if s[i+1] != 'u' {
			out = append(out, s[i], s[i+1])
			i++
			continue
		}
		switch {
		case i+2 < len(s) && s[i+2] == '{':
			out = append(out, `\x`...)
			i++
		case i+6 <= len(s) && isHex(s[i+2:i+6]):
			out = append(append(append(out, `\x{`...), s[i+2:i+6]...), '}')
			i += 5
		default:
			out = append(out, s[i], s[i+1]) // RE2's parser says what is wrong
			i++
		}
	}
	return string(out)
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; (s[i] < '0' || s[i] > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// patternSize counts the characters of an expression with its repetitions written out.
func patternSize(re *syntax.Regexp) (int, error) {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine:
		return 0, fmt.Errorf("has line boundaries (?m)")
	case syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return 0, fmt.Errorf(`has word boundaries \b`)
	default:
	}
	n := max(1, len(re.Rune))
	if re.Op == syntax.OpCharClass {
		n = max(1, len(re.Rune)/2)
	}
	for _, sub := range re.Sub {
		k, err := patternSize(sub)
		if err != nil {
			return 0, err
		}
		n = min(n+k, 1<<40)
	}
	if re.Op == syntax.OpRepeat {
		n = min(n*max(1, re.Max, re.Min+1), 1<<40)
	}
	return n, nil
}

// addPattern takes the texts of a pattern in a spelling. The program of Thompson's construction (1968) is copied
// instruction by instruction; an assertion of the beginning holds only in the closure of the start, and one of the
// end only where nothing but the match follows.
func (b *builder) addPattern(p *pattern, from, to int32, as spelling) {
	insts := p.prog.Inst
	first := int32(len(b.heads))
	for range insts {
		b.state()
	}
	at := func(pc uint32) int32 { return first + int32(pc) }
	matched := to
	if p.search {
		matched = b.state()
		b.runes(matched, 0, utf8.MaxRune, matched, as)
		b.empty(matched, to)
	}
	ends := p.endings()
	for pc := range insts {
		in := &insts[pc]
		s := at(uint32(pc))
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			b.empty(s, at(in.Out))
			b.empty(s, at(in.Arg))
		case syntax.InstCapture, syntax.InstNop:
			b.empty(s, at(in.Out))
		case syntax.InstMatch:
			b.empty(s, matched)
		case syntax.InstEmptyWidth:
			if ends[pc] {
				b.empty(s, to)
			}
		case syntax.InstFail:
		default:
			b.instRunes(in, s, at(in.Out), as)
		}
		if b.err != nil {
			return
		}
	}
	p.begin(b, from, to, matched, at)
	if p.search {
		any1 := b.state()
		b.runes(from, 0, utf8.MaxRune, any1, as)
		b.runes(any1, 0, utf8.MaxRune, any1, as)
		b.empty(any1, at(uint32(p.prog.Start)))
	}
}

// instRunes takes the characters of an instruction.
func (b *builder) instRunes(in *syntax.Inst, from, to int32, as spelling) {
	switch in.Op {
	case syntax.InstRuneAny:
		b.runes(from, 0, utf8.MaxRune, to, as)
	case syntax.InstRuneAnyNotNL:
		b.runes(from, 0, '\n'-1, to, as)
		b.runes(from, '\n'+1, utf8.MaxRune, to, as)
	default:
		if len(in.Rune) == 1 {
			r := in.Rune[0]
			b.runes(from, r, r, to, as)
			if syntax.Flags(in.Arg)&syntax.FoldCase != 0 {
				for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
					b.runes(from, f, f, to, as)
				}
			}
			return
		}
		for i := 0; i+1 < len(in.Rune); i += 2 {
			b.runes(from, in.Rune[i], in.Rune[i+1], to, as)
		}
	}
}

// endings tells of each assertion of the end whether the match can follow it at once.
func (p *pattern) endings() []bool {
	insts := p.prog.Inst
	out := make([]bool, len(insts))
	reach := make([]bool, len(insts)) // the match is reached with no more than assertions of the end between
	for changed := true; changed; {
		changed = false
		for pc := len(insts) - 1; pc >= 0; pc-- {
			in := &insts[pc]
			ok := false
			switch in.Op {
			case syntax.InstMatch:
				ok = true
			case syntax.InstAlt, syntax.InstAltMatch:
				ok = reach[in.Out] || reach[in.Arg]
			case syntax.InstCapture, syntax.InstNop:
				ok = reach[in.Out]
			case syntax.InstEmptyWidth:
				ok = syntax.EmptyOp(in.Arg) == syntax.EmptyEndText && reach[in.Out]
				out[pc] = ok
			default:
			}
			if ok && !reach[pc] {
				reach[pc], changed = true, true
			}
		}
	}
	return out
}

// begin adds the closure of the start, where the beginning of the text is asserted rightly.
func (p *pattern) begin(b *builder, from, to, matched int32, at func(uint32) int32) {
	insts := p.prog.Inst
	type place struct {
		pc    uint32
		ended bool // an assertion of the end was passed
	}
	seen := map[place]bool{}
	todo := []place{{pc: uint32(p.prog.Start)}}
	for len(todo) > 0 {
		x := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[x] {
			continue
		}
		seen[x] = true
		in := &insts[x.pc]
		switch in.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, place{in.Out, x.ended}, place{in.Arg, x.ended})
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, place{in.Out, x.ended})
		case syntax.InstEmptyWidth:
			todo = append(todo, place{in.Out, x.ended || syntax.EmptyOp(in.Arg) == syntax.EmptyEndText})
		case syntax.InstMatch:
			if x.ended {
				b.empty(from, to)
			} else {
				b.empty(from, matched)
			}
		case syntax.InstFail:
		default:
			if !x.ended {
				b.empty(from, at(x.pc))
			}
		}
	}
}
