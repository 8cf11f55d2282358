"""Writes the fixtures of the chat templates: python3 gen.py, with Jinja2 3.1 at hand.

snippets.json holds small templates, random.json templates from a grammar, families.json conversations times
the templates of ../families and the default checkpoint's; each entry carries what Jinja2 made of it, or how
it failed."""

import copy
import json
import pathlib

import jinja2

import random_templates
import snippets
import snippets_filters
from conversations import CONVERSATIONS
from reference import outcome, render_chat

HERE = pathlib.Path(__file__).parent
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


def small():
    for groups in (snippets.GROUPS, snippets_filters.GROUPS):
        for group, cases in groups.items():
            for i, case in enumerate(cases):
                source, variables = case if isinstance(case, tuple) else (case, {})
                entry = {"name": f"{group}/{i}", "template": source, "vars": variables}
                yield entry | outcome(source, lambda t: t.render(**variables))


def grammar(want):
    """Half with text, half without: most of what a grammar makes fails early."""
    seed, left = 0, {True: want // 2, False: want // 2}
    while any(left.values()):
        source = random_templates.Maker(seed).template()
        seed += 1
        result = outcome(source, lambda t: t.render(**copy.deepcopy(random_templates.VARS)))
        ok = "text" in result
        if left[ok] and len(source) > 60 and " at 0x" not in result.get("text", ""):
            left[ok] -= 1
            yield {"name": f"seed {seed - 1}", "template": source} | result


def families():
    default = HERE / "../../../demo/default/chat_template.jinja"
    for path in [default, *sorted((HERE / "../families").glob("*.jinja"))]:
        source = path.read_text()
        family = "default" if path == default else path.stem
        for name, conversation in CONVERSATIONS.items():
            entry = {"family": family, "name": name}
            yield entry | outcome(source, lambda t: render_chat(t, conversation, SPECIAL))


def write(name, entries, head=None):
    entries = list(entries)
    head = {"jinja2": jinja2.__version__} | (head or {})
    lines = "".join(f"{json.dumps(k)}: {json.dumps(v)},\n" for k, v in head.items())
    lines += '"cases": [\n' + ",\n".join(json.dumps(e) for e in entries)
    (HERE.parent / name).write_text("{\n" + lines + "\n]}\n")
    print(name, len(entries), "cases,", sum("text" in e for e in entries), "with text")


if __name__ == "__main__":
    write("snippets.json", small())
    write("random.json", grammar(600), {"vars": random_templates.VARS})
    write("families.json", families(), {"special": SPECIAL, "conversations": CONVERSATIONS})
