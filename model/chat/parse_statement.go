package chat

import (
	"errors"
	"slices"
)

// statement parses what follows a block's begin: usually one node, for print several.
func (p *parser) statement() ([]node, error) {
	t := p.tok()
	if t.kind != tokName {
		return nil, p.fail("expected the name of a tag, got %s", t)
	}
	p.pos++
	var n node
	var err error
	switch t.text {
	case "if":
		n, err = p.ifStatement(t.line)
	case "for":
		n, err = p.forStatement(t.line)
	case "set":
		n, err = p.setStatement(t.line)
	case "macro":
		n, err = p.macroStatement(t.line)
	case "call":
		n, err = p.callStatement(t.line)
	case "with":
		n, err = p.withStatement(t.line)
	case "filter":
		n, err = p.filterStatement(t.line)
	case "print":
		return p.printStatement(t.line)
	case "generation":
		g := &macroNode{place: place(t.line)}
		g.body, _, err = p.inMacro(g, "endgeneration")
		n = &scopeNode{place(t.line), g}
	case "break", "continue":
		if p.loops == 0 {
			return nil, p.failAt(t.line, "%s outside of a for loop", t.text)
		}
		sig := doBreak
		if t.text == "continue" {
			sig = doContinue
		}
		n = &jumpNode{place(t.line), sig}
	case "block", "extends", "include", "import", "from", "autoescape", "do", "trans", "debug":
		return nil, p.failAt(t.line, "tag %q is not supported in chat templates", t.text)
	default:
		return nil, p.failAt(t.line, "unknown tag %q", t.text)
	}
	if err != nil {
		return nil, err
	}
	return []node{n}, nil
}

func (p *parser) printStatement(line int) ([]node, error) {
	var out []node
	for p.tok().kind != tokBlockEnd {
		if len(out) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		out = append(out, &printNode{place(line), x})
	}
	return out, nil
}

func (p *parser) ifStatement(line int) (node, error) {
	n := &ifNode{place: place(line)}
	for {
		test, err := p.tuple(false)
		if err != nil {
			return nil, err
		}
		p.branches++
		body, end, err := p.body("elif", "else", "endif")
		p.branches--
		if err != nil {
			return nil, err
		}
		n.tests = append(n.tests, test)
		n.bodies = append(n.bodies, body)
		if end == "elif" {
			continue
		}
		if end == "else" {
			p.branches++
			n.other, _, err = p.body("endif")
			p.branches--
			if err != nil {
				return nil, err
			}
		}
		return n, nil
	}
}

func (p *parser) forStatement(line int) (node, error) {
	n := &forNode{place: place(line)}
	p.fors++
	defer func() { p.fors-- }()
	var err error
	if n.target, err = p.target(false); err != nil {
		return nil, err
	}
	if !p.skipName("in") {
		return nil, p.fail("expected \"in\", got %s", p.tok())
	}
	if n.iter, err = p.tuple(false); err != nil {
		return nil, err
	}
	if p.skipName("if") {
		if n.test, err = p.expression(); err != nil {
			return nil, err
		}
	}
	n.recursive = p.skipName("recursive")
	p.loops++
	body, end, err := p.body("endfor", "else")
	p.loops--
	if err != nil {
		return nil, err
	}
	n.body = body
	if end == "else" {
		if n.other, _, err = p.body("endfor"); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (p *parser) setStatement(line int) (node, error) {
	to, err := p.target(true)
	if err != nil {
		return nil, err
	}
	if p.skipOp("=") {
		x, err := p.tuple(true)
		if err != nil {
			return nil, err
		}
		return &setNode{place(line), to, x}, nil
	}
	n := &setBlockNode{place: place(line), target: to}
	if p.isOp("|") {
		if n.filter, err = p.filters(nil, true); err != nil {
			return nil, err
		}
	}
	n.body, _, err = p.body("endset")
	return n, err
}

func (p *parser) filterStatement(line int) (node, error) {
	n := &filterNode{place: place(line)}
	x, err := p.filter(nil)
	if err != nil {
		return nil, err
	}
	if n.filter, err = p.filters(x, true); err != nil {
		return nil, err
	}
	n.body, _, err = p.body("endfilter")
	return n, err
}

func (p *parser) withStatement(line int) (node, error) {
	n := &withNode{place: place(line)}
	for p.tok().kind != tokBlockEnd {
		if len(n.targets) > 0 {
			if err := p.expectOp(","); err != nil {
				return nil, err
			}
		}
		to, err := p.target(false)
		if err != nil {
			return nil, err
		}
		if err := p.expectOp("="); err != nil {
			return nil, err
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		n.targets = append(n.targets, to)
		n.vals = append(n.vals, x)
	}
	var err error
	n.body, _, err = p.body("endwith")
	return n, err
}

func (p *parser) macroStatement(line int) (node, error) {
	n := &macroNode{place: place(line)}
	var err error
	if n.name, err = p.expectName(); err != nil {
		return nil, err
	}
	if err = p.signature(n); err != nil {
		return nil, err
	}
	n.body, _, err = p.inMacro(n, "endmacro")
	return n, err
}

func (p *parser) callStatement(line int) (node, error) {
	n := &callNode{place: place(line), macro: &macroNode{place: place(line), name: "caller"}}
	if p.isOp("(") {
		if err := p.signature(n.macro); err != nil {
			return nil, err
		}
	}
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	var ok bool
	if n.call, ok = x.(*callExpr); !ok {
		return nil, p.failAt(line, "expected a call after the tag")
	}
	n.macro.body, _, err = p.inMacro(n.macro, "endcall")
	return n, err
}

// inMacro parses the body of something that is called: loops around it cannot be left from inside,
// and the special names it reads decide which arguments it accepts.
func (p *parser) inMacro(n *macroNode, end string) ([]node, string, error) {
	loops := p.loops
	p.loops = 0
	p.macros = append(p.macros, n)
	body, word, err := p.body(end)
	p.macros = p.macros[:len(p.macros)-1]
	p.loops = loops
	return body, word, err
}

func (p *parser) signature(n *macroNode) error {
	if err := p.expectOp("("); err != nil {
		return err
	}
	for !p.skipOp(")") {
		if len(n.params) > 0 {
			if err := p.expectOp(","); err != nil {
				return err
			}
		}
		name, err := p.expectName()
		if err != nil {
			return err
		}
		if slices.Contains(n.params, name) {
			return p.fail("parameter %q is there twice", name)
		}
		n.params = append(n.params, name)
		if p.skipOp("=") {
			x, err := p.expression()
			if err != nil {
				return err
			}
			n.defaults = append(n.defaults, x)
		} else if len(n.defaults) > 0 {
			return p.fail("parameter %q without a default follows one with a default", name)
		}
	}
	return nil
}

// target parses what is assigned to; attrs lets in the attributes of namespaces.
func (p *parser) target(attrs bool) (target, error) {
	var parts []target
	multi := false
	for len(parts) == 0 || !p.isOp(")") && p.tok().kind != tokBlockEnd {
		one, err := p.oneTarget(attrs)
		if err != nil {
			return target{}, err
		}
		parts = append(parts, one)
		if !p.skipOp(",") {
			break
		}
		multi = true
	}
	if !multi {
		return parts[0], nil
	}
	return target{parts: parts, multi: true}, nil
}

var errTarget = errors.New("cannot be assigned to")

func (p *parser) oneTarget(attrs bool) (target, error) {
	if p.isOp("(") {
		if err := p.enter(); err != nil {
			return target{}, err
		}
		defer p.leave()
		p.pos++
		t, err := p.target(attrs)
		if err != nil {
			return target{}, err
		}
		return t, p.expectOp(")")
	}
	t := p.tok()
	if t.kind != tokName {
		return target{}, p.fail("%s %w", t, errTarget)
	}
	switch t.text {
	case "true", "false", "none", "True", "False", "None", "in", "if", "not", "and", "or", "is":
		return target{}, p.fail("%s %w", t, errTarget)
	}
	if t.text == "loop" && p.fors > 0 {
		return target{}, p.fail("%s %w inside a for loop", t, errTarget)
	}
	p.pos++
	if attrs && p.skipOp(".") {
		attr, err := p.expectName()
		return target{name: t.text, attr: attr}, err
	}
	return target{name: t.text}, nil
}
