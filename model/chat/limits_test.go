package chat

import (
	"errors"
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
