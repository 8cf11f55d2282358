package chat

import (
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
	default:
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
