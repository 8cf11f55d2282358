"""Templates from a grammar, by seed: combinations that nobody thought of."""

import random

VARS = {
    "s": "Hello wörld\n <b>it's</b>",
    "e": "",
    "n": 7,
    "f": 2.5,
    "t": True,
    "z": None,
    "l": [3, 1, 2, "x"],
    "nums": [5, 2, 9, 2],
    "d": {"a": 1, "items": "own", "b": {"c": [1, "q"]}},
    "m": [
        {"role": "system", "content": "Sys"},
        {"role": "user", "content": "Hi <think>"},
        {"role": "assistant", "content": "a</think>b", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1, "y": "é"}}}]},
    ],
}
NAMES = [*VARS, "undef", "i", "k"]
TEXTS = ["a", "b ", " ", "\n", "  \n", "\n  ", "x\n\n", "é", "{", "}", "<|im_end|>", "\t"]
STRINGS = ["''", "'a'", "'\\n'", "'</think>'", "' '", '"é"', "'l'", "'role'", "'%s'", "'a,b,,c'", "'x'"]
FILTERS = [
    "upper", "lower", "trim", "length", "first", "last", "list", "string", "tojson", "reverse", "sort", "join", "join(', ')", "int", "float", "abs",
    "default('D')", "default('D', true)", "replace('a', 'Z')", "title", "capitalize", "unique|list", "map('string')|list", "select|list", "items|list",
    "indent(2)", "round", "sum", "max", "min", "dictsort", "batch(2)|list", "map(attribute='role')|list", "selectattr('role', 'equalto', 'user')|list",
    "rejectattr('tool_calls', 'defined')|list", "tojson(indent=2)", "wordcount", "center(9)", "truncate(5)", "count", "reject('string')|list", "attr('upper')",
]
TESTS = ["defined", "undefined", "none", "string", "number", "mapping", "iterable", "sequence", "true", "false", "boolean", "integer", "float", "odd", "even", "lower", "upper", "callable", "in [1, 'a']", "eq 1", "divisibleby 3", "sameas none"]
METHODS = [
    ".strip()", ".split()", ".split('l')", ".split(',')[-1]", ".upper()", ".startswith('H')", ".endswith('x')", ".items()", ".keys()", ".values()|list", ".get('a')", ".get('zz', 'no')",
    ".replace('l', 'L')", ".title()", ".count('l')", ".find('o')", ".join(l)", ".lstrip('\\n')", ".splitlines()", ".isdigit()", ".format(1, 2)",
]
ATTRS = [".a", ".b.c", ".items", ".role", ".content", "[0]", "[-1]", "['a']", "[1:]", "[::-1]", "[:2]", "['b']['c'][1]", ".undef", "[9]", "[s]", ".0", "[n]", "[-2:]", "[t]"]
OPS = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, *xs):
        return self.r.choice(xs)

    def expr(self, depth=0):
        r = self.r
        if depth > 3 or r.random() < 0.25:
            return r.choice([r.choice(NAMES), r.choice(NAMES), r.choice(STRINGS), str(r.choice([0, 1, 2, 3, -1, 10, 2.5, 1e20])), "true", "none", "loop.index", "ns.v"])
        sub = lambda: self.expr(depth + 1)
        kind = r.randrange(15)
        if kind < 2:
            return f"{sub()} {r.choice(OPS)} {sub()}"
        if kind < 4:
            return f"{sub()} {r.choice(OPS)} {sub()} {r.choice(OPS)} {sub()}"
        if kind < 6:
            return f"{sub()}|{r.choice(FILTERS)}"
        if kind == 6:
            return f"{sub()} is {self.pick('', 'not ')}{r.choice(TESTS)}"
        if kind == 7:
            return f"({sub()})"
        if kind == 8:
            return f"({sub()}){r.choice(METHODS)}"
        if kind == 9:
            return f"{r.choice(NAMES)}{r.choice(METHODS)}"
        if kind == 10:
            return f"{r.choice(NAMES)}{r.choice(ATTRS)}"
        if kind == 11:
            # Jinja2 folds slices of constants in its own way, which nobody writes.
            return f"({sub()}){r.choice([a for a in ATTRS if ':' not in a])}"
        if kind == 12:
            return f"({sub()} if {sub()}{self.pick('', ' else ' + sub())})"
        if kind == 13:
            return self.pick(f"[{sub()}, {sub()}]", f"({sub()}, {sub()})", f"{{{r.choice(STRINGS)}: {sub()}, 1: {sub()}}}", "range(3)", f"dict(q={sub()})", f"mac({sub()})")
        return f"{self.pick('not ', '-', '+')}{sub()}"

    def tag(self, inside):
        return f"{{%{self.pick('', '', '-', '+')} {inside} {self.pick('', '', '-', '+')}%}}"

    def out(self):
        return f"{{{{{self.pick('', '', '-')} {self.expr()} {self.pick('', '', '-')}}}}}"

    def body(self, depth):
        return "".join(self.piece(depth) for _ in range(self.r.randint(1, 4)))

    def piece(self, depth):
        r = self.r
        kind = r.randrange(16)
        if depth > 3 or kind < 4:
            return self.pick(r.choice(TEXTS), r.choice(TEXTS), self.out())
        if kind < 7:
            return self.out()
        inner = lambda: self.body(depth + 1)
        if kind < 9:
            other = self.pick("", self.tag("else") + inner(), self.tag("elif " + self.expr()) + inner())
            return self.tag(f"if {self.expr()}") + inner() + other + self.tag("endif")
        if kind < 11:
            target = self.pick("i", "i", "k, i", "x")
            test = self.pick("", "", f" if {self.expr(2)}")
            leave = self.pick("", "", self.tag("if i == 2") + self.tag(self.pick("break", "continue")) + self.tag("endif"))
            other = self.pick("", self.tag("else") + inner())
            source = self.pick("m", "l", "nums", "d.items()", "s", "range(3)", self.expr(2))
            return self.tag(f"for {target} in {source}{test}") + leave + inner() + other + self.tag("endfor")
        if kind == 11:
            return self.tag(f"set {self.pick('x', 's', 'i', 'ns.v', 'n')} = {self.expr()}")
        if kind == 12:
            return self.tag(f"set {self.pick('x', 's')}{self.pick('', ' | upper')}") + inner() + self.tag("endset")
        if kind == 13:
            return self.tag(f"macro mac({self.pick('x', 'x=1', 'x, k=n')})") + inner() + self.tag("endmacro")
        if kind == 14:
            return self.pick(
                self.tag(f"filter {self.pick('upper', 'trim', 'indent(1)')}") + inner() + self.tag("endfilter"),
                self.tag(f"with x = {self.expr(2)}") + inner() + self.tag("endwith"),
                self.tag("generation") + inner() + self.tag("endgeneration"),
                self.tag("call mac(1)") + inner() + self.tag("endcall"),
            )
        return self.pick("{# c #}", "{#- c -#}", "{% raw %}{{ x }}{% endraw %}", self.tag("raw").replace("+%}", "%}") + " {{ " + self.tag("endraw"))

    def template(self):
        start = self.pick("", "{% set ns = namespace(v=1) %}", "{% set ns = namespace(v=1) %}{% macro mac(x) %}[{{ x }}]{% endmacro %}")
        return start + self.body(0)
