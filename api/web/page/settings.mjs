// The settings panel. A field left empty is the server's choice, which its placeholder shows.
import { $, h } from "./dom.mjs";
import { readSettings, samplers } from "./tree.mjs";

const stored = "mtplx.settings";

/** What new conversations begin with: the settings used last. */
export function lastSettings() {
  try {
    return readSettings(JSON.parse(localStorage.getItem(stored) ?? "{}"));
  } catch {
    return {};
  }
}

function remember(settings) {
  const { seed, ...rest } = settings; // a seed belongs to one conversation
  void seed;
  try {
    localStorage.setItem(stored, JSON.stringify(rest));
  } catch {
    // They last as long as the page.
  }
}

const fields = [
  ["temperature", "Temperature", "0 always takes the likeliest token"],
  ["max_tokens", "Most tokens", "of an answer"],
  ["top_p", "Top p", "least set of tokens with this share"],
  ["top_k", "Top k", "so many likeliest tokens; 0 is all"],
  ["min_p", "Min p", "share of the likeliest token’s"],
  ["seed", "Seed", "the same text every time"],
  ["depth", "Drafts a cycle", "0 switches drafting off"],
];

export class SettingsPanel {
  /** changed(settings) is called with every sound change. */
  constructor(changed) {
    this.changed = changed;
    this.settings = {};
    this.inputs = {};
    const form = $("settings");
    form.addEventListener("submit", (e) => e.preventDefault());
    this.system = h("textarea.field", { id: "set-system", rows: 4, placeholder: "None", oninput: () => this.#set("system", this.system.value) });
    form.append(h("label", { for: "set-system" }, "System prompt", this.system));
    const grid = h("div.pair");
    for (const [name, label, hint] of fields) grid.append(this.#number(name, label, hint));
    form.append(grid);
    this.thinking = h(
      "select.field",
      { id: "set-thinking", onchange: () => this.#set("thinking", { on: true, off: false }[this.thinking.value]) },
      h("option", { value: "" }, "Server’s choice"),
      h("option", { value: "on" }, "On"),
      h("option", { value: "off" }, "Off"),
    );
    this.thinkingLabel = h("label", { for: "set-thinking", hidden: true }, "Reasoning before the answer", this.thinking);
    form.append(this.thinkingLabel, h("button.plain", { type: "button", onclick: () => this.reset() }, "Back to the server’s choices"));
    form.append(h("p.hint", {}, "These hold for this conversation from its next message on, and for new ones."));
  }

  #number(name, label, hint) {
    const s = samplers[name];
    const problem = h("span.problem", { id: `bad-${name}`, hidden: true });
    const input = h("input.field", {
      id: `set-${name}`,
      inputmode: s.whole ? "numeric" : "decimal",
      autocomplete: "off",
      "aria-describedby": `hint-${name} bad-${name}`,
      oninput: () => {
        const text = input.value.trim().replace(",", ".");
        const value = text === "" ? undefined : Number(text);
        const good = value === undefined || (value >= s.low && value <= s.high && (!s.whole || Number.isInteger(value)));
        input.classList.toggle("bad", !good);
        input.setAttribute("aria-invalid", String(!good));
        problem.hidden = good;
        problem.textContent = good ? "" : `Give ${s.whole ? "a whole number" : "a number"} from ${s.low} to ${s.high}.`;
        if (good) this.#set(name, value);
      },
    });
    this.inputs[name] = input;
    return h("label", { for: `set-${name}` }, label, input, problem, h("span.hint", { id: `hint-${name}` }, hint));
  }

  #set(name, value) {
    if (value === undefined || value === "") delete this.settings[name];
    else this.settings[name] = value;
    remember(this.settings);
    this.changed(this.settings);
  }

  /** Shows a conversation's settings. */
  show(settings) {
    this.settings = { ...settings };
    this.system.value = settings.system ?? "";
    for (const [name, input] of Object.entries(this.inputs)) {
      input.value = settings[name] ?? "";
      input.classList.remove("bad");
      input.setAttribute("aria-invalid", "false");
      $(`bad-${name}`).hidden = true;
    }
    this.thinking.value = settings.thinking === undefined ? "" : settings.thinking ? "on" : "off";
  }

  reset() {
    this.show({});
    remember({});
    this.changed({});
  }

  /** Shows what the server would choose. */
  server(about) {
    const d = about.defaults;
    for (const name of ["temperature", "top_p", "top_k", "min_p"]) this.inputs[name].placeholder = String(d[name]);
    this.inputs.max_tokens.placeholder = about.max_tokens ? String(about.max_tokens) : "as many as fit";
    this.inputs.seed.placeholder = "random";
    this.inputs.depth.placeholder = !about.head ? "no head" : d.depth < 0 ? "auto" : String(d.depth);
    this.inputs.depth.disabled = !about.head;
    this.thinkingLabel.hidden = !about.thinks;
  }
}

/** The fields of a request. */
export function requestFields(settings) {
  const { system, thinking, ...rest } = settings;
  void system;
  if (thinking !== undefined) rest.enable_thinking = thinking;
  return rest;
}
