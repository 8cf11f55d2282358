package constrain

// Rules that are the same in every grammar of a compiler: what they decide alone is walked once for all.
const (
	sharedString  int32 = iota + 1 // a JSON string
	sharedChar                     // one character of it
	sharedNumber                   // a JSON number
	sharedInteger                  // an integer
	sharedRaw                      // the raw text of a parameter of an XML call, and the end of the parameter
)

// builtin gives a shared rule, and makes it the first time.
func (b *builder) builtin(shared int32, name string, fill func(from, to int32)) int32 {
	r := b.rule(name, "#", fill)
	b.rules[r].shared = shared
	return r
}

// stringRule is any JSON string: RFC 8259 section 7, less lone surrogates.
func (b *builder) stringRule() int32 {
	return b.builtin(sharedString, "string", func(from, to int32) {
		body := b.text(from, `"`)
		b.char(body, body)
		b.textTo(body, `"`, to)
	})
}

// charRule is one character of a JSON string, escaped or not.
func (b *builder) charRule() int32 {
	return b.builtin(sharedChar, "char", b.char)
}

func (b *builder) char(from, to int32) {
	b.bytes(from, ' ', '!', to)
	b.bytes(from, '#', '[', to)
	b.utf8(from, ']', 0xd7ff, to)
	b.utf8(from, 0xe000, 0x10ffff, to)
	esc := b.text(from, `\`)
	b.ranges(esc, `""\\//bbffnnrrtt`, to)
	u := b.text(esc, "u")
	// Four digits that are no surrogate: d begins those of 0..7 only.
	x1, x2, x3 := b.state(), b.state(), b.state()
	b.ranges(u, "09acAC", x1)
	b.ranges(u, "efEF", x1)
	d := b.state()
	b.ranges(u, "ddDD", d)
	b.ranges(d, "07", x2)
	b.hex(x1, x2)
	b.hex(x2, x3)
	b.hex(x3, to)
	// A pair: d8..db, then dc..df.
	h := b.state()
	b.ranges(d, "89abAB", h)
	h2, h3 := b.state(), b.state()
	b.hex(h, h2)
	b.hex(h2, h3)
	low := b.text(h3, `\u`)
	l1, l2, l3 := b.state(), b.state(), b.state()
	b.ranges(low, "ddDD", l1)
	b.ranges(l1, "cfCF", l2)
	b.hex(l2, l3)
	b.hex(l3, to)
}

func (b *builder) hex(from, to int32) { b.ranges(from, "09afAF", to) }

// numberRule is a JSON number of at most 18 digits, 17 behind the point and an exponent of two, so that every
// one has a finite double and no text runs on in digits for ever.
func (b *builder) numberRule() int32 {
	return b.builtin(sharedNumber, "number", func(from, to int32) {
		whole := b.state()
		b.integer(from, whole, false)
		b.empty(whole, to)
		fraction := b.state()
		b.digits(b.text(whole, "."), fraction, 1, 17)
		b.empty(fraction, to)
		exponent := b.state()
		b.ranges(whole, "eeEE", exponent)
		b.ranges(fraction, "eeEE", exponent)
		sign := b.state()
		b.empty(exponent, sign)
		b.ranges(exponent, "++--", sign)
		b.digits(sign, to, 1, 2)
	})
}

// integerRule is an integer of at most 18 digits, so that every one fits 64 bits.
func (b *builder) integerRule() int32 {
	return b.builtin(sharedInteger, "integer", func(from, to int32) { b.integer(from, to, true) })
}

// integer takes an integer; "-0" only where it need not have one spelling.
func (b *builder) integer(from, to int32, strict bool) {
	minus := b.text(from, "-")
	b.bytes(from, '0', '0', to)
	if !strict {
		b.bytes(minus, '0', '0', to)
	}
	more := b.state()
	b.bytes(from, '1', '9', more)
	b.bytes(minus, '1', '9', more)
	b.digits(more, to, 0, maxDigits-1)
}

// digits takes least to most digits.
func (b *builder) digits(from, to int32, least, most int) {
	for i := range most + 1 {
		if i >= least {
			b.empty(from, to)
		}
		if i < most {
			next := b.state()
			b.bytes(from, '0', '9', next)
			from = next
		}
	}
}

// valueRule is any JSON value.
func (b *builder) valueRule() int32 {
	return b.rule("value", "#", func(from, to int32) {
		b.call(from, b.stringRule(), to)
		b.call(from, b.numberRule(), to)
		b.textTo(from, "true", to)
		b.textTo(from, "false", to)
		b.textTo(from, "null", to)
		b.anyObject(from, to)
		b.anyArray(from, to)
	})
}

// anyObject takes any JSON object, without a rule of its own.
func (b *builder) anyObject(from, to int32) {
	open := b.open(from, "{")
	b.close(open, "}", to)
	after := b.member(open, b.stringRule(), b.valueRule())
	again := b.comma(after)
	b.empty(b.member(again, b.stringRule(), b.valueRule()), after)
	b.close(after, "}", to)
}

func (b *builder) anyArray(from, to int32) {
	open := b.open(from, "[")
	b.close(open, "]", to)
	after := b.state()
	b.call(open, b.valueRule(), after)
	b.call(b.comma(after), b.valueRule(), after)
	b.close(after, "]", to)
}

// member takes a key and a value and returns the state behind it.
func (b *builder) member(from, key, value int32) int32 {
	colon, after := b.state(), b.state()
	b.call(from, key, colon)
	b.call(b.colon(colon), value, after)
	return after
}

func (b *builder) colon(from int32) int32 { return b.space(b.text(from, ":")) }
func (b *builder) comma(from int32) int32 { return b.gap(b.text(from, ",")) }

// open and close take a bracket and what may be written inside next to it.
func (b *builder) open(from int32, bracket string) int32 {
	from = b.text(from, bracket)
	if b.json == Indented {
		return b.line(from)
	}
	return from
}

func (b *builder) close(from int32, bracket string, to int32) {
	if b.json == Indented {
		from = b.line(from)
	}
	b.textTo(from, bracket, to)
}

// space takes what may be written between a colon and a value, gap between a comma and what follows.
func (b *builder) space(from int32) int32 {
	if b.json == Compact {
		return from
	}
	to := b.state()
	b.empty(from, to)
	b.bytes(from, ' ', ' ', to)
	return to
}

func (b *builder) gap(from int32) int32 {
	to := b.space(from)
	if b.json == Indented {
		b.newline(from, to)
	}
	return to
}

// line takes nothing or a new line with its indentation.
func (b *builder) line(from int32) int32 {
	to := b.state()
	b.empty(from, to)
	b.newline(from, to)
	return to
}

// newline takes a new line and at most maxIndent spaces or tabs.
func (b *builder) newline(from, to int32) {
	r := b.rule("newline", "#", func(from, to int32) {
		from = b.text(from, "\n")
		for range maxIndent {
			b.empty(from, to)
			next := b.state()
			b.ranges(from, "  \t\t", next)
			from = next
		}
		b.empty(from, to)
	})
	b.call(from, r, to)
}

const (
	maxDigits = 18
	maxIndent = 32
)
