// The messages of a conversation, as they are seen.
import { $, h, icon, iconButton } from "./dom.mjs";
import { Markdown } from "./markdown/render.mjs";
import { Runs } from "./runs.mjs";
import { depthBars } from "./chart.mjs";
import { path, siblings } from "./tree.mjs";

export class Messages {
  /** on: {edit(node, text), again(node), branch(node)} */
  constructor(root, on) {
    this.root = root;
    this.on = on;
    this.views = new Map();
    this.conv = null;
    this.tinted = false;
    root.addEventListener("click", (e) => {
      const button = e.target.closest("[data-copy]");
      if (button) copy(button.closest("figure").querySelector("code").textContent, button);
    });
  }

  /** Draws a conversation's branch. Messages that stay keep their elements. */
  draw(conv, running) {
    if (conv !== this.conv) this.views.clear();
    this.conv = conv;
    this.busy = running !== null;
    const shown = path(conv);
    const ids = new Set(shown.map((n) => n.id));
    for (const id of this.views.keys()) if (!ids.has(id)) this.views.delete(id);
    const elements = shown.map((node) => {
      let view = this.views.get(node.id);
      if (!view) {
        view = node.role === "user" ? new Question(this, node) : new Reply(this, node);
        this.views.set(node.id, view);
      }
      view.answer = running?.node === node ? running : null;
      view.draw();
      return view.element;
    });
    elements.forEach((e, i) => {
      if (this.root.children[i] !== e) this.root.insertBefore(e, this.root.children[i] ?? null);
    });
    while (this.root.children.length > elements.length) this.root.lastChild.remove();
  }

  /** Draws one message that has grown. */
  grow(node) {
    this.views.get(node.id)?.draw();
  }

  tint(on) {
    this.tinted = on;
    for (const v of this.views.values()) v.draw();
  }

  /** Opens the editor of the last message that the reader wrote. */
  editLast() {
    const last = path(this.conv).filter((n) => n.role === "user").pop();
    const view = last && this.views.get(last.id);
    if (!view || this.busy) return false;
    view.edit();
    return true;
  }

  branches(node) {
    const all = siblings(this.conv, node);
    if (all.length < 2) return null;
    const at = all.indexOf(node);
    const step = (name, label, to) => {
      const b = iconButton(name, label, () => this.on.branch(to));
      b.disabled = !to || this.busy;
      return b;
    };
    return h(
      "span.branches",
      { role: "group", "aria-label": `Version ${at + 1} of ${all.length}` },
      step("left", "Earlier version", all[at - 1]),
      h("span", { "aria-hidden": "true" }, `${at + 1}/${all.length}`),
      step("right", "Later version", all[at + 1]),
    );
  }
}

class Question {
  constructor(list, node) {
    this.list = list;
    this.node = node;
    this.editing = false;
    this.element = h("article.message.user", { "aria-label": "You" });
  }

  draw() {
    if (this.editing) return;
    const { node, list } = this;
    const state = `${list.busy} ${JSON.stringify(siblings(list.conv, node).map((n) => n.id))}`;
    if (state === this.state) return;
    this.state = state;
    this.button = iconButton("edit", "Edit and send again", () => this.edit());
    this.button.disabled = list.busy;
    this.element.replaceChildren(
      h("div.body", {}, node.content),
      h("div.foot", {}, list.branches(node), iconButton("copy", "Copy the message", (e) => copy(node.content, e.currentTarget)), this.button),
    );
  }

  edit() {
    const { node } = this;
    this.editing = true;
    const area = h("textarea", {
      "aria-label": "Edit the message",
      onkeydown: (e) => {
        if (e.key === "Escape") {
          e.stopPropagation();
          this.close();
        } else if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
          e.preventDefault();
          this.send(area.value);
        }
      },
    });
    area.value = node.content;
    this.element.replaceChildren(
      h(
        "div.editor",
        {},
        area,
        h(
          "div.buttons",
          {},
          h("span.hint", {}, "The old version is kept beside it."),
          h("button.plain", { type: "button", onclick: () => this.close() }, "Cancel"),
          h("button.solid", { type: "button", onclick: () => this.send(area.value) }, "Send"),
        ),
      ),
    );
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
    this.element.scrollIntoView({ block: "nearest" });
  }

  close() {
    this.editing = false;
    this.state = "";
    this.draw();
    this.button.focus();
  }

  send(text) {
    if (!text.trim()) return;
    this.editing = false;
    this.state = "";
    this.list.on.edit(this.node, text);
  }
}

class Reply {
  constructor(list, node) {
    this.list = list;
    this.node = node;
    this.answer = null;
    this.body = h("div.md");
    this.markdown = new Markdown(this.body);
    this.thoughtsBody = h("div.md");
    this.thoughtsMarkdown = new Markdown(this.thoughtsBody);
    this.summary = h("summary");
    this.thoughts = h("details.thoughts", { hidden: true }, this.summary, this.thoughtsBody);
    this.wait = h("div.waiting", { role: "img", "aria-label": "Waiting for the first token" }, h("i"), h("i"), h("i"));
    this.fault = h("div.faults");
    this.foot = h("div.foot");
    this.element = h("article.message.assistant", { "aria-label": "mtplx" }, this.thoughts, this.body, this.wait, this.fault, this.foot);
  }

  runs(name, saved) {
    if (this.answer) return this.answer[name];
    this.saved ??= {};
    if (this.saved[saved]?.list !== this.node[saved]) this.saved[saved] = { list: this.node[saved], runs: new Runs(this.node[saved] ?? []) };
    return this.saved[saved].runs;
  }

  // tint is a function for Markdown. It is a new one when what it says of text already drawn would change.
  tint(name, saved) {
    if (!this.list.tinted) return null;
    const runs = this.runs(name, saved);
    this.tints ??= {};
    if (this.tints[name]?.runs !== runs) this.tints[name] = { runs, cut: (from, to) => runs.cut(from, to) };
    return this.tints[name].cut;
  }

  draw() {
    const { node } = this;
    const streaming = node.state === "streaming";
    const empty = !node.content && !node.reasoning;
    this.element.setAttribute("aria-busy", String(streaming));
    this.thoughts.hidden = !node.reasoning;
    if (node.reasoning) {
      this.summary.textContent = streaming && !node.content ? "Thinking…" : "Thoughts";
      this.thoughtsMarkdown.update(node.reasoning, this.tint("thoughts", "thoughtRuns"));
    }
    this.markdown.update(node.content, this.tint("runs", "runs"));
    this.body.classList.toggle("cursor", false);
    this.wait.hidden = !(streaming && empty);
    for (const e of this.element.querySelectorAll(".cursor")) e.classList.remove("cursor");
    if (streaming && node.content) cursorAt(this.body);
    const state = JSON.stringify([node.state, node.error, node.stats, this.list.busy, siblings(this.list.conv, node).length]);
    if (state === this.state) return;
    this.state = state;
    this.fault.replaceChildren(...this.faults());
    this.foot.replaceChildren(...(streaming ? [] : this.tools()));
  }

  faults() {
    const { node } = this;
    const again = (label) => h("button.plain", { type: "button", disabled: this.list.busy, onclick: () => this.list.on.again(node) }, label);
    if (node.state === "error") return [h("div.fault", {}, icon("warn"), h("p", {}, node.error || "The answer failed."), again("Try again"))];
    if (node.state === "stopped" && !node.content && !node.reasoning) return [h("p.hint", {}, "Stopped before the first token.")];
    return [];
  }

  tools() {
    const { node } = this;
    const out = [];
    if (node.content) out.push(iconButton("copy", "Copy the answer", (e) => copy(node.content, e.currentTarget)));
    const again = iconButton("again", "Write another answer", () => this.list.on.again(node));
    again.disabled = this.list.busy;
    out.push(again, this.list.branches(node));
    if (node.stats?.tokens) out.push(this.stats());
    return out.filter(Boolean);
  }

  stats() {
    const { stats: s, state } = this.node;
    const sum = (list) => list.reduce((a, b) => a + b, 0);
    const drafted = sum(s.drafted);
    const box = h("span.stats", {
      title: s.prompt ? `Prompt: ${s.prompt} tokens, ${s.cached} of them remembered. ${s.cycles} cycles, ${drafted} drafts, ${sum(s.accepted)} stood.` : null,
    });
    if (s.rate) box.append(h("span", {}, h("b", {}, decimal(s.rate)), " tok/s"));
    box.append(h("span", {}, `${s.tokens} tokens`));
    if (s.first) box.append(h("span", {}, `first after ${seconds(s.first)}`));
    if (drafted) box.append(h("span", {}, `${Math.round((100 * sum(s.accepted)) / drafted)} % of drafts stood`), depthBars(s.drafted, s.accepted));
    if (state === "stopped") box.append(h("span", {}, "stopped"));
    if (state === "length") box.append(h("span", {}, "ended at the limit of tokens"));
    return box;
  }
}

// cursorAt puts the mark of writing after the last text.
function cursorAt(root) {
  let e = root;
  while (e.lastElementChild && /^(P|UL|OL|LI|H[3-6]|BLOCKQUOTE|FIGURE|PRE|CODE|DIV)$/.test(e.lastElementChild.tagName) && !e.lastElementChild.classList.contains("table")) e = e.lastElementChild;
  if (e !== root) e.classList.add("cursor");
}

export const decimal = (x) => (x >= 100 ? Math.round(x).toLocaleString("en") : x.toFixed(1));
export const seconds = (x) => (x < 1 ? `${Math.round(1000 * x)} ms` : `${x.toFixed(1)} s`);

/** Copies text and shows on the button that it was done. */
export async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    done = byHand(text); // pages that came over plain HTTP from another machine have no clipboard
  }
  const before = [...button.childNodes];
  const had = button.querySelector("svg");
  button.replaceChildren(had ? icon(done ? "check" : "warn") : done ? "Copied" : "Not copied");
  $("say").textContent = done ? "Copied." : "Copying is not allowed here.";
  clearTimeout(button.restore);
  button.before ??= before;
  button.restore = setTimeout(() => {
    button.replaceChildren(...button.before);
    button.before = undefined;
  }, 1600);
}

function byHand(text) {
  const area = h("textarea.vh", { readonly: true });
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
