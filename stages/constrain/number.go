package constrain

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A decimal is ±0.d1d2... · 10^point, with no zero at either end of digits. Zero has no digits.
type decimal struct {
	negative bool
	digits   string
	point    int
}

// parseDecimal reads a JSON number; ok is false where its exponent is beyond any use.
func parseDecimal(s string) (d decimal, ok bool) {
	d.negative = strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	exponent := 0
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		var err error
		if exponent, err = strconv.Atoi(s[i+1:]); err != nil || exponent > 400 || exponent < -400 {
			return d, false
		}
		s = s[:i]
	}
	whole, fraction, _ := strings.Cut(s, ".")
	d.digits = whole + fraction
	d.point = len(whole) + exponent
	trimmed := strings.TrimLeft(d.digits, "0")
	d.point -= len(d.digits) - len(trimmed)
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

// split gives the digits before and behind the point, of the absolute value.
func (d decimal) split() (whole, fraction string) {
	switch {
	case d.point <= 0:
		if d.digits == "" {
			return "0", ""
		}
		return "0", strings.Repeat("0", -d.point) + d.digits
	case d.point >= len(d.digits):
		return d.digits + strings.Repeat("0", d.point-len(d.digits)), ""
	}
	return d.digits[:d.point], d.digits[d.point:]
}

// compare is the sign of d-o.
func (d decimal) compare(o decimal) int {
	sign := func(x decimal) int {
		switch {
		case x.digits == "":
			return 0
		case x.negative:
			return -1
		}
		return 1
	}
	if s, t := sign(d), sign(o); s != t || s == 0 {
		return cmp.Compare(s, t)
	}
	c := cmp.Compare(d.point, o.point)
	if c == 0 {
		c = strings.Compare(d.digits, o.digits)
	}
	if d.negative {
		return -c
	}
	return c
}

// A bound of a number, itself allowed or not.
type bound struct {
	at     decimal
	strict bool
}

// tighter gives the stronger of two lower (sign 1) or upper (sign -1) bounds, each nil where there is none.
func tighter(a, b *bound, sign int) *bound {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	c := a.at.compare(b.at) * sign
	if c > 0 || c == 0 && a.strict {
		return a
	}
	return b
}

// inBounds tells whether a number is between two bounds.
func inBounds(d decimal, lo, hi *bound) bool {
	if lo != nil {
		if c := d.compare(lo.at); c < 0 || c == 0 && lo.strict {
			return false
		}
	}
	if hi != nil {
		if c := d.compare(hi.at); c > 0 || c == 0 && hi.strict {
			return false
		}
	}
	return true
}

// limit is one end of an interval of absolute values: digits before the point, without zeros in front, and behind.
type limit struct {
	whole, fraction string
	strict          bool
}

var most = limit{whole: strings.Repeat("9", maxDigits), fraction: strings.Repeat("9", maxDigits)}

// within takes the numbers from lo to hi, either nil for no bound, as decimals without exponent; places is how many
// digits may stand behind the point, 0 for integers. The language is regular, digit by digit.
func (b *builder) within(from, to int32, lo, hi *bound, places int) {
	zero := limit{whole: "0"}
	// Zero and above.
	low, high := zero, most
	ok := true
	if lo != nil && !lo.at.negative {
		low = limitOf(lo)
	}
	if hi != nil {
		ok = !hi.at.negative
		high = limitOf(hi)
	}
	if ok {
		b.magnitude(from, to, low, high, places)
	}
	// Below zero, mirrored; -0 is not written.
	low, high = limit{whole: "0", strict: true}, most
	if hi != nil && hi.at.negative {
		low = limitOf(hi)
	}
	if lo == nil || lo.at.negative {
		if lo != nil {
			high = limitOf(lo)
		}
		b.magnitude(b.text(from, "-"), to, low, high, places)
	}
}

func limitOf(x *bound) limit {
	l := limit{strict: x.strict}
	l.whole, l.fraction = x.at.split()
	if len(l.whole) > maxDigits { // as far as this package's numbers go
		return limit{whole: most.whole + "9", fraction: ""}
	}
	return l
}

// magnitude takes absolute values from lo to hi: lengths of the whole part between those of the limits freely,
// equal lengths digit by digit, and the fraction only where the whole part is a limit's.
func (b *builder) magnitude(from, to int32, lo, hi limit, places int) {
	free := b.state()
	b.fraction(free, to, places)
	for n := len(lo.whole); n <= min(len(hi.whole), maxDigits); n++ {
		l, h := "1"+strings.Repeat("0", n-1), strings.Repeat("9", n)
		tightLo, tightHi := n == len(lo.whole), n == len(hi.whole)
		if n == 1 {
			l = "0"
		}
		if tightLo {
			l = lo.whole
		}
		if tightHi {
			h = hi.whole
		}
		if l > h {
			continue
		}
		b.whole(from, l, h, 0, tightLo, tightHi, true, true, func(s int32, onLo, onHi bool) {
			switch {
			case !onLo && !onHi:
				b.empty(s, free)
			case places == 0:
				// The fraction is empty: it is at a limit whose own is empty, else on one side of it.
				if (!onLo || lo.fraction == "" && !lo.strict) && (!onHi || hi.fraction != "" || !hi.strict) {
					b.empty(s, to)
				}
			default:
				x := fractions{b: b, to: to, lo: lo, hi: hi, places: places}
				x.take(s, 0, onLo, onHi)
			}
		})
	}
}

// whole takes digits from l to h, of equal length, and calls done at each end with whether it lies on a limit. eqLo and
// eqHi say that all digits so far are those of l or h; only where the limit is real does that count at the end.
func (b *builder) whole(from int32, l, h string, i int, tightLo, tightHi, eqLo, eqHi bool, done func(s int32, onLo, onHi bool)) {
	if i == len(l) {
		done(from, tightLo && eqLo, tightHi && eqHi)
		return
	}
	lo, hi := byte('0'), byte('9')
	if eqLo {
		lo = l[i]
	}
	if eqHi {
		hi = h[i]
	}
	if !eqLo && !eqHi { // nothing is tight any more: the rest is free
		for range len(l) - i {
			next := b.state()
			b.bytes(from, '0', '9', next)
			from = next
		}
		done(from, false, false)
		return
	}
	step := func(lo, hi byte, eqLo, eqHi bool) {
		if lo <= hi {
			next := b.state()
			b.bytes(from, lo, hi, next)
			b.whole(next, l, h, i+1, tightLo, tightHi, eqLo, eqHi, done)
		}
	}
	switch {
	case eqLo && eqHi && lo == hi:
		step(lo, lo, true, true)
	default:
		if eqLo {
			step(lo, lo, true, false)
			lo++
		}
		if eqHi {
			step(hi, hi, false, true)
			hi--
		}
		step(lo, hi, false, false)
	}
}

// fraction takes an optional point with one to places digits.
func (b *builder) fraction(from, to int32, places int) {
	b.empty(from, to)
	if places > 0 {
		b.digits(b.text(from, "."), to, 1, places)
	}
}

// fractions takes the fractions behind a whole part that is a limit's.
type fractions struct {
	b      *builder
	to     int32
	lo, hi limit
	places int
}

// take continues behind i digits that equal those of the limits which are still on.
func (x *fractions) take(from int32, i int, onLo, onHi bool) {
	b := x.b
	if !onLo && !onHi {
		b.digits(from, x.to, 0, x.places-i)
		return
	}
	if (!onLo || i >= len(x.lo.fraction) && !x.lo.strict) && (!onHi || i < len(x.hi.fraction) || !x.hi.strict) {
		b.empty(from, x.to)
	}
	if i == x.places {
		return
	}
	if i == 0 {
		from = b.text(from, ".")
	}
	lo, hi := byte('0'), byte('9')
	if onLo {
		lo = digitAt(x.lo.fraction, i)
	}
	if onHi {
		hi = digitAt(x.hi.fraction, i)
	}
	for c := lo; c <= hi; c++ {
		next := b.state()
		b.bytes(from, c, c, next)
		x.take(next, i+1, onLo && c == lo, onHi && c == hi)
	}
}

func digitAt(s string, i int) byte {
	if i < len(s) {
		return s[i]
	}
	return '0'
}

// places is how many digits behind the point numbers between two bounds may have: so few, next to a bound that is
// not itself allowed, that no number rounds to the bound as a double.
func places(lo, hi *bound, path string) (int, error) {
	n := 15
	for _, x := range []*bound{lo, hi} {
		if x == nil {
			continue
		}
		whole, fraction := x.at.split()
		if len(fraction) > 15 {
			return 0, &Error{Path: path, Problem: fmt.Sprintf("a bound has %d digits behind the point", len(fraction)), Remedy: "use at most 15"}
		}
		if x.strict {
			n = min(n, max(1, len(fraction), 15-len(whole)))
		}
	}
	return n, nil
}
