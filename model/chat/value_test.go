package chat

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestFromJSON(t *testing.T) {
	for data, want := range map[string]string{
		`null`:                              `null`,
		` [true, false] `:                   `[true, false]`,
		`{"b": 1, "a": 2, "b": 3}`:          `{"b": 3, "a": 2}`,
		`{"z":{"y":[],"x":{}},"":"\u00e9"}`: `{"z": {"y": [], "x": {}}, "": "é"}`,
		`"\ud83d\ude00 \n\/\"\\ é"`:         `"😀 \n/\"\\ é"`,
		`[0, -0, 9223372036854775807, -9223372036854775808, 9223372036854775808, -100000000000000000000000]`: `[0, 0, 9223372036854775807, -9223372036854775808, 9223372036854775808, -100000000000000000000000]`,
		`[1.0, 1e5, 1E-7, 1.5e300, 0.1, 1e400, -0.0]`:                                                        `[1.0, 100000.0, 1e-07, 1.5e+300, 0.1, Infinity, -0.0]`,
	} {
		v, err := FromJSON([]byte(data))
		if err != nil {
			t.Errorf("%s: %v", data, err)
			continue
		}
		if got, err := v.JSON(); err != nil || got != want {
			t.Errorf("%s\n got %s (%v)\nwant %s", data, got, err, want)
		}
	}
	for _, data := range []string{"", " ", "{", `{"a"}`, "[1,]", "01", "nul", `"a`, "1 2", "{'a': 1}", "\"\n\"", "[NaN]"} {
		if v, err := FromJSON([]byte(data)); err == nil {
			t.Errorf("%q: got %v, want an error", data, v)
		}
	}
	deep := strings.Repeat("[", 1_000_000)
	if _, err := FromJSON([]byte(deep)); !errors.Is(err, ErrLimit) {
		t.Errorf("deep list: got %v, want ErrLimit", err)
	}
	quoted := `"` + strings.Repeat("[", 1000) + `\"` + strings.Repeat("{", 1000) + `"`
	if _, err := FromJSON([]byte(quoted)); err != nil {
		t.Errorf("brackets in a string: %v", err)
	}
}

func TestFromGo(t *testing.T) {
	v, err := FromGo(map[string]any{
		"b": []any{nil, true, 1, int64(-2), uint8(3), uint64(math.MaxUint64), 1.5, float32(0.5), "s"},
		"a": []string{"x"},
		"c": String("v"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a": ["x"], "b": [null, true, 1, -2, 3, 18446744073709551615, 1.5, 0.5, "s"], "c": "v"}`
	if got, err := v.JSON(); err != nil || got != want {
		t.Errorf("\n got %s (%v)\nwant %s", got, err, want)
	}
	if _, err := FromGo([]any{1, struct{}{}}); err == nil || !strings.Contains(err.Error(), "item 1") {
		t.Errorf("got %v, want an error that names the item", err)
	}
}

func TestValueReaders(t *testing.T) {
	d := Dict(Pair{"a", String("x")}, Pair{"n", None()})
	if s, ok := d.Get("a").Text(); !ok || s != "x" {
		t.Errorf("got %q %v, want x", s, ok)
	}
	if !d.Get("n").IsNone() || !d.Get("z").IsUndefined() || !Int(1).Get("z").IsUndefined() || d.IsUndefined() {
		t.Error("got wrong kinds of what is there and what is not")
	}
	if _, ok := Int(1).Text(); ok {
		t.Error("an int has text")
	}
}

// TestBytesThatAreNotText keeps bytes that are not UTF-8 as they are, wherever a template moves them.
func TestBytesThatAreNotText(t *testing.T) {
	s := "a\xffb\xc3 é"
	tpl := mustParse(t, "{{ x }}|{{ x|trim }}|{{ x|upper }}|{{ x[1:3] }}|{{ x|length }}|{{ x|list|join }}|{{ x.split('b')[1] }}|{{ x|tojson }}")
	got, err := tpl.Render(Pair{"x", String(s)})
	want := s + "|" + s + "|A\xffB\xc3 É|\xffb|6|" + s + "|\xc3 é|\"" + s + "\""
	if err != nil || got != want {
		t.Errorf("\n got %q (%v)\nwant %q", got, err, want)
	}
}
