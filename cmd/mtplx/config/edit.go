package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// set gives a key a value and leaves every other line as it is. The data must parse.
func set(data []byte, key []string, value any) ([]byte, error) {
	doc, err := parse(data)
	if err != nil {
		return nil, err
	}
	lines := splitLines(data)
	if e := doc.find(key); e != nil {
		if e.inline {
			return nil, fmt.Errorf("%s stands in an inline table in line %d", strings.Join(key, "."), e.line)
		}
		lines = replace(lines, e.line-1, value)
	} else {
		lines = insert(doc, lines, key, value)
	}
	return confirm(data, []byte(strings.Join(lines, "")), key, value)
}

// unset takes a key out, with its comment; ok tells whether it was there.
func unset(data []byte, key []string) (out []byte, ok bool, err error) {
	doc, err := parse(data)
	if err != nil {
		return nil, false, err
	}
	e := doc.find(key)
	if e == nil {
		return data, false, nil
	}
	if e.inline {
		return nil, true, fmt.Errorf("%s stands in an inline table in line %d", strings.Join(key, "."), e.line)
	}
	lines := splitLines(data)
	lines = slices.Delete(lines, e.line-1, statementEnd(lines, e.line-1))
	out, err = confirm(data, []byte(strings.Join(lines, "")), key, nil)
	return out, true, err
}

// confirm reads back what an edit left, and refuses it unless exactly the key changed.
func confirm(before, after []byte, key []string, value any) ([]byte, error) {
	old, err := parse(before)
	if err != nil {
		return nil, err
	}
	now, err := parse(after)
	if err != nil {
		return nil, fmt.Errorf("the file would not be TOML afterwards: %w", err)
	}
	want, got := old.values(), now.values()
	if value == nil {
		delete(want, strings.Join(key, "."))
	} else {
		want[strings.Join(key, ".")] = value
	}
	if !reflect.DeepEqual(want, got) {
		return nil, errors.New("the file would not read back as intended")
	}
	return after, nil
}

// values are all keys with their values.
func (d *document) values() map[string]any {
	all := map[string]any{}
	for _, e := range d.entries {
		all[strings.Join(e.key, ".")] = e.value
	}
	return all
}

// splitLines splits after line ends; the last line gets one if it lacks it.
func splitLines(data []byte) (lines []string) {
	lines = slices.Collect(strings.Lines(string(data)))
	if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
		lines[n-1] += "\n"
	}
	return lines
}

// statementEnd is the line behind the statement that begins in line start: a value may take several lines.
func statementEnd(lines []string, start int) int {
	for end := start + 1; end <= len(lines); end++ {
		if reads(strings.Join(lines[start:end], "")) {
			return end
		}
	}
	return len(lines)
}

func reads(text string) bool { return toml.Unmarshal([]byte(text), &map[string]any{}) == nil }

// replace puts a value into the statement that begins in line start, and keeps what stands before it and a comment behind it.
func replace(lines []string, start int, value any) []string {
	end := statementEnd(lines, start)
	statement := strings.Join(lines[start:end], "")
	head := ""
	for i, c := range statement {
		if c == '=' && reads(statement[:i]+"= 0") {
			rest := statement[i+1:]
			head = statement[:i+1] + rest[:len(rest)-len(strings.TrimLeft(rest, " \t"))]
			break
		}
	}
	whole, comment := map[string]any{}, ""
	_ = toml.Unmarshal([]byte(statement), &whole)
	for i := len(head); i < len(statement); i++ {
		part := map[string]any{}
		if statement[i] == '#' && toml.Unmarshal([]byte(statement[:i]), &part) == nil && reflect.DeepEqual(part, whole) {
			comment = "  " + strings.TrimRight(statement[i:], "\r\n")
			break
		}
	}
	ending := "\n"
	if strings.HasSuffix(statement, "\r\n") {
		ending = "\r\n"
	}
	return slices.Replace(lines, start, end, head+literal(value)+comment+ending)
}

// insert adds a statement: behind the last one of its table, or below the table's header, or with a new table at the end.
func insert(doc *document, lines []string, key []string, value any) []string {
	table, statement := key[:len(key)-1], key[len(key)-1]+" = "+literal(value)+"\n"
	last := -1
	for _, e := range doc.entries {
		if e.header == 0 && len(table) > 0 && !e.inline && len(e.key) == len(key) && slices.Equal(e.key[:len(table)], table) {
			last, statement = e.line-1, strings.Join(key, ".")+" = "+literal(value)+"\n" // dotted keys at the top
		}
		if headerOf(doc, e.header) == strings.Join(table, ".") && !e.inline && len(e.key) == len(key) {
			last = e.line - 1
		}
	}
	if last >= 0 {
		return slices.Insert(lines, statementEnd(lines, last), statement)
	}
	if len(table) > 0 {
		for _, h := range doc.headers {
			if slices.Equal(h.key, table) {
				return slices.Insert(lines, h.line, statement)
			}
		}
		if len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) != "" {
			lines = append(lines, "\n")
		}
		return append(lines, "["+strings.Join(table, ".")+"]\n", statement)
	}
	if len(doc.headers) == 0 {
		return append(lines, statement)
	}
	at := doc.headers[0].line - 1
	for at > 0 && strings.HasPrefix(strings.TrimSpace(lines[at-1]), "#") { // a comment above a table belongs to it
		at--
	}
	return slices.Insert(lines, at, statement, "\n")
}

// headerOf is the table that a line opens.
func headerOf(doc *document, line int) string {
	for _, h := range doc.headers {
		if h.line == line {
			return strings.Join(h.key, ".")
		}
	}
	return ""
}
