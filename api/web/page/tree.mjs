// A conversation is a tree: regenerating an answer or editing a message adds a branch beside the old one. `leaf` is
// the end of the branch that is shown.

export const newID = () => crypto.randomUUID();

const limits = { title: 200, text: 4 << 20, nodes: 20000, conversations: 10000 };

export function newConversation(now = Date.now(), settings = {}) {
  return { id: newID(), title: "", created: now, updated: now, leaf: null, nodes: {}, settings: { ...settings } };
}

/** Adds a message under a parent (null begins the conversation) and shows it. */
export function add(conv, parent, role, content, now = Date.now()) {
  const node = { id: newID(), parent, role, content, time: now, order: Object.values(conv.nodes).reduce((n, other) => Math.max(n, other.order + 1), 0) };
  conv.nodes[node.id] = node;
  conv.leaf = node.id;
  conv.updated = now;
  if (!conv.title && role === "user") conv.title = titleOf(content);
  return node;
}

export function titleOf(text) {
  const line = text.trim().split("\n")[0].replace(/\s+/g, " ");
  const short = [...line].slice(0, 60).join("");
  return short.length < line.length ? short.trimEnd() + "…" : short;
}

/** The messages from the beginning to a node (the leaf), in order. */
export function path(conv, id = conv.leaf) {
  const out = [];
  for (let node = conv.nodes[id]; node; node = conv.nodes[node.parent]) out.push(node);
  return out.reverse();
}

/** The messages that stand where a node stands, itself included, oldest first. */
export function siblings(conv, node) {
  return Object.values(conv.nodes)
    .filter((n) => n.parent === node.parent)
    .sort((a, b) => a.order - b.order);
}

/** Shows the branch through a node, down to its newest end. */
export function show(conv, node) {
  for (;;) {
    const children = Object.values(conv.nodes).filter((n) => n.parent === node.id);
    if (children.length === 0) break;
    node = children.reduce((a, b) => (b.order > a.order ? b : a));
  }
  conv.leaf = node.id;
}

/** What a request sends of a branch. Answers that failed before their first word say nothing. */
export function messages(conv, system, id = conv.leaf) {
  const out = system.trim() ? [{ role: "system", content: system }] : [];
  for (const node of path(conv, id)) {
    if (node.role === "assistant" && !node.content) continue;
    out.push({ role: node.role, content: node.content });
  }
  return out;
}

export const exportFormat = "mtplx-conversations";

export function exportText(conversations) {
  return JSON.stringify({ format: exportFormat, version: 1, conversations }, null, 1) + "\n";
}

/** Reads what exportText wrote, or throws an error with a sentence for the reader. Nothing but known fields is taken over. */
export function readExport(text) {
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    throw new Error("This file is not JSON. Choose a file that “Export” of this page has written.");
  }
  if (data?.format !== exportFormat) throw new Error("This file holds no conversations of this page. Choose one that “Export” has written.");
  if (data.version !== 1) throw new Error(`This file has version ${Number(data.version)}; this page reads version 1.`);
  if (!Array.isArray(data.conversations) || data.conversations.length > limits.conversations) throw new Error("The file's list of conversations is missing or too long.");
  return data.conversations.map(readConversation);
}

const string = (v, most) => (typeof v === "string" ? v.slice(0, most) : "");
const number = (v, otherwise) => (Number.isFinite(v) ? v : otherwise);

/** Takes what is sound of a stored or imported conversation. */
export function readConversation(raw, index = 0) {
  if (typeof raw !== "object" || raw === null || typeof raw.nodes !== "object" || raw.nodes === null) {
    throw new Error(`Conversation ${index + 1} of the file has no messages.`);
  }
  const now = Date.now();
  const conv = newConversation(number(raw.created, now), readSettings(raw.settings));
  conv.updated = number(raw.updated, conv.created);
  conv.title = string(raw.title, limits.title);
  if (/^[\w-]{1,64}$/.test(raw.id)) conv.id = raw.id;
  const list = Object.values(raw.nodes).slice(0, limits.nodes);
  const known = new Map();
  for (const n of list) {
    if (typeof n !== "object" || n === null || (n.role !== "user" && n.role !== "assistant") || !/^[\w-]{1,64}$/.test(n.id)) continue;
    known.set(n.id, n);
  }
  // A message whose parents do not lead to a beginning is left out.
  const sound = new Map();
  const leads = (id) => {
    const seen = [];
    let at = id;
    while (at !== null && !sound.has(at)) {
      const n = known.get(at);
      if (!n || seen.includes(at)) break;
      seen.push(at);
      at = n.parent ?? null;
    }
    const good = at === null || sound.get(at) === true;
    for (const s of seen) sound.set(s, good);
    return good;
  };
  for (const [id, n] of known) {
    if (!leads(id)) continue;
    conv.nodes[id] = readNode(n);
  }
  conv.leaf = Object.hasOwn(conv.nodes, raw.leaf) ? raw.leaf : null;
  const last = Object.values(conv.nodes).reduce((a, b) => (!a || b.order > a.order ? b : a), null);
  if (!conv.leaf && last) conv.leaf = last.id;
  return conv;
}

const states = ["done", "stopped", "length", "error"];

function readNode(n) {
  const out = { id: n.id, parent: typeof n.parent === "string" ? n.parent : null, role: n.role, content: string(n.content, limits.text), time: number(n.time, 0), order: number(n.order, 0) };
  if (n.role === "user") return out;
  out.state = states.includes(n.state) ? n.state : "stopped"; // it was being written when the page was closed
  if (n.reasoning) out.reasoning = string(n.reasoning, limits.text);
  if (n.error) out.error = string(n.error, 2000);
  for (const field of ["runs", "thoughtRuns"]) {
    if (Array.isArray(n[field]) && n[field].every(Number.isSafeInteger)) out[field] = n[field];
  }
  if (typeof n.stats === "object" && n.stats !== null) {
    const s = { drafted: [], accepted: [] };
    for (const k of ["tokens", "prompt", "cached", "rate", "first", "seconds", "cycles"]) s[k] = number(n.stats[k], 0);
    for (const k of ["drafted", "accepted"]) if (Array.isArray(n.stats[k])) s[k] = n.stats[k].slice(0, 16).map((v) => number(v, 0));
    out.stats = s;
  }
  return out;
}

/** The settings of a request, by the names of its fields: the lowest and highest value, and whether it is whole. */
export const samplers = {
  temperature: { low: 0, high: 5, step: 0.05 },
  top_p: { low: 0, high: 1, step: 0.01 },
  top_k: { low: 0, high: 1000, step: 1, whole: true },
  min_p: { low: 0, high: 1, step: 0.01 },
  max_tokens: { low: 1, high: 1000000, step: 1, whole: true },
  depth: { low: 0, high: 8, step: 1, whole: true },
  seed: { low: 0, high: Number.MAX_SAFE_INTEGER, step: 1, whole: true },
};

/** Takes what is sound of settings; what is left out is the server's choice. */
export function readSettings(raw) {
  const out = {};
  if (typeof raw !== "object" || raw === null) return out;
  if (typeof raw.system === "string" && raw.system) out.system = raw.system.slice(0, limits.text);
  if (raw.thinking === true || raw.thinking === false) out.thinking = raw.thinking;
  for (const [name, s] of Object.entries(samplers)) {
    const v = raw[name];
    if (typeof v === "number" && v >= s.low && v <= s.high && (!s.whole || Number.isInteger(v))) out[name] = v;
  }
  return out;
}
