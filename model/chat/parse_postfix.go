package chat

import (
	"slices"
	"strconv"
)

// postfix parses attributes, items, slices and calls behind an operand.
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

// args parses a call's arguments with their brackets.
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
		var ok bool
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
