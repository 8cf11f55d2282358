"""Anthropic's library for Python against a server at BASE_URL."""

import os

import anthropic

client = anthropic.Anthropic(base_url=os.environ["BASE_URL"], api_key=os.environ["MTPLX_AUTH"], max_retries=0)
ask = {"model": "mtplx", "messages": [{"role": "user", "content": "Write a Python function that checks if a number is prime."}]}
greedy = {"extra_body": {"temperature": 0}}  # the library of this version has no parameter for it
tool = {
    "name": "look",
    "input_schema": {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}},
        "required": ["n"],
        "additionalProperties": False,
    },
}


def refusal(kind, f, **kwargs):
    try:
        f(**kwargs)
    except kind as e:
        return e
    raise AssertionError("was not refused")


def message():
    m = client.messages.create(**ask, **greedy, max_tokens=60)
    assert "def is_prime" in m.content[0].text and m.stop_reason == "max_tokens"
    with client.messages.stream(**ask, **greedy, max_tokens=60) as s:
        assert "".join(s.text_stream) == m.content[0].text
        assert s.get_final_message().usage.output_tokens == m.usage.output_tokens


def tools():
    m = client.messages.create(**ask, tools=[tool], tool_choice={"type": "any", "disable_parallel_tool_use": True}, max_tokens=300)
    assert m.stop_reason == "tool_use" and 1 <= m.content[-1].input["n"] <= 9
    with client.messages.stream(**ask, tools=[tool], tool_choice={"type": "tool", "name": "look"}, max_tokens=300) as s:
        assert s.get_final_message().content[-1].name == "look"


def count_tokens():
    assert client.messages.count_tokens(**ask).input_tokens == client.messages.create(**ask, max_tokens=1).usage.input_tokens


def errors():
    refusal(anthropic.NotFoundError, client.messages.create, **{**ask, "model": "x"}, max_tokens=5)
    e = refusal(anthropic.BadRequestError, client.messages.create, **ask, max_tokens=5, extra_body={"temperature": -1})
    assert e.body["error"]["type"] == "invalid_request_error"
    other = anthropic.Anthropic(base_url=client.base_url, api_key="wrong-key", max_retries=0)
    refusal(anthropic.AuthenticationError, other.messages.create, **ask, max_tokens=5)


def cancel():
    with client.messages.stream(**ask, max_tokens=2000) as s:
        next(iter(s.text_stream))


for check in (message, tools, count_tokens, errors, cancel):
    check()
    print("ok   PyPI anthropic:", check.__name__)
