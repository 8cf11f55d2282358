"""Jinja2 in the configuration of transformers, and its way to render a conversation."""

import copy
import datetime
import json

import jinja2
from jinja2 import nodes
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 3, 7, 5, 4, 9, 123456)
TAG = "CONTINUE_FINAL_MESSAGE_TAG "


class Generation(Extension):
    """The tag that marks what the assistant wrote; here it only renders its body."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


ENV = environment()


def outcome(source, render):
    """What a template gives: its text, or the kind of its failure."""
    try:
        template = ENV.from_string(source)
    except jinja2.TemplateSyntaxError as e:
        return {"error": "parse", "line": e.lineno, "message": str(e)}
    except SyntaxError as e:  # of the Python that the template becomes, in lines of its own
        return {"error": "parse", "message": e.msg}
    try:
        return {"text": render(template)}
    except jinja2.exceptions.UndefinedError as e:
        return {"error": "undefined", "message": str(e)}
    except jinja2.exceptions.TemplateError as e:
        kind = "raised" if type(e) is jinja2.exceptions.TemplateError else "render"
        return {"error": kind, "message": str(e)}
    except Exception as e:
        return {"error": "render", "message": str(e)}


def render_chat(template, conversation, special):
    """apply_chat_template of transformers 5, without a tokenizer."""
    messages = copy.deepcopy(conversation["messages"])
    if conversation.get("continue_final_message"):
        final = messages[-1]["content"]
        if isinstance(final, list):
            for part in reversed(final):
                if "text" in part:
                    final = part["text"]
                    part["text"] = final + TAG
                    break
        else:
            messages[-1]["content"] = final + TAG
    text = template.render(
        messages=messages,
        tools=conversation.get("tools"),
        documents=None,
        add_generation_prompt=conversation.get("add_generation_prompt", False),
        **special,
        **conversation.get("kwargs", {}),
    )
    if not conversation.get("continue_final_message"):
        return text
    if final.strip() not in text or TAG.strip() not in text:
        raise ValueError("the final message does not appear in the chat")
    at = text.rindex(TAG.strip())
    if text[at : at + len(TAG)] == TAG:
        return text[:at]
    return text[:at].rstrip()
