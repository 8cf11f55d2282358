package chat

import (
	"slices"
	"strconv"
	"strings"
)

// Precedence, loosest first, as in jinja2.parser: if-else, or, and, not, comparisons, + -, ~,
// * / // %, **, unary, then postfix, filters and tests.

func (p *parser) expression() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	unknown := len(p.unknown)
	x, err := p.or()
	if err != nil {
		return nil, err
	}
	for links := 0; p.isName("if"); {
		line := p.take().line
		test, err := p.or()
		if err == nil {
			err = p.link(&links)
		}
		if err != nil {
			return nil, err
		}
		c := &condExpr{place: place(line), test: test, then: x}
		if p.skipName("else") {
			if c.other, err = p.expression(); err != nil {
				return nil, err
			}
		}
		x = c
		p.unknown = p.unknown[:unknown]
	}
	return x, nil
}

// tuple parses one expression or several between commas; cond lets in if-else.
func (p *parser) tuple(cond bool) (expr, error) {
	var items []expr
	multi := false
	for {
		t := p.tok()
		if len(items) > 0 && (t.kind == tokVariableEnd || t.kind == tokBlockEnd || p.isOp(")")) {
			break
		}
		var x expr
		var err error
		if cond {
			x, err = p.expression()
		} else {
			x, err = p.or()
		}
		if err != nil {
			return nil, err
		}
		items = append(items, x)
		if !p.skipOp(",") {
			break
		}
		multi = true
	}
	if !multi {
		return items[0], nil
	}
	return &listExpr{items: items, tuple: true}, nil
}

func (p *parser) or() (expr, error) {
	x, err := p.and()
	for links := 0; err == nil && p.skipName("or"); {
		var y expr
		if y, err = p.and(); err == nil {
			err = p.link(&links)
		}
		x = &logicExpr{x: x, y: y}
	}
	return x, err
}

func (p *parser) and() (expr, error) {
	x, err := p.not()
	for links := 0; err == nil && p.skipName("and"); {
		var y expr
		if y, err = p.not(); err == nil {
			err = p.link(&links)
		}
		x = &logicExpr{and: true, x: x, y: y}
	}
	return x, err
}

func (p *parser) not() (expr, error) {
	if !p.isName("not") {
		return p.compare()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.pos++
	x, err := p.not()
	return &unaryExpr{"not", x}, err
}

func (p *parser) compare() (expr, error) {
	x, err := p.sum()
	if err != nil {
		return nil, err
	}
	c := &compareExpr{first: x}
	for {
		t := p.tok()
		op := ""
		switch {
		case t.kind == tokOp && (t.text == "==" || t.text == "!=" || t.text == "<" || t.text == "<=" || t.text == ">" || t.text == ">="):
			op = t.text
			p.pos++
		case p.skipName("in"):
			op = "in"
		case p.isName("not") && p.tokens[p.pos+1].kind == tokName && p.tokens[p.pos+1].text == "in":
			op = "notin"
			p.pos += 2
		}
		if op == "" {
			break
		}
		y, err := p.sum()
		if err != nil {
			return nil, err
		}
		c.ops = append(c.ops, op)
		c.rest = append(c.rest, y)
	}
	if len(c.ops) == 0 {
		return x, nil
	}
	return c, nil
}

// chain parses operands of next joined by any of ops, from the left.
func (p *parser) chain(next func() (expr, error), ops ...string) (expr, error) {
	x, err := next()
	for links := 0; err == nil; {
		op := ""
		for _, o := range ops {
			if p.skipOp(o) {
				op = o
				break
			}
		}
		if op == "" {
			break
		}
		var y expr
		if y, err = next(); err == nil {
			err = p.link(&links)
		}
		x = &binaryExpr{op, x, y}
	}
	return x, err
}

func (p *parser) sum() (expr, error) { return p.chain(p.concat, "+", "-") }

func (p *parser) concat() (expr, error) {
	x, err := p.product()
	if err != nil || !p.isOp("~") {
		return x, err
	}
	c := &concatExpr{parts: []expr{x}}
	for p.skipOp("~") {
		y, err := p.product()
		if err != nil {
			return nil, err
		}
		c.parts = append(c.parts, y)
	}
	return c, nil
}

func (p *parser) product() (expr, error) { return p.chain(p.power, "*", "/", "//", "%") }

func (p *parser) power() (expr, error) {
	return p.chain(func() (expr, error) { return p.unary(true) }, "**")
}

func (p *parser) unary(filters bool) (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	var x expr
	var err error
	switch {
	case p.skipOp("-"):
		x, err = p.unary(false)
		x = &unaryExpr{"-", x}
	case p.skipOp("+"):
		x, err = p.unary(false)
		x = &unaryExpr{"+", x}
	default:
		x, err = p.primary()
	}
	if err != nil {
		return nil, err
	}
	if x, err = p.postfix(x); err != nil || !filters {
		return x, err
	}
	return p.filters(x, false)
}

func (p *parser) primary() (expr, error) {
	t := p.take()
	switch t.kind {
	case tokName:
		switch t.text {
		case "true", "True":
			return &constExpr{Bool(true)}, nil
		case "false", "False":
			return &constExpr{Bool(false)}, nil
		case "none", "None":
			return &constExpr{None()}, nil
		}
		for _, m := range p.macros {
			m.varargs = m.varargs || t.text == "varargs"
			m.kwargs = m.kwargs || t.text == "kwargs"
			m.caller = m.caller || t.text == "caller"
		}
		return &nameExpr{name: t.text}, nil
	case tokString:
		text := t.text
		if p.tok().kind == tokString {
			var b strings.Builder
			b.WriteString(text)
			for p.tok().kind == tokString {
				b.WriteString(p.take().text)
			}
			text = b.String()
		}
		return &constExpr{String(text)}, nil
	case tokInt:
		i, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, p.failAt(t.line, "integer %s does not fit 64 bits", t.text)
		}
		return &constExpr{Int(i)}, nil
	case tokFloat:
		f, _ := strconv.ParseFloat(t.text, 64) // out of range is infinity, as in Python
		return &constExpr{Float(f)}, nil
	case tokOp:
		switch t.text {
		case "(":
			if p.skipOp(")") {
				return &listExpr{tuple: true}, nil
			}
			x, err := p.tuple(true)
			if err != nil {
				return nil, err
			}
			return x, p.expectOp(")")
		case "[":
			return p.listLiteral()
		case "{":
			return p.dictLiteral()
		}
	}
	return nil, p.failToken(t, "unexpected %s", t)
}

func (p *parser) listLiteral() (expr, error) {
	l := &listExpr{}
	for !p.skipOp("]") {
		if len(l.items) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.skipOp("]") {
				break
			}
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		l.items = append(l.items, x)
	}
	return l, nil
}

func (p *parser) dictLiteral() (expr, error) {
	d := &dictExpr{}
	for !p.skipOp("}") {
		if len(d.keys) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.skipOp("}") {
				break
			}
		}
		k, err := p.expression()
		if err != nil {
			return nil, err
		}
		if err := p.expectOp(":"); err != nil {
			return nil, err
		}
		v, err := p.expression()
		if err != nil {
			return nil, err
		}
		d.keys = append(d.keys, k)
		d.vals = append(d.vals, v)
	}
	return d, nil
}

func (p *parser) postfix(x expr) (expr, error) {
	for links := 0; ; {
		if err := p.link(&links); err != nil {
			return nil, err
		}
		switch {
		case p.skipOp("."):
			t := p.take()
			switch t.kind {
			case tokName:
				x = &attrExpr{x, t.text}
			case tokInt:
				i, _ := strconv.ParseInt(t.text, 10, 64)
				x = &itemExpr{x, &constExpr{Int(i)}}
			default:
				return nil, p.failToken(t, "expected a name or a number after the dot, got %s", t)
			}
		case p.skipOp("["):
			y, err := p.subscript(x)
			if err != nil {
				return nil, err
			}
			x = y
		case p.isOp("("):
			args, err := p.args()
			if err != nil {
				return nil, err
			}
			x = &callExpr{x, args}
		default:
			return x, nil
		}
	}
}

func (p *parser) subscript(x expr) (expr, error) {
	var keys []expr
	for !p.skipOp("]") {
		if len(keys) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		var from expr
		var err error
		if !p.isOp(":") {
			if from, err = p.expression(); err != nil {
				return nil, err
			}
		}
		if !p.isOp(":") {
			keys = append(keys, from)
			continue
		}
		s := &sliceExpr{x: x, from: from}
		p.pos++
		if !p.isOp(":") && !p.isOp("]") {
			if s.to, err = p.expression(); err != nil {
				return nil, err
			}
		}
		if p.skipOp(":") && !p.isOp("]") {
			if s.step, err = p.expression(); err != nil {
				return nil, err
			}
		}
		if len(keys) > 0 || !p.skipOp("]") {
			return nil, p.fail("a slice beside other subscripts is not supported")
		}
		return s, nil
	}
	if len(keys) == 1 {
		return &itemExpr{x, keys[0]}, nil
	}
	return &itemExpr{x, &listExpr{items: keys, tuple: true}}, nil
}

func (p *parser) args() (*callArgs, error) {
	line := p.tok().line
	if err := p.expectOp("("); err != nil {
		return nil, err
	}
	a := &callArgs{}
	for n := 0; !p.skipOp(")"); n++ {
		if n > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
			if p.skipOp(")") {
				break
			}
		}
		ok := true
		var err error
		next := p.tokens[min(p.pos+1, len(p.tokens)-1)]
		switch {
		case p.skipOp("*"):
			ok = a.star == nil && a.starstar == nil
			a.star, err = p.expression()
		case p.skipOp("**"):
			ok = a.starstar == nil
			a.starstar, err = p.expression()
		case p.tok().kind == tokName && next.kind == tokOp && next.text == "=":
			ok = a.starstar == nil
			if slices.Contains(a.names, p.tok().text) {
				return nil, p.fail("keyword argument %q is there twice", p.tok().text)
			}
			a.names = append(a.names, p.tok().text)
			p.pos += 2
			var x expr
			x, err = p.expression()
			a.kw = append(a.kw, x)
		default:
			ok = a.star == nil && a.starstar == nil && len(a.kw) == 0
			var x expr
			x, err = p.expression()
			a.pos = append(a.pos, x)
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, p.failAt(line, "invalid syntax for function call expression: order arguments as positional, named, *, **")
		}
	}
	return a, nil
}

// filters parses filters and, unless only filters may follow, tests and calls.
func (p *parser) filters(x expr, only bool) (expr, error) {
	for links := 0; ; {
		err := p.link(&links)
		if err != nil {
			return nil, err
		}
		switch {
		case p.skipOp("|"):
			x, err = p.filter(x)
		case !only && p.isName("is"):
			p.pos++
			x, err = p.test(x)
		case !only && p.isOp("("):
			var args *callArgs
			args, err = p.args()
			x = &callExpr{x, args}
		default:
			return x, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *parser) filter(x expr) (expr, error) {
	line := p.tok().line
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	def := filters[name]
	if def == nil {
		p.miss(line, "filter", name)
	}
	f := &filterExpr{x: x, name: name, def: def, args: &callArgs{}}
	if p.isOp("(") {
		f.args, err = p.args()
	}
	return f, err
}

// miss notes a filter or test that does not exist. It counts at once unless an if may keep it from being
// reached, as in templates that ask whether a filter exists before they use it.
func (p *parser) miss(line int, what, name string) {
	if p.branches == 0 {
		p.unknown = append(p.unknown, p.failAt(line, "no %s named %q", what, name))
	}
}

func (p *parser) test(x expr) (expr, error) {
	negate := p.skipName("not")
	t := p.tok()
	name, err := p.expectName()
	if err != nil {
		return nil, err
	}
	def := tests[name]
	if def == nil {
		p.miss(t.line, "test", name)
	}
	n := &testExpr{x: x, name: name, def: def, args: &callArgs{}}
	next := p.tok()
	switch {
	case p.isOp("("):
		n.args, err = p.args()
	case next.kind == tokName && next.text != "else" && next.text != "or" && next.text != "and",
		next.kind == tokString, next.kind == tokInt, next.kind == tokFloat, p.isOp("["), p.isOp("{"):
		if next.text == "is" && next.kind == tokName {
			return nil, p.fail("tests cannot be chained with is")
		}
		var arg expr
		if arg, err = p.primary(); err == nil {
			arg, err = p.postfix(arg)
		}
		n.args.pos = []expr{arg}
	}
	if err != nil {
		return nil, err
	}
	if negate {
		return &unaryExpr{"not", n}, nil
	}
	return n, nil
}
