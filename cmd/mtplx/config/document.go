package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// entry is one key of a file with its value. Keys are in flags' spelling, with - where the file may have _.
type entry struct {
	key    []string
	value  any // string, int64, float64, bool, []any or a date
	line   int // counted from 1
	header int // the line of the table's header; 0 is the top
	inline bool
}

// header is a line that opens a table.
type header struct {
	key  []string
	line int
}

// document is a file that has been read.
type document struct {
	data    []byte
	entries []entry
	headers []header
}

// syntaxError is a place where a file is no TOML.
type syntaxError struct {
	line    int
	message string
}

func (e *syntaxError) Error() string { return e.message }

// parse reads TOML; an error is a *syntaxError.
func parse(data []byte) (*document, error) {
	values := map[string]any{}
	if err := toml.Unmarshal(data, &values); err != nil {
		return nil, &syntaxError{lineOf(err), "not TOML: " + strings.TrimPrefix(err.Error(), "toml: ")}
	}
	d := &document{data: data}
	var p unstable.Parser
	p.Reset(data)
	var table []string
	headerLine := 0
	for p.NextExpression() {
		node := p.Expression()
		switch node.Kind {
		case unstable.Table:
			table = keyOf(node)
			headerLine = lineAt(data, node.Child().Raw.Offset)
			d.headers = append(d.headers, header{fold(table), headerLine})
		case unstable.ArrayTable:
			line := lineAt(data, node.Child().Raw.Offset)
			return nil, &syntaxError{line, fmt.Sprintf("[[%s]] is a list of tables; a command has one, [%[1]s]", strings.Join(keyOf(node), "."))}
		case unstable.KeyValue:
			d.add(values, table, node, headerLine, false)
		default: // comments are not kept
		}
	}
	if err := p.Error(); err != nil {
		return nil, &syntaxError{lineOf(err), "not TOML: " + err.Error()}
	}
	first := map[string]int{}
	for _, e := range d.entries {
		key := strings.Join(e.key, ".")
		if line, twice := first[key]; twice { // TOML knows no two spellings of one key
			return nil, &syntaxError{e.line, fmt.Sprintf("%s is set in line %d already, in another spelling", key, line)}
		}
		first[key] = e.line
	}
	return d, nil
}

// add takes in a key and its value, or the keys of an inline table.
func (d *document) add(values map[string]any, table []string, node *unstable.Node, headerLine int, inline bool) {
	key := append(slices.Clone(table), keyOf(node)...)
	if value := node.Value(); value.Kind == unstable.InlineTable {
		for it := value.Children(); it.Next(); {
			d.add(values, key, it.Node(), headerLine, true)
		}
		return
	}
	it := node.Key()
	it.Next()
	d.entries = append(d.entries, entry{
		key: fold(key), value: lookUp(values, key), line: lineAt(d.data, it.Node().Raw.Offset), header: headerLine, inline: inline,
	})
}

func keyOf(node *unstable.Node) (key []string) {
	for it := node.Key(); it.Next(); {
		key = append(key, string(it.Node().Data))
	}
	return key
}

func lookUp(values map[string]any, key []string) any {
	var at any = values
	for _, k := range key {
		m, ok := at.(map[string]any)
		if !ok {
			return nil
		}
		at = m[k]
	}
	return at
}

func lineAt(data []byte, offset uint32) int { return 1 + bytes.Count(data[:offset], []byte("\n")) }

func lineOf(err error) int {
	if e, ok := errors.AsType[*toml.DecodeError](err); ok {
		line, _ := e.Position()
		return line
	}
	return 0
}

// fold spells keys as flags are.
func fold(key []string) []string {
	out := make([]string, len(key))
	for i, k := range key {
		out[i] = strings.ReplaceAll(k, "_", "-")
	}
	return out
}

// find is the entry of a key.
func (d *document) find(key []string) *entry {
	for i := range d.entries {
		if slices.Equal(d.entries[i].key, key) {
			return &d.entries[i]
		}
	}
	return nil
}
