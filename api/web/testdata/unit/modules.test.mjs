import test from "node:test";
import assert from "node:assert/strict";
import { Runs } from "../../page/runs.mjs";
import { Events } from "../../page/sse.mjs";
import { figures } from "../../page/figures.mjs";
import { add, exportText, messages, newConversation, path, readConversation, readExport, readSettings, show, siblings, titleOf } from "../../page/tree.mjs";
import { sentence } from "../../page/server.mjs";

test("runs cut a text where its tokens end", () => {
  const r = new Runs();
  r.add("Hello", { pieces: ["He", "llo"], drafted: [false, true] });
  r.add("!", undefined);
  r.add("ab", { pieces: ["x"], drafted: [true] }); // does not make the text: not believed
  assert.deepEqual(r.list, [2, -3, 1, 2]);
  assert.equal(r.tokens, 4);
  assert.equal(r.drafted, 1);
  assert.deepEqual(r.cut(1, 6), [[1, ""], [3, "drafted"], [1, ""]]);
  assert.deepEqual(r.cut(3, 4), [[1, "drafted"]]);
  assert.deepEqual(r.cut(7, 12), [[1, ""], [4, ""]]);
  assert.deepEqual(new Runs(r.list).cut(1, 6), r.cut(1, 6));
});

test("events come out whole, however the stream is cut", () => {
  const stream = 'data: {"a":1}\n\n: ping\n\ndata: x\ndata: y\r\n\r\ndata:z\n\ndata: cut';
  for (let n = 1; n <= stream.length; n++) {
    const e = new Events();
    const got = [];
    for (let i = 0; i < stream.length; i += n) got.push(...e.push(stream.slice(i, i + n)));
    assert.deepEqual(got, ['{"a":1}', "x\ny", "z"], `in pieces of ${n}`);
  }
});

test("a conversation keeps its branches", () => {
  const c = newConversation(1);
  const q = add(c, null, "user", "  What is\nthis? ", 2);
  const a = add(c, q.id, "assistant", "A", 3);
  const b = add(c, q.id, "assistant", "B", 4);
  const next = add(c, b.id, "user", "more", 5);
  assert.equal(c.title, "What is");
  assert.deepEqual(path(c).map((n) => n.content.trim()), ["What is\nthis?", "B", "more"]);
  assert.deepEqual(siblings(c, a), [a, b]);
  show(c, a);
  assert.equal(c.leaf, a.id);
  show(c, b);
  assert.equal(c.leaf, next.id);
  assert.deepEqual(messages(c, "Be kind."), [
    { role: "system", content: "Be kind." },
    { role: "user", content: q.content },
    { role: "assistant", content: "B" },
    { role: "user", content: "more" },
  ]);
  b.content = ""; // it failed
  assert.equal(messages(c, " ").length, 2);
  assert.equal(titleOf("x".repeat(99)).length, 61);
});

test("an export is read back as it was", () => {
  const c = newConversation(1, { temperature: 0.5, system: "s" });
  const q = add(c, null, "user", "q", 2);
  Object.assign(add(c, q.id, "assistant", "a", 3), { state: "done", reasoning: "r", runs: [1], stats: { tokens: 1, prompt: 2, cached: 0, rate: 3, first: 0.1, seconds: 1, cycles: 1, drafted: [1], accepted: [1] } });
  assert.deepEqual(readExport(exportText([c])), [c]);
});

test("a damaged or hostile import is refused with a sentence, or made sound", () => {
  for (const [text, say] of [
    ["{", /not JSON/],
    ["null", /no conversations/],
    ['{"format":"mtplx-conversations","version":2}', /version 2/],
    ['{"format":"mtplx-conversations","version":1,"conversations":{}}', /missing/],
    ['{"format":"mtplx-conversations","version":1,"conversations":[null]}', /Conversation 1/],
  ]) assert.throws(() => readExport(text), say);
  const c = readConversation({
    id: "<b>", title: 7, leaf: "loop1", settings: { temperature: "hot", top_k: 3, seed: -1, x: 1, system: 4 },
    nodes: {
      a: { id: "a", parent: null, role: "user", content: "hi", extra: "x" },
      b: { id: "b", parent: "a", role: "assistant", content: 5, state: "streaming", runs: ["x"], stats: { tokens: "many", drafted: ["x"] } },
      c: { id: "c", parent: "nowhere", role: "user", content: "lost" },
      loop1: { id: "loop1", parent: "loop2", role: "user", content: "" },
      loop2: { id: "loop2", parent: "loop1", role: "user", content: "" },
      d: { id: "d", parent: null, role: "system", content: "no" },
      e: null,
    },
  });
  assert.notEqual(c.id, "<b>");
  assert.deepEqual(Object.keys(c.nodes), ["a", "b"]);
  assert.deepEqual(Object.keys(c.nodes.a), ["id", "parent", "role", "content", "time", "order"]);
  assert.equal(c.nodes.b.state, "stopped");
  assert.equal(c.nodes.b.content, "");
  assert.equal(c.nodes.b.runs, undefined);
  assert.equal(c.nodes.b.stats.tokens, 0);
  assert.deepEqual(c.settings, { top_k: 3 });
  assert.ok(c.nodes[c.leaf]);
  assert.deepEqual(readSettings(null), {});
});

test("the status page's numbers are differences of snapshots", () => {
  const snap = (time, written, cycles) => ({
    time, ready: true, running: 1, waiting: 0, requests: [{ id: "x", route: "/", prompt_tokens: 3, completion_tokens: 4, age_s: 1 }],
    memory: { Pages: 10, FreePages: 4, PageTokens: 64, Cycles: cycles, Bank: { Bytes: 5, PageBytes: 6, Checkpoints: 1, Hits: 2, Misses: { a: 1, b: 2 } } },
    process: { go_bytes: 9, resident_bytes: 8 },
    totals: { answers: 1, failures: 0, prompt_tokens: 10, cached_tokens: 5, completion_tokens: written, cycles: 1, drafted_by_depth: [4, 2], accepted_by_depth: [3, 0] },
    server: { model: "m", version: "v", context: 1, head: true, uptime_s: 1, max_running: 2, max_waiting: 3 },
  });
  const first = figures(snap("2026-01-01T00:00:00Z", 100, 10), null);
  assert.equal(first.speed, 0);
  const f = figures(snap("2026-01-01T00:00:02Z", 300, 30), snap("2026-01-01T00:00:00Z", 100, 10));
  assert.equal(f.speed, 100);
  assert.equal(f.cycles, 10);
  assert.equal(f.pagesUsed, 6);
  assert.equal(f.bank.held, 11);
  assert.equal(f.bank.misses, 3);
  assert.equal(f.drafts, 6);
  assert.equal(f.stood, 3);
  assert.equal(f.reused, 0.5);
  assert.equal(figures(snap("2026-01-01T00:00:02Z", 0, 0), snap("2026-01-01T00:00:00Z", 100, 10)).speed, 0, "a server that was started anew");
});

test("messages become sentences", () => {
  assert.equal(sentence("the model is busy"), "The model is busy.");
  assert.equal(sentence(" Wait! "), "Wait!");
});
