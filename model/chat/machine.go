package chat

import (
	"errors"
	"fmt"
	"time"
)

// What one render may use. A conversation of 5000 messages and 1.8 megabytes takes at most an eighth of
// the steps and a fiftieth of the memory; what goes beyond the limits is a template that never ends, or one
// made to exhaust the process that renders it.
const (
	maxSteps  = 4_000_000 // nodes run, items visited, bytes of text looked at (4 to 64 a step)
	maxMemory = 256 << 20 // bytes of every string and list ever made, freed or not
	maxOutput = 64 << 20  // bytes of output, captured or final
	maxDepth  = 4_000     // nodes inside nodes, through calls of macros
	maxCalls  = 150       // macros inside macros; Python's own stack ends near here
	maxValue  = 200       // lists inside lists, in what is compared, printed or read from JSON
)

// machine is one render: what it may still use and what it wrote. It belongs to one goroutine.
type machine struct {
	t *Template

	context []Value // the render's variables, in the order of the template's names

	steps  int // left
	memory int // left
	depth  int
	calls  int
	out    []byte // blocks that are captured lie at its end, after what was written before them
	block  Value  // what the filters of a block work on
	now    func() time.Time
}

func newMachine(t *Template, now func() time.Time) *machine {
	if now == nil {
		now = time.Now
	}
	return &machine{t: t, steps: maxSteps, memory: maxMemory, now: now}
}

func limitError(what string, n int) error {
	return fmt.Errorf("%w: more than %d %s", ErrLimit, n, what)
}

// spend takes n steps.
func (m *machine) spend(n int) error {
	if m.steps -= n; m.steps < 0 {
		return limitError("steps", maxSteps)
	}
	return nil
}

// scan takes the steps of looking at n bytes.
func (m *machine) scan(n int) error { return m.spend(n >> 6) }

// grow takes n bytes of memory, before they are made.
func (m *machine) grow(n int) error {
	if m.memory -= n; n < 0 || m.memory < 0 {
		return limitError("bytes of memory", maxMemory)
	}
	return nil
}

// valueSize is what one item of a list costs.
const valueSize = 48

func (m *machine) growItems(n int) error {
	if n > maxMemory/valueSize {
		return m.grow(maxMemory + 1)
	}
	if err := m.spend(n >> 3); err != nil {
		return err
	}
	return m.grow(n * valueSize)
}

// str returns s as a value after counting its bytes.
func (m *machine) str(s string) (Value, error) {
	if err := m.grow(len(s)); err != nil {
		return Value{}, err
	}
	return String(s), nil
}

func (m *machine) list(items []Value) (Value, error) {
	if err := m.growItems(len(items)); err != nil {
		return Value{}, err
	}
	return List(items...), nil
}

func (m *machine) write(s string) error {
	if len(m.out)+len(s) > maxOutput {
		return limitError("bytes of output", maxOutput)
	}
	if err := m.scan(len(s)); err != nil {
		return err
	}
	m.out = append(m.out, s...)
	return nil
}

func (m *machine) enter() error {
	if m.depth++; m.depth > maxDepth {
		return limitError("nested nodes", maxDepth)
	}
	return m.spend(1)
}

// eval computes an expression.
func (m *machine) eval(x expr, s *scope) (Value, error) {
	if err := m.enter(); err != nil {
		return Value{}, err
	}
	v, err := x.eval(m, s)
	m.depth--
	return v, err
}

// run executes nodes until one of them leaves a loop.
func (m *machine) run(body []node, s *scope) (signal, error) {
	for _, n := range body {
		if err := m.enter(); err != nil {
			return goOn, m.locate(n, err)
		}
		sig, err := n.exec(m, s)
		m.depth--
		if err != nil {
			return goOn, m.locate(n, err)
		}
		if sig != goOn {
			return sig, nil
		}
	}
	return goOn, nil
}

// locate adds the line of the innermost node to an error.
func (m *machine) locate(n node, err error) error {
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Op: "render", Line: n.at(), Text: sourceLine(m.t.source, n.at()), Err: err}
}

// capture runs nodes and returns what they wrote instead of letting it out.
func (m *machine) capture(body []node, s *scope) (string, signal, error) {
	start := len(m.out)
	sig, err := m.run(body, s)
	text := ""
	if err == nil && sig == goOn {
		if err = m.grow(len(m.out) - start); err == nil {
			text = string(m.out[start:])
		}
	}
	m.out = m.out[:start]
	return text, sig, err
}

// Render renders the template with the given variables and the current time. Later pairs replace
// earlier ones of the same name. The error is an *Error; under it may lie a *RaisedError, which is the
// template's own refusal, or ErrLimit.
func (t *Template) Render(vars ...Pair) (string, error) {
	return t.render(vars, nil)
}

func (t *Template) render(vars []Pair, now func() time.Time) (string, error) {
	return t.execute(newMachine(t, now), vars)
}

func (t *Template) execute(m *machine, vars []Pair) (string, error) {
	given := make(map[string]Value, len(t.vars)+len(vars))
	for _, p := range t.vars {
		given[p.Key] = p.Value
	}
	for _, p := range vars {
		given[p.Key] = p.Value
	}
	m.context = make([]Value, len(t.names))
	for i, name := range t.names {
		v, ok := given[name]
		if !ok {
			if v, ok = globals[name]; !ok {
				v = missing
			}
		}
		m.context[i] = v
	}
	if _, err := m.run(t.body, m.open(t.frame, nil)); err != nil {
		return "", err
	}
	return string(m.out), nil
}
