"""OpenAI's library for Python against a server at BASE_URL."""

import json
import os

import openai

client = openai.OpenAI(base_url=os.environ["BASE_URL"] + "/v1", api_key=os.environ["MTPLX_AUTH"], max_retries=0)
ask = {"model": "mtplx", "messages": [{"role": "user", "content": "Write a Python function that checks if a number is prime."}]}
tool = {
    "type": "function",
    "function": {
        "name": "look",
        "parameters": {
            "type": "object",
            "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}},
            "required": ["n"],
            "additionalProperties": False,
        },
    },
}


def refusal(kind, f, **kwargs):
    try:
        f(**kwargs)
    except kind as e:
        return e
    raise AssertionError("was not refused")


def models():
    assert "mtplx" in [m.id for m in client.models.list()]


def chat():
    r = client.chat.completions.create(**ask, temperature=0, max_tokens=60)
    assert "def is_prime" in r.choices[0].message.content
    stream = client.chat.completions.create(**ask, temperature=0, max_tokens=60, stream=True, stream_options={"include_usage": True})
    text, usage = "", None
    for c in stream:
        usage = c.usage or usage
        if c.choices:
            text += c.choices[0].delta.content or ""
    assert text == r.choices[0].message.content
    assert usage == r.usage or usage.completion_tokens == r.usage.completion_tokens


def tools():
    r = client.chat.completions.create(**ask, tools=[tool], tool_choice="required", parallel_tool_calls=False, max_tokens=300)
    call = r.choices[0].message.tool_calls[0]
    assert call.function.name == "look" and 1 <= json.loads(call.function.arguments)["n"] <= 9
    with client.chat.completions.stream(**ask, tools=[tool], tool_choice="required", parallel_tool_calls=False, max_tokens=300) as s:
        s.until_done()
        assert s.get_final_completion().choices[0].finish_reason == "tool_calls"


def structured():
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}
    r = client.chat.completions.create(
        **ask, max_tokens=100, response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": schema, "strict": True}}
    )
    assert isinstance(json.loads(r.choices[0].message.content)["ok"], bool)


def responses():
    r = client.responses.create(model="mtplx", input="Write a Python function that checks if a number is prime.", temperature=0, max_output_tokens=60)
    assert "def is_prime" in r.output_text
    with client.responses.stream(model="mtplx", input="Write a Python function that checks if a number is prime.", temperature=0, max_output_tokens=60) as s:
        text = "".join(e.delta for e in s if e.type == "response.output_text.delta")
    assert text == r.output_text


def completions():
    r = client.completions.create(model="mtplx", prompt="def f(", max_tokens=8, temperature=0)
    stream = client.completions.create(model="mtplx", prompt="def f(", max_tokens=8, temperature=0, stream=True)
    assert "".join(c.choices[0].text for c in stream) == r.choices[0].text


def errors():
    assert refusal(openai.NotFoundError, client.chat.completions.create, **{**ask, "model": "x"}).code == "model_not_found"
    assert refusal(openai.BadRequestError, client.chat.completions.create, **ask, top_p=2).param == "top_p"
    other = openai.OpenAI(base_url=client.base_url, api_key="wrong-key", max_retries=0)
    refusal(openai.AuthenticationError, other.models.list)


def cancel():
    stream = client.chat.completions.create(**ask, stream=True, max_tokens=2000)
    next(iter(stream))
    stream.close()


for check in (models, chat, tools, structured, responses, completions, errors, cancel):
    check()
    print("ok   PyPI openai:", check.__name__)
