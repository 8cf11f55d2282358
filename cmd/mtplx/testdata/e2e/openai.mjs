// OpenAI's library for JavaScript against a server at BASE_URL.
import OpenAI, { APIError } from "openai";
import assert from "node:assert/strict";

const client = new OpenAI({ baseURL: process.env.BASE_URL + "/v1", apiKey: process.env.MTPLX_AUTH, maxRetries: 0 });
const messages = [{ role: "user", content: "Write a Python function that checks if a number is prime." }];
const model = "mtplx";
const tools = [{ type: "function", function: { name: "look", description: "Look.", parameters: {
  type: "object", properties: { n: { type: "integer", minimum: 1, maximum: 9 } }, required: ["n"], additionalProperties: false } } }];
const schema = { type: "object", properties: { ok: { type: "boolean" }, n: { type: "integer", minimum: 0, maximum: 9 } },
  required: ["ok", "n"], additionalProperties: false };

const checks = {
  async models() {
    const ids = [];
    for await (const m of client.models.list()) ids.push(m.id);
    assert(ids.includes("mtplx") && ids.includes("mtplx-default"));
    assert.equal((await client.models.retrieve("mtplx")).object, "model");
  },
  async chat() {
    const r = await client.chat.completions.create({ model, messages, temperature: 0, max_tokens: 60 });
    assert.match(r.choices[0].message.content, /def is_prime/);
    assert.equal(r.choices[0].finish_reason, "length");
    assert.equal(r.usage.completion_tokens, 60);
    assert.equal(r.usage.total_tokens, r.usage.prompt_tokens + 60);
  },
  async chatStream() {
    const whole = await client.chat.completions.create({ model, messages, temperature: 0, max_completion_tokens: 60 });
    const stream = await client.chat.completions.create({ model, messages, temperature: 0, max_completion_tokens: 60, stream: true, stream_options: { include_usage: true } });
    let text = "", finish, usage, first = true;
    for await (const c of stream) {
      if (first) assert.equal(c.choices[0].delta.role, "assistant");
      first = false;
      text += c.choices[0]?.delta?.content ?? "";
      finish ??= c.choices[0]?.finish_reason;
      usage ??= c.usage;
    }
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(finish, "length");
    assert.equal(usage.completion_tokens, 60);
  },
  async chatHelperStream() {
    const runner = client.chat.completions.stream({ model, messages, temperature: 0, max_tokens: 30 });
    assert.match(await runner.finalContent(), /python/);
  },
  async choices() {
    const r = await client.chat.completions.create({ model, messages, n: 2, seed: 4, max_tokens: 20, temperature: 1, logprobs: true, top_logprobs: 2 });
    assert.equal(r.choices.length, 2);
    assert.equal(r.choices[1].logprobs.content.length, 20);
    const again = await client.chat.completions.create({ model, messages, n: 2, seed: 4, max_tokens: 20, temperature: 1 });
    assert.deepEqual(again.choices.map((c) => c.message.content), r.choices.map((c) => c.message.content));
  },
  async toolCall() {
    const r = await client.chat.completions.create({ model, messages, tools, tool_choice: "required", parallel_tool_calls: false, seed: 1, max_tokens: 300 });
    assert.equal(r.choices[0].finish_reason, "tool_calls");
    const call = r.choices[0].message.tool_calls[0];
    assert.equal(call.function.name, "look");
    const { n } = JSON.parse(call.function.arguments);
    assert(n >= 1 && n <= 9);
    const next = await client.chat.completions.create({ model, max_tokens: 8, tools, messages: [...messages, r.choices[0].message,
      { role: "tool", tool_call_id: call.id, content: "seen" }] });
    assert.equal(next.object, "chat.completion");
  },
  async toolCallStream() {
    const runner = client.chat.completions.stream({ model, messages, tools, tool_choice: { type: "function", function: { name: "look" } }, seed: 2, max_tokens: 300 });
    const message = await runner.finalMessage();
    assert.equal(typeof JSON.parse(message.tool_calls[0].function.arguments).n, "number");
  },
  async structured() {
    const r = await client.chat.completions.parse({ model, messages, seed: 3, max_tokens: 200,
      response_format: { type: "json_schema", json_schema: { name: "answer", strict: true, schema } } });
    const v = JSON.parse(r.choices[0].message.content);
    assert.equal(typeof v.ok, "boolean");
    assert(Number.isInteger(v.n));
  },
  async completions() {
    const r = await client.completions.create({ model, prompt: ["def f(", "a b c"], max_tokens: 8, temperature: 0, logprobs: 1 });
    assert.equal(r.choices.length, 2);
    assert.equal(r.choices[0].logprobs.tokens.length, 8);
    let text = "";
    for await (const c of await client.completions.create({ model, prompt: "def f(", max_tokens: 8, temperature: 0, stream: true })) text += c.choices[0].text;
    assert.equal(text, r.choices[0].text);
  },
  async responses() {
    const r = await client.responses.create({ model, input: messages[0].content, temperature: 0, max_output_tokens: 60, store: false });
    assert.match(r.output_text, /def is_prime/);
    assert.equal(r.status, "incomplete");
    const stream = client.responses.stream({ model, input: messages[0].content, temperature: 0, max_output_tokens: 60 });
    let text = "", last = -1;
    for await (const e of stream) {
      assert.equal(e.sequence_number, ++last);
      if (e.type === "response.output_text.delta") text += e.delta;
    }
    assert.equal(text, r.output_text);
    const call = await client.responses.create({ model, input: "look", seed: 1, max_output_tokens: 300, tool_choice: "required",
      tools: [{ type: "function", strict: true, ...tools[0].function }] });
    assert.equal(call.output.at(-1).type, "function_call");
  },
  async errors() {
    const refusal = async (p) => { try { await p; } catch (e) { assert(e instanceof APIError, e); return e; } assert.fail("was not refused"); };
    let e = await refusal(client.chat.completions.create({ model: "gpt-nothing", messages }));
    assert.equal(e.status, 404);
    assert.equal(e.code, "model_not_found");
    e = await refusal(client.chat.completions.create({ model, messages, temperature: 1000 }));
    assert.equal(e.status, 400);
    assert.equal(e.param, "temperature");
    e = await refusal(client.chat.completions.create({ model, messages: [{ role: "user", content: "long ".repeat(100000) }] }));
    assert.equal(e.code, "context_length_exceeded");
    e = await refusal(new OpenAI({ baseURL: process.env.BASE_URL + "/v1", apiKey: "wrong-key", maxRetries: 0 }).models.list());
    assert.equal(e.status, 401);
  },
  async cancel() {
    const stop = new AbortController();
    const stream = await client.chat.completions.create({ model, messages, stream: true, max_tokens: 2000 }, { signal: stop.signal });
    for await (const _ of stream) { stop.abort(); }
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log("ok   npm openai:", name);
}
