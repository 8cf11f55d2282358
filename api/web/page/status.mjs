// The status page: what the server does now, every second, as plots and as a table.
import { $, fillIcons, h } from "./dom.mjs";
import { themeButton } from "./theme.mjs";
import { Connection } from "./connection.mjs";
import { Plot, depthRows, depthsLabel } from "./chart.mjs";
import { askKey } from "./dialogs.mjs";
import { figures } from "./figures.mjs";
import * as server from "./server.mjs";

const every = 1000; // ms between readings
const count = (x) => Math.round(x).toLocaleString("en");
const rate = (x) => (x >= 100 || x === 0 ? count(x) : x.toFixed(1));
const percent = (x) => `${Math.round(100 * x)} %`;

export function bytes(n) {
  let v = n;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (v < 1024 || unit === "GiB") return `${v >= 100 || unit === "B" ? Math.round(v) : v.toFixed(1)} ${unit}`;
    v /= 1024;
  }
  return "";
}

fillIcons();
themeButton($("theme"));
const connection = new Connection({ back: () => read(), say: () => {} });

class Card {
  constructor(title, options) {
    this.value = h("p.value");
    this.note = h("p.note");
    this.plot = options ? new Plot(title, options) : null;
    this.body = h("div");
    $("cards").append(h("div.card", {}, h("h2", {}, title), this.value, this.note, this.plot?.element ?? this.body));
  }

  show(value, unit, note, plotted) {
    this.value.replaceChildren(value, " ", h("small", {}, unit));
    this.note.textContent = note;
    this.plot?.push(plotted);
  }

  lost() {
    this.plot?.push(null);
  }
}

const cards = {
  speed: new Card("Tokens a second", { unit: rate, floor: 10 }),
  cycles: new Card("Cycles a second", { unit: rate, floor: 10 }),
  depths: new Card("Drafts that stood"),
  running: new Card("Answers in work", { unit: count, floor: 1 }),
  queue: new Card("Waiting", { unit: count, floor: 1 }),
  pages: new Card("Keys and values", { unit: percent, top: 1 }),
  bank: new Card("Session bank", { unit: bytes, floor: 1 << 20 }),
  reused: new Card("Prompt tokens remembered", { unit: percent, top: 1 }),
  memory: new Card("Memory of the process", { unit: bytes, floor: 1 << 20 }),
};

let last = null;
let timer = 0;

async function read() {
  clearTimeout(timer);
  try {
    const now = await server.snapshot(AbortSignal.timeout(5000));
    draw(figures(now, last));
    last = now;
    if (connection.gone) await connection.check();
    document.documentElement.dataset.readings = String(Number(document.documentElement.dataset.readings ?? 0) + 1);
  } catch (e) {
    if (e.kind === "key") {
      if (await askKey(server.key() !== "")) return read();
      state("wants a key", "bad");
      return;
    }
    state("not reachable", "bad");
    connection.lost();
    last = null;
    for (const c of Object.values(cards)) c.lost();
  }
  timer = setTimeout(read, every);
}

function state(text, cls) {
  if ($("state").textContent !== text) $("state").textContent = text;
  $("state").className = `chip ${cls}`;
}

function draw(f) {
  state(f.ready ? "ready" : "not taking requests", f.ready ? "ok" : "bad");
  $("about").textContent = `${f.model} · mtplx ${f.version} · context ${count(f.context)} · up ${duration(f.uptime)}`;
  cards.speed.show(rate(f.speed), "tok/s", `${count(f.written)} since the start`, f.speed);
  cards.cycles.show(rate(f.cycles), "a second", f.cycles > 0 ? `${(f.speed / f.cycles).toFixed(2)} tokens a cycle` : `${count(f.allCycles)} since the start`, f.cycles);
  cards.running.show(count(f.running), `of ${count(f.maxRunning)}`, `${count(f.answers)} answered, ${count(f.failures)} failed`, f.running);
  cards.queue.show(count(f.waiting), `of ${count(f.maxWaiting)}`, "answers in the queue", f.waiting);
  cards.pages.show(percent(f.pagesShare), "in use", `${count(f.pagesUsed)} of ${count(f.pages)} pages of ${f.pageTokens} tokens`, f.pagesShare);
  if (f.bank) cards.bank.show(bytes(f.bank.held), "", `${count(f.bank.hits)} hits, ${count(f.bank.misses)} misses, resumes at ${count(f.bank.checkpoints)}`, f.bank.held);
  else cards.bank.show("off", "", "start the server with --bank", 0);
  cards.reused.show(percent(f.reused), "", `${count(f.cached)} of ${count(f.prompt)} tokens`, f.reused);
  cards.memory.show(bytes(f.memory), "", f.resident ? "mapped weights count as they are read" : "without mapped files", f.memory);
  cards.depths.show(f.drafts ? percent(f.stood / f.drafts) : "–", f.drafts ? "of all drafts" : "", f.drafts ? `${count(f.stood)} of ${count(f.drafts)}` : f.head ? "nothing has been drafted" : "this model has no head");
  const label = depthsLabel(f.drafted, f.accepted);
  if (cards.depths.label !== label) cards.depths.body.replaceChildren(depthRows(f.drafted, f.accepted));
  cards.depths.label = label;
  work(f.requests);
  numbers(f);
}

function duration(s) {
  const part = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;
  if (s < 90) return part(Math.floor(s), "second");
  if (s < 5400) return part(Math.floor(s / 60), "minute");
  if (s < 172800) return part(Math.floor(s / 3600), "hour");
  return part(Math.floor(s / 86400), "day");
}

function work(list) {
  $("idle").hidden = list.length > 0;
  $("work").hidden = list.length === 0;
  const head = h("thead", {}, h("tr", {}, ...["Request", "Route", "Prompt", "Written", "Age"].map((t) => h("th", { scope: "col" }, t))));
  const body = h("tbody", {}, ...list.map((r) => h("tr", {}, h("td", {}, r.id), h("td", {}, r.route), h("td", {}, count(r.prompt)), h("td", {}, count(r.written)), h("td", {}, `${r.age.toFixed(1)} s`))));
  $("work").replaceChildren(head, body);
}

// The table is updated cell by cell, so that a reader who is in it keeps the place.
const cells = new Map();

function numbers(f) {
  const rows = [
    ["Work", null],
    ["Answers in work", count(f.running)],
    ["Answers waiting", count(f.waiting)],
    ["Answers finished", count(f.answers)],
    ["Answers that failed", count(f.failures)],
    ["Speed", null],
    ["Tokens a second", rate(f.speed)],
    ["Cycles a second", rate(f.cycles)],
    ["Cycles since the start", count(f.allCycles)],
    ["Tokens written", count(f.written)],
    ["Prompt tokens", count(f.prompt)],
    ["of them remembered", count(f.cached)],
    ["Drafts", null],
    ["Drafted", count(f.drafts)],
    ["Stood", count(f.stood)],
    ...f.drafted.map((d, i) => [`Draft ${i + 1} of a cycle`, `${count(f.accepted[i])} of ${count(d)}${d ? `, ${percent(f.accepted[i] / d)}` : ""}`]),
    ["Memory", null],
    ["Pages in use", `${count(f.pagesUsed)} of ${count(f.pages)}`],
    ["Session bank", f.bank ? bytes(f.bank.held) : "off"],
    ["Places to resume", f.bank ? count(f.bank.checkpoints) : "0"],
    ["Bank hits", f.bank ? count(f.bank.hits) : "0"],
    ["Bank misses", f.bank ? count(f.bank.misses) : "0"],
    ["Process", bytes(f.memory)],
    ["Held by Go", bytes(f.goBytes)],
  ];
  const key = rows.map((r) => r[0]).join("\n");
  if (cells.get("") !== key) {
    cells.clear();
    cells.set("", key);
    const body = h("tbody");
    for (const [name, value] of rows) {
      if (value === null) {
        body.append(h("tr.group", {}, h("th", { scope: "colgroup", colspan: 2 }, name)));
        continue;
      }
      const td = h("td");
      cells.set(name, td);
      body.append(h("tr", {}, h("th", { scope: "row" }, name), td));
    }
    $("numbers").replaceChildren(body);
  }
  for (const [name, value] of rows) {
    const td = cells.get(name);
    if (value !== null && td.textContent !== value) td.textContent = value;
  }
}

read();
