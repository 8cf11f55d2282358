// Anthropic's library for JavaScript against a server at BASE_URL.
import Anthropic, { APIError } from "@anthropic-ai/sdk";
import assert from "node:assert/strict";

const client = new Anthropic({ baseURL: process.env.BASE_URL, apiKey: process.env.MTPLX_AUTH, maxRetries: 0 });
const messages = [{ role: "user", content: "Write a Python function that checks if a number is prime." }];
const model = "mtplx";
const tools = [{ name: "look", description: "Look.", input_schema: {
  type: "object", properties: { n: { type: "integer", minimum: 1, maximum: 9 } }, required: ["n"], additionalProperties: false } }];

const checks = {
  async message() {
    const m = await client.messages.create({ model, messages, system: "Be brief.", temperature: 0, max_tokens: 40 });
    assert.equal(m.content[0].type, "text");
    assert.equal(m.stop_reason, "max_tokens");
    assert.equal(m.usage.output_tokens, 40);
  },
  async stream() {
    const whole = await client.messages.create({ model, messages, temperature: 0, max_tokens: 60 });
    const stream = client.messages.stream({ model, messages, temperature: 0, max_tokens: 60 });
    const kinds = [];
    for await (const e of stream) if (kinds.at(-1) !== e.type) kinds.push(e.type);
    assert.deepEqual(kinds.filter((k) => k !== "ping"), ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop"]);
    const last = await stream.finalMessage();
    assert.equal(last.content[0].text, whole.content[0].text);
    assert.equal(last.usage.output_tokens, 60);
  },
  async stopSequence() {
    const m = await client.messages.create({ model, messages, temperature: 0, max_tokens: 100, stop_sequences: ["is_prime", "zzz"] });
    assert.equal(m.stop_reason, "stop_sequence");
    assert.equal(m.stop_sequence, "is_prime");
  },
  async tools() {
    const m = await client.messages.create({ model, messages, tools, tool_choice: { type: "any", disable_parallel_tool_use: true }, max_tokens: 300 });
    assert.equal(m.stop_reason, "tool_use");
    const use = m.content.at(-1);
    assert.equal(use.name, "look");
    assert(use.input.n >= 1 && use.input.n <= 9);
    const next = await client.messages.create({ model, tools, max_tokens: 8, messages: [...messages, { role: "assistant", content: m.content },
      { role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: "seen" }] }] });
    assert.equal(next.type, "message");
    const streamed = await client.messages.stream({ model, messages, tools, tool_choice: { type: "tool", name: "look" }, max_tokens: 300 }).finalMessage();
    assert.equal(typeof streamed.content.at(-1).input.n, "number");
  },
  async countTokens() {
    const c = await client.messages.countTokens({ model, messages });
    const m = await client.messages.create({ model, messages, max_tokens: 1 });
    assert.equal(c.input_tokens, m.usage.input_tokens);
  },
  async errors() {
    const refusal = async (p) => { try { await p; } catch (e) { assert(e instanceof APIError, e); return e; } assert.fail("was not refused"); };
    let e = await refusal(client.messages.create({ model: "claude-nothing", messages, max_tokens: 5 }));
    assert.equal(e.status, 404);
    assert.equal(e.error.error.type, "not_found_error");
    e = await refusal(client.messages.create({ model, messages, max_tokens: 5, temperature: -1 }));
    assert.equal(e.status, 400);
    e = await refusal(client.messages.create({ model, max_tokens: 5, messages: [{ role: "user", content: "long ".repeat(100000) }] }));
    assert.match(e.message, /prompt is too long: \d+ tokens > \d+ maximum/);
    e = await refusal(new Anthropic({ baseURL: process.env.BASE_URL, apiKey: "wrong-key", maxRetries: 0 }).messages.create({ model, messages, max_tokens: 5 }));
    assert.equal(e.status, 401);
  },
  async cancel() {
    const stream = client.messages.stream({ model, messages, max_tokens: 2000 });
    await new Promise((resolve) => stream.once("text", resolve));
    stream.abort();
    await stream.done().catch(() => {});
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log("ok   npm @anthropic-ai/sdk:", name);
}
