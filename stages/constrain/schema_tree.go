package constrain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// A node is a value of a schema's text, with the order of its keys and the way to it.
type node struct {
	id     int
	kind   nodeKind
	text   string // of a string, decoded; of a number, as written
	keys   []string
	values []*node        // of an object or an array
	index  map[string]int // of keys, where there are many
	parent *node
	name   string // under which the parent has it
}

type nodeKind uint8

const (
	kindNull nodeKind = iota
	kindFalse
	kindTrue
	kindNumber
	kindString
	kindArray
	kindObject
)

var kindNames = [...]string{"null", "boolean", "boolean", "number", "string", "array", "object"}

// tree reads a schema's text.
type tree struct {
	dec   *json.Decoder
	root  *node
	nodes int
}

// parseTree reads a text of one JSON value, within bounds. field names it in messages.
func parseTree(data []byte, field string) (*tree, error) {
	if len(data) > maxInput {
		return nil, tooLarge(field, "", fmt.Sprintf("the schema has %d bytes", len(data)), maxInput, "send a smaller one")
	}
	t := &tree{dec: json.NewDecoder(bytes.NewReader(data))}
	t.dec.UseNumber()
	var err error
	if t.root, err = t.value(nil, "", 0); err != nil {
		if _, ours := errors.AsType[*Error](err); ours {
			return nil, err
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, &Error{Path: field, Problem: fmt.Sprintf("the schema is no JSON, at byte %d: %v", t.dec.InputOffset(), err), Remedy: "send one JSON object", Err: err}
	}
	if _, err := t.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, &Error{Path: field, Problem: fmt.Sprintf("the schema goes on behind its end, at byte %d", t.dec.InputOffset()), Remedy: "send one JSON object"}
	}
	return t, nil
}

func (t *tree) value(parent *node, name string, depth int) (*node, error) {
	n := &node{id: t.nodes, parent: parent, name: name}
	t.nodes++
	if depth > maxDepth {
		return nil, tooLarge(n.path(), "", "the schema nests too deeply", maxDepth, "use $defs and $ref")
	}
	tok, err := t.dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := tok.(type) {
	case nil:
		n.kind = kindNull
	case bool:
		n.kind = kindFalse
		if v {
			n.kind = kindTrue
		}
	case json.Number:
		n.kind, n.text = kindNumber, v.String()
	case string:
		n.kind, n.text = kindString, v
	case json.Delim:
		n.kind = kindArray
		if v == '{' {
			n.kind = kindObject
		}
		if err := t.members(n, depth); err != nil {
			return nil, err
		}
	}
	return n, nil
}

func (t *tree) members(n *node, depth int) error {
	seen := map[string]int{}
	for t.dec.More() {
		name := strconv.Itoa(len(n.values))
		if n.kind == kindObject {
			tok, err := t.dec.Token()
			if err != nil {
				return err
			}
			name, _ = tok.(string)
			if _, twice := seen[name]; twice {
				return &Error{Path: n.path(), Keyword: name, Problem: "the key is there twice", Remedy: "remove one"}
			}
			seen[name] = len(n.keys)
			n.keys = append(n.keys, name)
		}
		v, err := t.value(n, name, depth+1)
		if err != nil {
			return err
		}
		n.values = append(n.values, v)
	}
	if len(n.keys) > 8 {
		n.index = seen
	}
	_, err := t.dec.Token() // the closing bracket
	return err
}

// RFC 6901, section 3.
var (
	escapePointer   = strings.NewReplacer("~", "~0", "/", "~1")
	unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")
)

// path is the node's JSON pointer (RFC 6901) behind "#".
func (n *node) path() string {
	if n.parent == nil {
		return "#"
	}
	if n.id < 0 {
		return n.parent.path()
	}
	return clipPath(n.parent.path()) + "/" + clip(escapePointer.Replace(n.name))
}

// clipPath keeps the two ends of a long path.
func clipPath(p string) string {
	if len(p) <= 400 {
		return p
	}
	return strings.ToValidUTF8(p[:150], "") + "/.../" + strings.ToValidUTF8(p[len(p)-150:], "")
}

// get is the value under a key of an object, nil if there is none.
func (n *node) get(key string) *node {
	if n.kind != kindObject {
		return nil
	}
	if n.index != nil {
		if i, ok := n.index[key]; ok {
			return n.values[i]
		}
		return nil
	}
	for i, k := range n.keys {
		if k == key {
			return n.values[i]
		}
	}
	return nil
}

// resolve follows a local $ref.
func (t *tree) resolve(at *node, ref string) (*node, error) {
	bad := func(problem, remedy string) error {
		return &Error{Path: at.path(), Keyword: "$ref", Problem: fmt.Sprintf("%q %s", clip(ref), problem), Remedy: remedy}
	}
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok || pointer != "" && !strings.HasPrefix(pointer, "/") {
		return nil, bad("is no local JSON pointer", `use "#" or "#/$defs/NAME" and put what it names into this schema`)
	}
	n := t.root
	if pointer == "" {
		return n, nil
	}
	for step := range strings.SplitSeq(pointer[1:], "/") {
		key, err := url.PathUnescape(step)
		if err != nil {
			return nil, bad("has a broken percent escape", "write the pointer as RFC 6901 says")
		}
		key = unescapePointer.Replace(key)
		var next *node
		switch n.kind {
		case kindObject:
			next = n.get(key)
		case kindArray:
			if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.values) {
				next = n.values[i]
			}
		default:
		}
		if next == nil {
			return nil, bad("names nothing in this schema", "define it under $defs")
		}
		n = next
	}
	return n, nil
}

// equal compares values as JSON schema does: numbers by value, objects without order.
func equal(a, b *node) bool {
	if a == b {
		return true
	}
	if a.kind != b.kind || len(a.values) != len(b.values) {
		return false
	}
	switch a.kind {
	case kindNumber:
		x, ok := parseDecimal(a.text)
		y, ok2 := parseDecimal(b.text)
		return a.text == b.text || ok && ok2 && x == y
	case kindString:
		return a.text == b.text
	case kindArray:
		for i, v := range a.values {
			if !equal(v, b.values[i]) {
				return false
			}
		}
	case kindObject:
		for i, k := range a.keys {
			if o := b.get(k); o == nil || !equal(a.values[i], o) {
				return false
			}
		}
	default:
	}
	return true
}
