// The chat page: what belongs together is put together here.
import { $, fillIcons } from "./dom.mjs";
import { themeButton } from "./theme.mjs";
import { openStore } from "./store.mjs";
import { add, exportText, messages, newConversation, newID, readExport, show } from "./tree.mjs";
import { Answer } from "./answer.mjs";
import { Connection } from "./connection.mjs";
import { Messages, decimal } from "./messages.mjs";
import { Sidebar } from "./sidebar.mjs";
import { SettingsPanel, lastSettings, requestFields } from "./settings.mjs";
import { askKey, confirm, tell } from "./dialogs.mjs";
import * as server from "./server.mjs";

const ideas = [
  "Write a Python function that checks if a number is prime.",
  "Write a Go function that reverses a string.",
  "Write a JavaScript function that removes duplicates from an array.",
  "Write an SQL query that counts the orders of each customer.",
];

const state = {
  store: null,
  list: [], // conversations, newest first
  conv: newConversation(Date.now(), lastSettings()),
  running: new Map(), // by conversation: its Answer
  pinned: true, // the end of the conversation stays in view
  about: null,
};

const say = (text) => ($("say").textContent = text);
const running = () => state.running.get(state.conv.id) ?? null;
const narrow = () => matchMedia("(max-width: 780px)").matches;
const overlay = () => matchMedia("(max-width: 1080px)").matches;

fillIcons();
themeButton($("theme"));
const view = new Messages($("messages"), { edit, again, branch });
const sidebar = new Sidebar({ open, rename, remove });
const panel = new SettingsPanel((settings) => {
  state.conv.settings = { ...settings };
  if (state.list.includes(state.conv)) save(state.conv);
});
const connection = new Connection({ back: learn, say });

// What is seen.

function draw() {
  const { conv } = state;
  const busy = running() !== null;
  const empty = !conv.leaf;
  $("title").textContent = conv.title || "New chat";
  document.title = conv.title ? `${conv.title} · mtplx` : "mtplx";
  $("empty").hidden = !empty;
  $("messages").hidden = empty;
  $("legend").hidden = empty || !view.tinted;
  view.draw(conv, running());
  sidebar.draw(state.list, conv.id);
  $("send").hidden = busy;
  $("stop").hidden = !busy;
  sendable();
  meter();
  scroll();
}

function sendable() {
  $("send").disabled = !$("input").value.trim();
}

function meter() {
  const answer = running();
  $("live").hidden = !answer;
  $("hint").hidden = !!answer;
  if (!answer) return;
  const { tokens, rate, drafted } = answer.live();
  const parts = [`${tokens} tokens`];
  if (drafted) parts.push(`${Math.round(100 * drafted)} % drafted by the head`);
  const speed = document.createElement("b");
  speed.textContent = rate ? decimal(rate) : "–";
  $("live").replaceChildren(speed, ` tok/s · ${parts.join(" · ")}`);
}

function scroll() {
  const log = $("log");
  if (state.pinned) log.scrollTop = log.scrollHeight;
  $("jump").hidden = state.pinned || log.scrollHeight - log.clientHeight - log.scrollTop < 80;
}

$("log").addEventListener("scroll", () => {
  const log = $("log");
  state.pinned = log.scrollHeight - log.clientHeight - log.scrollTop < 80;
  $("jump").hidden = state.pinned;
});
$("log").addEventListener("wheel", (e) => {
  if (e.deltaY < 0) state.pinned = false;
}, { passive: true });
$("jump").addEventListener("click", () => {
  state.pinned = true;
  scroll();
  $("input").focus();
});

// Many chunks may come between two frames; each frame draws once.
let frame = 0;
function later() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    const answer = running();
    if (answer) view.grow(answer.node);
    meter();
    scroll();
  });
}

// Conversations.

async function save(conv) {
  if (!state.list.includes(conv)) state.list.unshift(conv);
  state.list.sort((a, b) => b.updated - a.updated);
  try {
    await state.store.put(conv);
  } catch (e) {
    await tell("The conversation could not be saved", `This browser says: ${server.sentence(e.message)} Export what you want to keep, or delete old conversations.`);
  }
}

function fresh() {
  if (state.conv.leaf) state.conv = newConversation(Date.now(), lastSettings());
  enter();
  $("input").focus();
  say("New chat.");
}

function enter() {
  state.pinned = true;
  panel.show(state.conv.settings);
  history.replaceState(null, "", state.conv.leaf ? `#${state.conv.id}` : location.pathname);
  draw();
}

function open(id) {
  const conv = state.list.find((c) => c.id === id);
  if (!conv) return;
  state.conv = conv;
  closeSide();
  enter();
  say(`Opened ${conv.title || "Untitled"}.`);
  if (!narrow()) $("input").focus();
}

async function rename(conv, title) {
  conv.title = title;
  await save(conv);
  draw();
}

async function remove(conv) {
  if (!(await confirm("Delete this conversation?", `“${conv.title || "Untitled"}” is deleted from this browser. There is no other copy of it.`, "Delete"))) return;
  state.running.get(conv.id)?.stop();
  state.list = state.list.filter((c) => c !== conv);
  await state.store.remove(conv.id);
  if (state.conv === conv) {
    state.conv = newConversation(Date.now(), lastSettings());
    enter();
  } else {
    draw();
  }
  say("Deleted.");
  $("new").focus();
}

$("export").addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([exportText(state.list)], { type: "application/json" }));
  link.download = `mtplx-conversations-${new Date().toISOString().slice(0, 10)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  say(`Exported ${state.list.length} conversations.`);
});

$("import").addEventListener("click", () => $("file").click());
$("file").addEventListener("change", async () => {
  const [file] = $("file").files;
  $("file").value = "";
  if (!file) return;
  try {
    const list = readExport(await file.text());
    for (const conv of list) {
      if (state.list.some((c) => c.id === conv.id)) conv.id = newID();
      await save(conv);
    }
    draw();
    say(`Imported ${list.length} conversations.`);
  } catch (e) {
    await tell("The file could not be imported", e.message);
  }
});

// Answers.

/** Asks for the answer to a message. */
async function ask(conv, question) {
  const node = add(conv, question.id, "assistant", "");
  const body = { messages: messages(conv, conv.settings.system ?? "", question.id), ...requestFields(conv.settings) };
  const answer = new Answer(node, body, () => conv === state.conv && later());
  state.running.set(conv.id, answer);
  state.pinned = true;
  if (conv === state.conv) history.replaceState(null, "", `#${conv.id}`);
  save(conv); // which lists it at once, and writes it meanwhile
  draw();
  const failure = await answer.run();
  state.running.delete(conv.id);
  if (failure?.kind === "gone") connection.lost();
  if (failure?.kind === "key") {
    askKey(server.key() !== "").then((given) => {
      if (!given) return;
      learn();
      retry(conv, node);
    });
  }
  await save(conv);
  const pinned = state.pinned;
  draw();
  state.pinned = pinned;
  if (conv !== state.conv) return;
  if (failure) say(node.error);
  else if (node.state === "stopped") say("Stopped.");
  else say(node.content.length < 400 ? `Answer: ${node.content}` : `The answer is complete: ${node.stats?.tokens ?? 0} tokens.`);
}

// retry asks again in place of an answer that failed, which has nothing worth keeping.
function retry(conv, node) {
  const question = conv.nodes[node.parent];
  if (!node.content && !node.reasoning) delete conv.nodes[node.id];
  conv.leaf = question.id;
  return ask(conv, question);
}

function again(node) {
  if (running()) return;
  $("input").focus();
  if (node.state === "error") retry(state.conv, node);
  else ask(state.conv, state.conv.nodes[node.parent]);
}

function edit(node, text) {
  if (running()) return;
  ask(state.conv, add(state.conv, node.parent, "user", text));
  $("input").focus();
}

function branch(node) {
  if (running()) return;
  show(state.conv, node);
  state.pinned = false;
  save(state.conv);
  draw();
}

function send() {
  const text = $("input").value.trim();
  if (!text || running()) return;
  $("input").value = "";
  size();
  ask(state.conv, add(state.conv, state.conv.leaf, "user", text));
}

function stop() {
  running()?.stop();
  $("input").focus();
}

// The message box and the keyboard.

function size() {
  const input = $("input");
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
  sendable();
}

$("input").addEventListener("input", size);
$("composer").addEventListener("submit", (e) => {
  e.preventDefault();
  send();
});
$("stop").addEventListener("click", stop);
$("new").addEventListener("click", () => {
  closeSide();
  fresh();
});
$("input").addEventListener("keydown", (e) => {
  if (e.isComposing) return;
  if (e.key === "Enter" && !e.shiftKey) {
    e.preventDefault();
    send();
  } else if (e.key === "ArrowUp" && $("input").value === "" && state.conv.leaf) {
    if (view.editLast()) e.preventDefault();
  }
});

document.addEventListener("keydown", (e) => {
  if ($("ask").open) return;
  if ((e.ctrlKey || e.metaKey) && !e.shiftKey && !e.altKey && e.key.toLowerCase() === "k") {
    e.preventDefault();
    closeSide();
    fresh();
  } else if (e.key === "Escape") {
    if ($("side").classList.contains("open")) closeSide(true);
    else if (!$("panel").hidden && (overlay() || $("panel").contains(document.activeElement))) togglePanel(false);
    else stop();
  }
});

// What slides in: the list on narrow windows, and the settings.

function closeSide(refocus) {
  const was = $("side").classList.contains("open");
  $("side").classList.remove("open");
  $("side-open").setAttribute("aria-expanded", "false");
  scrim();
  if (was && refocus) $("side-open").focus();
}

function scrim() {
  $("scrim").hidden = !($("side").classList.contains("open") || (!$("panel").hidden && overlay()));
}

function togglePanel(on) {
  $("panel").hidden = !on;
  $("settings-open").setAttribute("aria-expanded", String(on));
  scrim();
  if (on) $("set-system").focus();
  else $("settings-open").focus();
}

$("side-open").addEventListener("click", () => {
  $("side").classList.add("open");
  $("side-open").setAttribute("aria-expanded", "true");
  scrim();
  $("side-close").focus();
});
$("side-close").addEventListener("click", () => closeSide(true));
$("settings-open").addEventListener("click", () => togglePanel($("panel").hidden));
$("settings-close").addEventListener("click", () => togglePanel(false));
$("scrim").addEventListener("click", () => {
  closeSide();
  if (!$("panel").hidden) togglePanel(false);
  scrim();
});
matchMedia("(max-width: 1080px)").addEventListener("change", scrim);

$("tint").addEventListener("click", () => tint(!view.tinted));

function tint(on) {
  view.tint(on);
  $("tint").setAttribute("aria-pressed", String(on));
  $("legend").hidden = !on || !state.conv.leaf;
  try {
    localStorage.setItem("mtplx.tint", on ? "1" : "");
  } catch {
    // It lasts as long as the page.
  }
  scroll();
}

for (const text of ideas) {
  const b = document.createElement("button");
  b.type = "button";
  b.textContent = text;
  b.addEventListener("click", () => {
    $("input").value = text;
    send();
    $("input").focus();
  });
  $("ideas").append(b);
}

// The server.

/** Learns what the server is; asks for a key where it wants one. */
async function learn() {
  try {
    const { server: about } = await server.snapshot();
    state.about = about;
    $("model").textContent = about.model;
    $("model").hidden = false;
    $("about").textContent = `${about.model} reads up to ${about.context.toLocaleString("en")} tokens${about.head ? " and drafts with its own head" : ""}.`;
    panel.server(about);
  } catch (e) {
    if (e.kind === "gone") connection.lost();
    else if (e.kind === "key" && (await askKey(server.key() !== ""))) await learn();
  }
}

async function begin() {
  try {
    tint(localStorage.getItem("mtplx.tint") === "1");
  } catch {
    // Storage is switched off.
  }
  state.store = await openStore();
  if (!state.store.lasting) $("nolist").textContent = "This browser keeps nothing here: conversations are lost with this tab. Export what you want to keep.";
  state.list = await state.store.all();
  const wanted = state.list.find((c) => `#${c.id}` === location.hash);
  if (wanted) state.conv = wanted;
  enter();
  window.addEventListener("hashchange", () => open(location.hash.slice(1)));
  window.addEventListener("pagehide", () => {
    for (const c of state.list) if (state.running.has(c.id)) state.store.put(c);
  });
  state.store.onChange(async (id) => {
    if (state.running.has(id)) return;
    const conv = await state.store.get(id);
    const old = state.list.find((c) => c.id === id);
    state.list = state.list.filter((c) => c.id !== id);
    if (conv) state.list.push(conv);
    state.list.sort((a, b) => b.updated - a.updated);
    if (old === state.conv) state.conv = conv ?? newConversation(Date.now(), lastSettings());
    draw();
  });
  document.documentElement.dataset.ready = "yes";
  if (!narrow()) $("input").focus();
  await learn();
}

begin();
