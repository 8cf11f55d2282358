// Inline markdown: emphasis, code, links, breaks. A node is {t: "text", s, at}, {t: "code", parts}, {t: "br"} or
// {t: "em" | "strong" | "del" | "link", c: nodes, href}. Nesting is bounded, and time grows with the text's length only.

const punctuation = /[!-/:-@[-`{-~\p{P}\p{S}]/u;
const space = /\s/u;
const entity = /^&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});/;
const named = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };
const longestLink = 4096;
const deepest = 24; // brackets and delimiters that are open at once
const longestRun = 12; // of delimiters

/** Parses lines {text, at} into nodes. */
export function inline(list) {
  const s = list.map((l) => l.text).join("\n");
  const starts = [];
  let n = 0;
  for (const l of list) {
    starts.push(n);
    n += l.text.length + 1;
  }
  let line = 0;
  // Offsets are asked for in rising order while scanning.
  const offset = (i) => {
    while (line + 1 < starts.length && starts[line + 1] <= i) line++;
    while (line > 0 && starts[line] > i) line--;
    return list.length ? list[line].at + (i - starts[line]) : 0;
  };
  return new Scanner(s, offset).run();
}

/** The text of nodes, without markup. */
export function textOf(nodes) {
  return nodes.map((n) => (n.t === "text" ? n.s : n.t === "br" ? "\n" : n.t === "code" ? n.parts.map((p) => p.s).join("") : textOf(n.c))).join("");
}

/** A link's target, or null where it leads to anything but the web or mail. */
export function safeHref(raw) {
  let url;
  try {
    url = new URL(raw);
  } catch {
    return null; // relative links would lead into this server
  }
  return url.protocol === "http:" || url.protocol === "https:" || url.protocol === "mailto:" ? url.href : null;
}

class Scanner {
  constructor(s, offset) {
    this.s = s;
    this.offset = offset;
    this.out = []; // nodes, and delimiters {t: "delim"} and brackets {t: "bracket"} that may become text
    this.brackets = [];
    this.textFrom = 0;
    this.pos = 0;
    this.ticks = null;
  }

  run() {
    const { s } = this;
    while (this.pos < s.length) {
      const c = s[this.pos];
      if (c === "\\") this.escape();
      else if (c === "`") this.code();
      else if (c === "*" || c === "_" || c === "~") this.delimiter(c);
      else if (c === "[" || (c === "!" && s[this.pos + 1] === "[")) this.open(c === "!");
      else if (c === "]") this.close();
      else if (c === "<") this.angle();
      else if (c === "&") this.entity();
      else if (c === "\n") this.newline();
      else if (c === "h" && (s.startsWith("https://", this.pos) || s.startsWith("http://", this.pos))) this.bare();
      else this.pos++;
    }
    this.flush();
    return finish(emphasise(this.out));
  }

  flush(end = this.pos) {
    if (end > this.textFrom) this.text(this.textFrom, end);
    this.textFrom = end;
  }

  text(from, end) {
    this.out.push({ t: "text", s: this.s.slice(from, end), at: this.offset(from) });
  }

  skip(n) {
    this.pos += n;
    this.textFrom = this.pos;
  }

  escape() {
    const next = this.s[this.pos + 1];
    if (next === "\n") {
      this.flush();
      this.out.push({ t: "br" });
      this.skip(2);
      return;
    }
    if (next !== undefined && /[!-/:-@[-`{-~]/.test(next)) {
      this.flush();
      this.skip(1);
    }
    this.pos++;
  }

  newline() {
    let end = this.pos;
    while (end > this.textFrom && this.s[end - 1] === " ") end--;
    const hard = this.pos - end >= 2;
    this.flush(end);
    if (hard) this.out.push({ t: "br" });
    else this.out.push({ t: "text", s: "\n", at: this.offset(this.pos) });
    this.textFrom = ++this.pos;
  }

  // Runs of backticks by length, so that a run without a partner is known at once.
  closer(length, from) {
    if (!this.ticks) {
      this.ticks = new Map();
      for (const m of this.s.matchAll(/`+/g)) {
        if (!this.ticks.has(m[0].length)) this.ticks.set(m[0].length, { next: 0, at: [] });
        this.ticks.get(m[0].length).at.push(m.index);
      }
    }
    const runs = this.ticks.get(length);
    if (!runs) return -1; // an escape has cut the run
    while (runs.next < runs.at.length && runs.at[runs.next] < from) runs.next++;
    return runs.next < runs.at.length ? runs.at[runs.next] : -1;
  }

  code() {
    const { s } = this;
    let n = 1;
    while (s[this.pos + n] === "`") n++;
    const end = this.closer(n, this.pos + n);
    if (end < 0) {
      this.pos += n;
      return;
    }
    this.flush();
    let from = this.pos + n;
    let to = end;
    if (to - from > 2 && s[from] === " " && s[to - 1] === " " && s.slice(from, to).trim() !== "") {
      from++;
      to--;
    }
    const parts = [];
    for (let at = from; at < to; ) {
      let stop = s.indexOf("\n", at);
      if (stop < 0 || stop > to) stop = to;
      if (stop > at) parts.push({ s: s.slice(at, stop), at: this.offset(at) });
      if (stop < to) parts.push({ s: " ", at: this.offset(stop) });
      at = stop + 1;
    }
    this.out.push({ t: "code", parts });
    this.pos = this.textFrom = end + n;
  }

  delimiter(c) {
    const { s, pos } = this;
    let n = 1;
    while (s[pos + n] === c) n++;
    const before = pos === 0 ? "\n" : s[pos - 1];
    const after = s[pos + n] ?? "\n";
    const left = !space.test(after) && (!punctuation.test(after) || space.test(before) || punctuation.test(before));
    const right = !space.test(before) && (!punctuation.test(before) || space.test(after) || punctuation.test(after));
    this.flush();
    const canOpen = c === "_" ? left && (!right || punctuation.test(before)) : left;
    const canClose = c === "_" ? right && (!left || punctuation.test(after)) : right;
    if (c === "~" ? n !== 2 : n > longestRun) this.text(pos, pos + n);
    else this.out.push({ t: "delim", c, n, whole: n, at: this.offset(pos), canOpen, canClose });
    this.skip(n);
  }

  open(image) {
    this.flush();
    const n = image ? 2 : 1;
    if (this.brackets.length === deepest) this.brackets.shift();
    this.brackets.push({ index: this.out.length, image });
    this.out.push({ t: "text", s: this.s.slice(this.pos, this.pos + n), at: this.offset(this.pos) });
    this.skip(n);
  }

  close() {
    const opener = this.brackets.pop();
    const target = opener && this.target(this.pos + 1);
    if (!target) {
      this.pos++;
      return;
    }
    this.flush();
    const inner = finish(emphasise(this.out.splice(opener.index).slice(1)));
    const href = safeHref(target.href);
    if (inner.length === 0) inner.push({ t: "text", s: target.href, at: this.offset(this.pos + 2) });
    if (href === null) for (const n of inner) this.out.push(n);
    else this.out.push({ t: "link", href, c: unlinked(inner) });
    if (!opener.image) this.brackets.length = 0; // links do not nest
    this.pos = this.textFrom = target.end;
  }

  // target reads (destination "title") at i.
  target(i) {
    if (this.s[i] !== "(") return null;
    const s = this.s.slice(i, i + longestLink);
    let m = /^\(\s*<([^<>\n]*)>/.exec(s);
    let href;
    let at;
    if (m) {
      href = m[1];
      at = m[0].length;
    } else {
      at = 1;
      while (at < s.length && space.test(s[at])) at++;
      const from = at;
      let depth = 0;
      for (; at < s.length && !space.test(s[at]); at++) {
        if (s[at] === "\\") at++;
        else if (s[at] === "(") depth++;
        else if (s[at] === ")" && depth-- === 0) break;
      }
      href = s.slice(from, at).replace(/\\([!-/:-@[-`{-~])/g, "$1");
    }
    m = /^(?:\s+(?:"[^"]*"|'[^']*'|\([^()]*\)))?\s*\)/.exec(s.slice(at));
    return m && { href, end: i + at + m[0].length };
  }

  angle() {
    const m = /^<((?:https?:\/\/|mailto:)[^\s<>]{1,2000})>/.exec(this.s.slice(this.pos, this.pos + 2100));
    const href = m && safeHref(m[1]);
    if (!href) {
      this.pos++;
      return;
    }
    this.flush();
    this.out.push({ t: "link", href, c: [{ t: "text", s: m[1], at: this.offset(this.pos + 1) }] });
    this.skip(m[0].length);
  }

  bare() {
    const { s, pos } = this;
    const before = pos === 0 ? " " : s[pos - 1];
    const m = /^https?:\/\/[^\s<>`"|]+/.exec(s.slice(pos, pos + 2000));
    if (!m || /[\p{L}\p{N}_]/u.test(before)) {
      this.pos++;
      return;
    }
    let url = m[0].replace(/[?!.,:;*_~'"\]]+$/, "");
    while (url.endsWith(")") && url.split(")").length > url.split("(").length) url = url.slice(0, -1);
    const href = safeHref(url);
    if (!href) {
      this.pos += m[0].length;
      return;
    }
    this.flush();
    this.out.push({ t: "link", href, c: [{ t: "text", s: url, at: this.offset(pos) }] });
    this.skip(url.length);
  }

  entity() {
    const m = entity.exec(this.s.slice(this.pos, this.pos + 12));
    if (!m) {
      this.pos++;
      return;
    }
    const name = m[0].slice(1, -1);
    let text = named[name];
    if (text === undefined) {
      const code = /^#[xX]/.test(name) ? parseInt(name.slice(2), 16) : parseInt(name.slice(1), 10);
      text = code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : "\ufffd";
    }
    this.flush();
    this.out.push({ t: "text", s: text, at: this.offset(this.pos) });
    this.skip(m[0].length);
  }
}

// unlinked replaces links by what they say.
function unlinked(nodes) {
  return nodes.flatMap((n) => (n.t === "link" ? unlinked(n.c) : n.c ? [{ ...n, c: unlinked(n.c) }] : [n]));
}

// emphasise pairs delimiters from the inside out. For each kind of closer it remembers below which place there is no
// opener, so that nothing is searched twice.
function emphasise(nodes) {
  const stack = []; // open delimiters
  const bottom = new Map();
  const out = [];
  for (const node of nodes) {
    if (node.t !== "delim") {
      out.push(node);
      continue;
    }
    while (node.canClose && node.n > 0) {
      const key = `${node.c}${node.canOpen}${node.whole % 3}`;
      const floor = bottom.get(key) ?? 0;
      let k = stack.length - 1;
      while (k >= floor && !pairs(stack[k].node, node)) k--;
      if (k < floor) {
        bottom.set(key, stack.length);
        break;
      }
      const { node: opener, index } = stack[k];
      stack.length = k + 1;
      for (const [name, at] of bottom) if (at > stack.length) bottom.set(name, stack.length);
      const n = node.c === "~" ? 2 : Math.min(2, opener.n, node.n);
      const inner = out.splice(index + 1);
      opener.n -= n;
      node.n -= n;
      node.at += n;
      out.push({ t: node.c === "~" ? "del" : n === 2 ? "strong" : "em", c: finish(inner) });
      if (opener.n === 0) {
        out.splice(index, 1);
        stack.pop();
      }
    }
    if (node.n > 0) {
      if (node.canOpen && stack.length === deepest) {
        stack.shift();
        for (const [name, at] of bottom) bottom.set(name, Math.max(0, at - 1));
      }
      if (node.canOpen) stack.push({ node, index: out.length });
      out.push(node);
    }
  }
  return out;
}

function pairs(opener, closer) {
  if (opener.c !== closer.c) return false;
  if (opener.c === "~") return true;
  const both = opener.canClose || closer.canOpen;
  return !(both && (opener.whole + closer.whole) % 3 === 0 && (opener.whole % 3 !== 0 || closer.whole % 3 !== 0));
}

// finish makes what is left of delimiters text.
function finish(nodes) {
  return nodes.map((n) => (n.t === "delim" ? { t: "text", s: n.c.repeat(n.n), at: n.at } : n));
}
