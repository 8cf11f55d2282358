"""Writes the fixtures of the chat templates: python3 gen.py, with Jinja2 3.1 at hand.

snippets.json holds small templates, families.json whole ones times conversations; each entry carries
what Jinja2 made of it, or how it failed."""

import json
import pathlib

import jinja2

import snippets
import snippets_filters
from reference import ENV, outcome

HERE = pathlib.Path(__file__).parent


def small():
    out = []
    for groups in (snippets.GROUPS, snippets_filters.GROUPS):
        for group, cases in groups.items():
            for i, case in enumerate(cases):
                source, variables = case if isinstance(case, tuple) else (case, {})
                entry = {"name": f"{group}/{i}", "template": source, "vars": variables}
                entry |= outcome(source, lambda t: t.render(**variables))
                out.append(entry)
    return out


def write(name, entries):
    lines = ",\n".join(json.dumps(e, ensure_ascii=True) for e in entries)
    (HERE.parent / name).write_text('{"jinja2": "%s", "cases": [\n%s\n]}\n' % (jinja2.__version__, lines))
    print(name, len(entries), "cases,", sum("text" in e for e in entries), "with text")


if __name__ == "__main__":
    write("snippets.json", small())
