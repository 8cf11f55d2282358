package chat

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

// TestLimits renders what would never end or fill the memory, with a tenth of what a render may use. Each
// case ends in ErrLimit; a limit that is gone shows as this test hanging or dying.
func TestLimits(t *testing.T) {
	grow := func(start, step, use string) string {
		return "{% set ns = namespace(x=" + start + ") %}{% for i in range(1000) %}{% set ns.x = " + step + " %}{% endfor %}{{ " + use + " }}"
	}
	for name, source := range map[string]string{
		"loops in loops":         "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
		"loops that print":       "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
		"loops with tests":       "{% for i in range(100000) if i in range(i, i + 1000) and false %}{% endfor %}",
		"huge range":             "{{ range(1000000000)|length }}",
		"huge range down":        "{{ range(9223372036854775807, -9223372036854775807, -1)|length }}",
		"macro without end":      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		"macros in turns":        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
		"macro tree":             "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(100) }}",
		"caller without end":     "{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ n() }}",
		"recursive loop":         "{% set ns = namespace() %}{% set ns.l = [1] %}{% for i in ns.l recursive %}{{ loop(ns.l) }}{% endfor %}",
		"doubled string":         grow("'a'", "ns.x + ns.x", "''"),
		"doubled by concat":      grow("'a'", "ns.x ~ ns.x", "''"),
		"doubled list":           grow("[1]", "ns.x + ns.x", "''"),
		"doubled by join":        grow("'a'", "[ns.x, ns.x]|join", "''"),
		"doubled by format":      grow("'a'", "'%s%s' % (ns.x, ns.x)", "''"),
		"doubled by str.format":  grow("'a'", "'{0}{0}'.format(ns.x)", "''"),
		"doubled by JSON":        grow("'a'", "[ns.x, ns.x]|tojson", "''"),
		"doubled by repr":        grow("'a'", "[ns.x, ns.x]|string", "''"),
		"doubled by replace":     grow("'ab'", "ns.x|replace('a', ns.x)", "''"),
		"repeated string":        "{{ 'abc' * 1000000000 }}",
		"repeated string, huge":  "{{ 'abc' * 9223372036854775807 }}",
		"repeated list":          "{{ [1, 2] * 1000000000 }}",
		"repeated list, huge":    "{{ [1, 2] * 9223372036854775807 }}",
		"deep list printed":      grow("[]", "[ns.x]", "ns.x"),
		"deep list as JSON":      grow("[]", "[ns.x]", "ns.x|tojson"),
		"deep dict printed":      grow("{}", "{'a': ns.x}", "ns.x"),
		"deep lists compared":    grow("[]", "[ns.x]", "ns.x == ([ns.x] + [])"),
		"deep lists ordered":     "{% set a = namespace(x=[]) %}{% set b = namespace(x=[]) %}{% for i in range(1000) %}{% set a.x = [a.x] %}{% set b.x = [b.x] %}{% endfor %}{{ a.x < b.x }}",
		"deep tuple as key":      grow("()", "(ns.x, 1)", "{ns.x: 1}"),
		"wide tuple as key":      "{{ {(('a' * 100000), 1): 1} }}",
		"many in one printed":    grow("[1]", "[ns.x, ns.x]", "ns.x"),
		"many in one compared":   "{% set a = namespace(x=[1]) %}{% set b = namespace(x=[1]) %}{% for i in range(60) %}{% set a.x = [a.x, a.x] %}{% set b.x = [b.x, b.x] %}{% endfor %}{{ a.x == b.x }}",
		"many in one as JSON":    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
		"namespace in itself":    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
		"captured, not printed":  "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{% set y %}{{ x }}{% endset %}{% endfor %}",
		"captured and left":      "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{% set y %}{{ x }}{% continue %}{% endset %}{% endfor %}",
		"output":                 "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{{ x }}{% endfor %}",
		"searching":              "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{% set y = 'b' in x %}{% endfor %}",
		"searching methods":      "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{% set y = x.find('b') + x.count('b') %}{% endfor %}",
		"splitting":              "{% set x = 'a ' * 300000 %}{% for i in range(100000) %}{% set y = x.split() %}{% endfor %}",
		"stripping":              "{% set x = ' ' * 1000000 %}{% for i in range(100000) %}{% set y = x.strip() %}{% endfor %}",
		"comparing":              "{% set x = 'a' * 1000000 %}{% set z = x ~ 'b' %}{% for i in range(100000) %}{% set y = x < z %}{% endfor %}",
		"looking up":             "{% set x = 'a' * 1000000 %}{% set d = {x: 1} %}{% for i in range(100000) %}{% set y = d[x] %}{% endfor %}",
		"measuring":              "{% set x = 'a' * 1000000 %}{% for i in range(100000) %}{% set y = x|length %}{% endfor %}",
		"counting words":         "{% set x = 'a ' * 300000 %}{% for i in range(100000) %}{% set y = x|wordcount %}{% endfor %}",
		"sorting":                "{% for i in range(100000) %}{% set y = range(1000)|sort %}{% endfor %}",
		"slicing":                "{% set x = range(100000)|list %}{% for i in x %}{% set y = x[1:] %}{% endfor %}",
		"mapping":                "{% for i in range(100000) %}{% set y = range(1000)|map('string')|list %}{% endfor %}",
		"wide centre":            "{{ 'a'.center(9223372036854775807) }}",
		"wide centre filter":     "{{ 'a'|center(1000000000) }}",
		"wide zfill":             "{{ 'a'.zfill(1000000000) }}",
		"wide percent":           "{{ '%999999999d' % 1 }}",
		"wide precision":         "{{ '%.99999f' % 1 }}",
		"wide str.format":        "{{ '{:999999999}'.format(1) }}",
		"wide indent":            "{{ 'a\nb'|indent(1000000000) }}",
		"wide JSON indent":       "{{ [1]|tojson(indent=1000000000) }}",
		"indented in depth":      "{% set ns = namespace(x=[]) %}{% for i in range(150) %}{% set ns.x = [ns.x] * 50 %}{% endfor %}{{ ns.x|tojson(indent='" + strings.Repeat(" ", 1000) + "') }}",
		"wide batch":             "{{ [1]|batch(1000000000, 0)|list|length }}",
		"many slices":            "{{ [1]|slice(1000000000)|list|length }}",
		"brackets":               "{{ " + strings.Repeat("(", 100000) + "1" + strings.Repeat(")", 100000) + " }}",
		"lists":                  "{{ " + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + " }}",
		"dicts":                  "{{ " + strings.Repeat("{1:", 100000) + "1" + strings.Repeat("}", 100000) + " }}",
		"nots":                   "{{ " + strings.Repeat("not ", 100000) + "1 }}",
		"signs":                  "{{ " + strings.Repeat("- ", 100000) + "1 }}",
		"elses":                  "{{ " + strings.Repeat("1 if 0 else ", 50000) + "1 }}",
		"conditions":             "{{ 1" + strings.Repeat(" if 1", 50000) + " }}",
		"sums":                   "{{ 1" + strings.Repeat("+1", 100000) + " }}",
		"powers":                 "{{ 1" + strings.Repeat("**1", 100000) + " }}",
		"ands":                   "{{ 1" + strings.Repeat(" and 1", 100000) + " }}",
		"attributes":             "{{ a" + strings.Repeat(".a", 100000) + " }}",
		"calls":                  "{{ a" + strings.Repeat("()", 100000) + " }}",
		"filters":                "{{ a" + strings.Repeat("|string", 100000) + " }}",
		"ifs":                    strings.Repeat("{% if 1 %}", 10000) + strings.Repeat("{% endif %}", 10000),
		"loops":                  strings.Repeat("{% for i in [1] %}", 10000) + strings.Repeat("{% endfor %}", 10000),
		"targets":                "{% set " + strings.Repeat("(", 10000) + "a" + strings.Repeat(")", 10000) + " = 1 %}",
		"source":                 strings.Repeat("x", maxSource+1),
		"macros times sums":      "{% macro m(n) %}{{ 0" + strings.Repeat("+0", 400) + " + (m(n + 1)|length) }}{% endmacro %}{{ m(0) }}",
		"keyword arguments":      "{% macro m() %}{{ kwargs|length }}{% endmacro %}{% for i in range(100000) %}{% for j in range(100) %}{{ m(a=1, b=2, c=3) }}{% endfor %}{% endfor %}",
		"cycling through a list": "{% set x = 'ab' * 100000 %}{% for i in range(100000) %}{% for c in x %}{% break %}{% endfor %}{% endfor %}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tpl, err := Parse(source)
			if err == nil {
				m := newMachine(tpl, nil)
				m.steps /= 10
				m.memory /= 10
				_, err = tpl.execute(m, nil)
			}
			if !errors.Is(err, ErrLimit) {
				t.Fatalf("got %v, want ErrLimit", err)
			}
		})
	}
}

// TestWorkCounts does one thing to a long text with hardly any steps left: whatever takes time in
// proportion to a text must also take steps.
func TestWorkCounts(t *testing.T) {
	long := String(strings.Repeat("a b", 1<<20))
	vars := []Pair{
		{"s", long},
		{"same", String(strings.Repeat("a b", 1<<20))},
		{"space", String(strings.Repeat(" ", 1<<20))},
		{"d", Dict(Pair{"k", None()})},
		{"l", List(slices.Repeat([]Value{Int(0)}, 1<<16)...)},
	}
	for _, source := range []string{
		"{{ s }}", "{% set x %}{{ s }}{% endset %}", "{% filter trim %}{{ s }}{% endfilter %}", "{{ 'z' in s }}", "{{ s == same }}", "{{ s < same }}", "{{ s[9] }}", "{{ s[1:] }}", "{{ s[::2] }}",
		"{{ d[s] }}", "{{ s in d }}", "{{ d.get(s) }}", "{{ {s: 1}|length }}", "{{ {(s, 1): 1}|length }}", "{{ dict([(s, 1)])|length }}", "{{ [s]|unique|list|length }}",
		"{{ s.find('z') }}", "{{ s.rfind('z') }}", "{{ s.count('z') }}", "{{ s.startswith(same) }}", "{{ s.endswith('a', 5) }}", "{{ s.upper()|length }}", "{{ s.title()|length }}", "{{ s.isalpha() }}", "{{ space.strip() }}", "{{ space|trim }}", "{{ space.strip(' ') }}",
		"{{ s.split()|length }}", "{{ s.split('z')|length }}", "{{ s.rsplit('z', 1)|length }}", "{{ s.splitlines()|length }}", "{{ s.partition('z')|length }}", "{{ s.replace('z', 'y')|length }}", "{{ s|replace('z', 'y')|length }}",
		"{{ s|length }}", "{{ s|upper }}", "{{ s|lower }}", "{{ s|capitalize }}", "{{ s|title }}", "{{ s|wordcount }}", "{{ s|indent }}", "{{ s|list|length }}", "{{ s|last }}", "{{ s|reverse }}", "{{ s|tojson }}", "{{ [s]|string }}", "{{ s|truncate(5) }}", "{% for c in s %}{% break %}{% endfor %}",
		"{{ l|sort }}", "{{ l|list }}", "{{ l|reverse|list }}", "{{ l|map('string')|list }}", "{{ l|select|list }}", "{{ l + l }}", "{{ l[1:] }}", "{{ l|tojson }}", "{{ l|string }}", "{{ l == l[:] }}", "{{ 1 in l }}", "{{ l.count(1) }}", "{{ l|join }}", "{{ l|sum }}", "{{ l|unique|list }}", "{{ l|batch(2)|list }}", "{{ l|min }}", "{{ l|groupby('a') }}",
	} {
		tpl := mustParse(t, source)
		m := newMachine(tpl, nil)
		m.steps = 600
		if _, err := tpl.execute(m, vars); !errors.Is(err, ErrLimit) {
			t.Errorf("%s\n got %v with %d steps left, want ErrLimit", source, err, m.steps)
		}
	}
}

// TestIntegersHaveAnEnd holds that arithmetic beyond 64 bits, which Python has, is refused and not wrong.
func TestIntegersHaveAnEnd(t *testing.T) {
	vars := []Pair{{"max", Int(math.MaxInt64)}, {"min", Int(math.MinInt64)}, {"big", Value{k: kindBig, s: "9223372036854775808"}}}
	for _, x := range []string{
		"max + 1", "min - 1", "min + min", "max - min", "max * 2", "min * -1", "min // -1", "-min", "min|abs", "2 ** 63", "10 ** 19", "3 ** 41", "(-2) ** 64",
		"big + 1", "1 - big", "big * 2", "-big", "big < 1", "big // 2", "[max, 1]|sum", "'%x' % big",
	} {
		got, err := mustParse(t, "{{ "+x+" }}").Render(vars...)
		if !errors.Is(err, errOverflow) {
			t.Errorf("%s: got %q (%v), want %v", x, got, err, errOverflow)
		}
	}
	got, err := mustParse(t, "{{ big }} {{ big == big }} {{ [big]|tojson }} {{ '%d' % big }} {{ big|int }} {{ big|float }} {{ big is integer }}").Render(vars...)
	want := "9223372036854775808 True [9223372036854775808] 9223372036854775808 9223372036854775808 9.223372036854776e+18 True"
	if err != nil || got != want {
		t.Errorf("got %q (%v), want %q", got, err, want)
	}
}

// TestLimitsLeaveRoom renders a conversation of two megabytes, which is more than a million tokens of
// context hold.
func TestLimitsLeaveRoom(t *testing.T) {
	messages := longConversation(5000)
	for _, family := range []string{"default", "hermes", "xml_thinking", "bars", "channels"} {
		tpl := openFamily(t, family, []Pair{{"bos_token", String("")}, {"eos_token", String("")}})
		text, err := tpl.RenderChat(messages, Options{AddGenerationPrompt: true})
		if err != nil || len(text) < 1<<20 {
			t.Errorf("%s: got %d bytes and error %v", family, len(text), err)
		}
	}
}
