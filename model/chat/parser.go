package chat

import (
	"fmt"
	"slices"
)

const (
	maxSource  = 1 << 20 // bytes of template source
	maxNesting = 120     // of statements and brackets
	maxChain   = 500     // of operators, attributes, calls or filters one after the other
)

// Template is a parsed chat template. It never changes, so one may be rendered by any number of
// goroutines at once.
type Template struct {
	source string
	body   []node
	frame  *frame
	names  []string // of the variables that it reads
	vars   []Pair   // from With
}

// Parse reads a template as transformers would compile it: Jinja2 with trim_blocks, lstrip_blocks,
// loop controls and the generation tag. The error is an *Error with the line of what is wrong, or
// what this package does not support (see the package's documentation).
func Parse(source string) (*Template, error) {
	if len(source) > maxSource {
		return nil, fmt.Errorf("parse chat template: source has %d bytes, at most %d are allowed: %w", len(source), maxSource, ErrLimit)
	}
	tokens, wrong := lex(source)
	source = normalizeNewlines(source)
	p := &parser{tokens: tokens, source: source, wrong: wrong}
	body, err := p.statements()
	if err == nil && p.tok().kind != tokEOF {
		err = p.fail("unexpected %s", p.tok())
	}
	if err == nil {
		err = wrong
	}
	if err == nil && len(p.unknown) > 0 {
		err = p.unknown[0]
	}
	if err != nil {
		return nil, err
	}
	t := &Template{source: source, body: body}
	t.frame, t.names = analyse(body)
	return t, nil
}

type parser struct {
	tokens   []token
	pos      int
	source   string
	wrong    error // at the end of the tokens
	depth    int
	loops    int     // enclosing for bodies of this macro
	fors     int     // enclosing for statements
	branches int     // enclosing ifs, where an unknown filter counts only if it is reached
	unknown  []error // filters and tests that do not exist
	macros   []*macroNode
}

func (p *parser) tok() token { return p.tokens[p.pos] }

func (p *parser) take() token {
	t := p.tokens[p.pos]
	if t.kind != tokEOF {
		p.pos++
	}
	return t
}

func (p *parser) failAt(line int, format string, args ...any) error {
	return &Error{Op: "parse", Line: line, Text: sourceLine(p.source, line), Err: fmt.Errorf(format, args...)}
}

func (p *parser) fail(format string, args ...any) error {
	return p.failToken(p.tok(), format, args...)
}

// failToken says what is wrong with a token; where the lexer gave up, it says why instead.
func (p *parser) failToken(t token, format string, args ...any) error {
	if t.kind == tokEOF && p.wrong != nil {
		return p.wrong
	}
	return p.failAt(t.line, format, args...)
}

func (p *parser) isOp(op string) bool { t := p.tok(); return t.kind == tokOp && t.text == op }

func (p *parser) isName(name string) bool { t := p.tok(); return t.kind == tokName && t.text == name }

func (p *parser) skipOp(op string) bool {
	if p.isOp(op) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) skipName(name string) bool {
	if p.isName(name) {
		p.pos++
		return true
	}
	return false
}

func (p *parser) expectOp(op string) error {
	if !p.skipOp(op) {
		return p.fail("expected %q, got %s", op, p.tok())
	}
	return nil
}

func (p *parser) expectName() (string, error) {
	if p.tok().kind != tokName {
		return "", p.fail("expected a name, got %s", p.tok())
	}
	return p.take().text, nil
}

func (p *parser) expectEnd() error {
	if p.tok().kind != tokBlockEnd {
		return p.fail("expected end of statement block, got %s", p.tok())
	}
	p.pos++
	return nil
}

// enter counts one level of nesting; leave takes it back.
func (p *parser) enter() error {
	if p.depth++; p.depth > maxNesting {
		return p.fail("nested more than %d deep: %w", maxNesting, ErrLimit)
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// link counts the links of a chain, each of which holds the ones before.
func (p *parser) link(n *int) error {
	if *n++; *n > maxChain {
		return p.fail("more than %d in one chain: %w", maxChain, ErrLimit)
	}
	return nil
}

// statements parses up to a block that starts with one of ends, and stops at that word.
func (p *parser) statements(ends ...string) ([]node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	var out []node
	for {
		t := p.tok()
		switch t.kind {
		case tokData:
			p.pos++
			out = append(out, &dataNode{place(t.line), t.text})
		case tokVariableBegin:
			p.pos++
			x, err := p.tuple(true)
			if err != nil {
				return nil, err
			}
			if p.tok().kind != tokVariableEnd {
				return nil, p.fail("expected end of print statement, got %s", p.tok())
			}
			p.pos++
			out = append(out, &printNode{place(t.line), x})
		case tokBlockBegin:
			p.pos++
			if w := p.tok(); w.kind == tokName && slices.Contains(ends, w.text) {
				return out, nil
			}
			n, err := p.statement()
			if err != nil {
				return nil, err
			}
			if err := p.expectEnd(); err != nil {
				return nil, err
			}
			out = append(out, n...)
		default:
			if len(ends) > 0 {
				return nil, p.fail("unexpected end of template, expected one of %q", ends)
			}
			return out, nil
		}
	}
}

// body parses a block's inside after its head, and takes the word that ended it.
func (p *parser) body(ends ...string) ([]node, string, error) {
	if err := p.expectEnd(); err != nil {
		return nil, "", err
	}
	out, err := p.statements(ends...)
	if err != nil {
		return nil, "", err
	}
	return out, p.take().text, nil
}
