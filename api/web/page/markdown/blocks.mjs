// Blocks of a markdown text. Every line and every piece of text keeps its offset in the source, so that what is
// drawn can be traced to the tokens it came from.
//
// A block is {type, from, to, ...}: from and to are offsets in the source. Only the last two blocks of a text can
// change when text is appended; parseFrom uses that.

const fence = /^( {0,3})(`{3,}|~{3,})[ \t]*([^`]*)$/;
const heading = /^ {0,3}(#{1,6})(?:[ \t]+|$)/;
const rule = /^ {0,3}(?:-[ \t]*){3,}$|^ {0,3}(?:\*[ \t]*){3,}$|^ {0,3}(?:_[ \t]*){3,}$/;
const quote = /^ {0,3}> ?/;
const marker = /^( *)([-*+]|\d{1,9}[.)])([ \t]+|$)/;
const underline = /^ {0,3}(=+|-+)[ \t]*$/;
const deepest = 10; // nesting beyond it is text

/** Splits text into lines {text, at}; at is the offset of the line's first character. */
export function lines(text, from = 0) {
  const list = [];
  for (let at = from; at < text.length; ) {
    let end = text.indexOf("\n", at);
    if (end < 0) end = text.length;
    const cr = end > at && text[end - 1] === "\r" ? 1 : 0;
    list.push({ text: text.slice(at, end - cr), at });
    at = end + 1;
  }
  return list;
}

/** Parses a whole text. */
export function parse(text) {
  return parseLines(lines(text), 0);
}

/** Parses text that old blocks were the beginning of: what cannot have changed is kept as it is. */
export function parseFrom(text, old) {
  const keep = Math.max(0, old.length - 2);
  const from = keep < old.length ? old[keep].from : 0;
  return old.slice(0, keep).concat(parseLines(lines(text, from), 0));
}

const blank = (s) => s.trim() === "";
const indentOf = (s) => s.length - s.trimStart().length;
const cut = (line, n) => ({ text: line.text.slice(n), at: line.at + n });

function parseLines(list, depth) {
  const out = [];
  let i = 0;
  const push = (block, start, end) => {
    block.from = list[start].at;
    const last = list[end - 1];
    block.to = last.at + last.text.length;
    out.push(block);
    i = end;
  };
  while (i < list.length) {
    const { text } = list[i];
    if (blank(text)) {
      i++;
      continue;
    }
    const start = i;
    let m;
    if ((m = fence.exec(text))) {
      push(...code(list, i, m));
    } else if (indentOf(text) >= 4 && !text.startsWith("\t\t") && depth < deepest && isCode(text)) {
      let end = i;
      while (end < list.length && (isCode(list[end].text) || blank(list[end].text))) end++;
      while (blank(list[end - 1].text)) end--;
      push({ type: "code", lang: "", closed: true, lines: list.slice(i, end).map((l) => cut(l, Math.min(4, indentOf(l.text)))) }, start, end);
    } else if ((m = heading.exec(text))) {
      let line = cut(list[i], m[0].length);
      line = { text: line.text.replace(/[ \t]+$/, ""), at: line.at };
      const hashes = /(^|[ \t])#+$/.exec(line.text);
      if (hashes) line.text = line.text.slice(0, hashes.index).trimEnd();
      push({ type: "heading", level: m[1].length, lines: [line] }, start, i + 1);
    } else if (rule.test(text)) {
      push({ type: "rule" }, start, i + 1);
    } else if (depth < deepest && quote.test(text)) {
      let end = i;
      const inner = [];
      while (end < list.length) {
        const q = quote.exec(list[end].text);
        if (q) inner.push(cut(list[end], q[0].length));
        else if (blank(list[end].text) || begins(list[end].text) || blank(inner[inner.length - 1].text)) break;
        else inner.push(list[end]);
        end++;
      }
      push({ type: "quote", blocks: parseLines(inner, depth + 1) }, start, end);
    } else if (depth < deepest && marker.test(text)) {
      push(...itemList(list, i, depth));
    } else if (text.includes("|") && i + 1 < list.length && (m = aligns(list[i + 1].text)) && cells(list[i]).length === m.length) {
      let end = i + 2;
      while (end < list.length && !blank(list[end].text) && !begins(list[end].text)) end++;
      push({ type: "table", aligns: m, head: cells(list[i]), rows: list.slice(i + 2, end).map((l) => fit(cells(l), m.length, l)) }, start, end);
    } else {
      let end = i + 1;
      let level = 0;
      while (end < list.length && !blank(list[end].text)) {
        const u = underline.exec(list[end].text);
        if (u) {
          level = u[1][0] === "=" ? 1 : 2;
          break;
        }
        if (begins(list[end].text)) break;
        if (end + 1 < list.length && list[end].text.includes("|") && aligns(list[end + 1].text)?.length === cells(list[end]).length) break;
        end++;
      }
      const body = list.slice(i, end).map((l) => cut(l, indentOf(l.text)));
      if (level > 0) push({ type: "heading", level, lines: body }, start, end + 1);
      else push({ type: "paragraph", lines: body }, start, end);
    }
  }
  return out;
}

const isCode = (s) => s.startsWith("    ") && !blank(s);

// begins tells whether a line ends the paragraph before it.
function begins(s) {
  return fence.test(s) || heading.test(s) || rule.test(s) || quote.test(s) || (marker.test(s) && indentOf(s) < 4 && !/^ *([-*+]|\d+[.)])[ \t]*$/.test(s));
}

function code(list, i, m) {
  const [, indent, ticks, info] = m;
  const body = [];
  let end = i + 1;
  let closed = false;
  for (; end < list.length; end++) {
    const t = list[end].text;
    const trimmed = t.trim();
    if (trimmed.length >= ticks.length && indentOf(t) < 4 && trimmed === ticks[0].repeat(trimmed.length)) {
      closed = true;
      end++;
      break;
    }
    body.push(cut(list[end], Math.min(indent.length, indentOf(t))));
  }
  return [{ type: "code", lang: info.trim().split(/[\s{,]/)[0], closed, lines: body }, i, end];
}

function itemList(list, i, depth) {
  const start = i;
  const first = marker.exec(list[i].text);
  const base = first[1].length;
  const ordered = first[2].length > 1;
  const kind = first[2][first[2].length - 1];
  const items = [];
  let loose = false;
  while (i < list.length) {
    const m = marker.exec(list[i].text);
    if (!m || m[1].length > base + 3 || (m[2].length > 1) !== ordered || m[2][m[2].length - 1] !== kind || rule.test(list[i].text)) break;
    const lead = m[1].length + m[2].length;
    const gap = m[3].length > 4 || m[3].length === 0 ? 1 : m[3].length;
    const inside = lead + gap;
    const body = [cut(list[i], Math.min(inside, list[i].text.length))];
    const from = list[i].at;
    let end = i + 1;
    let text = !blank(body[0].text); // the line before is text that a lazy line may continue
    let open = fence.exec(body[0].text)?.[2] ?? ""; // a code block inside: its lines belong to it whatever they look like
    while (end < list.length) {
      const line = list[end];
      if (blank(line.text)) {
        let next = end;
        while (next < list.length && blank(list[next].text)) next++;
        if (next === list.length || indentOf(list[next].text) < Math.min(inside, base + 2)) break;
        for (; end < next; end++) body.push(cut(list[end], Math.min(list[end].text.length, inside)));
        text = false;
        continue;
      }
      const indent = indentOf(line.text);
      if (indent >= inside || (indent >= base + 2 && (open || marker.test(line.text)))) {
        body.push(cut(line, Math.min(indent, inside)));
      } else if (text && !open && !begins(line.text)) {
        body.push(cut(line, indent));
      } else {
        break;
      }
      const f = fence.exec(body[body.length - 1].text);
      if (!open && f) open = f[2];
      else if (open && body[body.length - 1].text.trim() === open[0].repeat(Math.max(open.length, body[body.length - 1].text.trim().length))) open = "";
      text = true;
      end++;
    }
    const task = /^\[([ xX])\](?=\s|$)/.exec(body[0].text);
    if (task) body[0] = cut(body[0], Math.min(4, body[0].text.length));
    items.push({ from, task: task ? task[1] !== " " : null, blocks: parseLines(body, depth + 1) });
    i = end;
    let next = i;
    while (next < list.length && blank(list[next].text)) next++;
    if (next > i && next < list.length) {
      const again = marker.exec(list[next].text);
      if (again && again[1].length <= base + 1 && (again[2].length > 1) === ordered && again[2][again[2].length - 1] === kind && !rule.test(list[next].text)) {
        loose = true;
        i = next;
      } else break;
    }
  }
  if (items.some((item) => item.blocks.filter((b) => b.type === "paragraph").length > 1)) loose = true;
  return [{ type: "list", ordered, start: ordered ? parseInt(first[2], 10) : 0, loose, items }, start, i];
}

// aligns reads a table's second row, or returns null.
function aligns(text) {
  if (!text.includes("-") || !/^[ \t|:-]+$/.test(text)) return null;
  const out = [];
  for (const c of cells({ text, at: 0 })) {
    const s = c.text;
    if (!/^:?-+:?$/.test(s)) return null;
    out.push(s.endsWith(":") ? (s.startsWith(":") ? "center" : "right") : "");
  }
  return out;
}

// cells splits a row at bars that are neither escaped nor in code.
function cells(line) {
  const out = [];
  const { text } = line;
  let from = 0;
  let ticks = 0;
  const add = (end) => {
    let a = from;
    let b = end;
    while (a < b && (text[a] === " " || text[a] === "\t")) a++;
    while (b > a && (text[b - 1] === " " || text[b - 1] === "\t")) b--;
    out.push({ text: text.slice(a, b), at: line.at + a });
  };
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === "\\") i++;
    else if (c === "`") ticks++;
    else if (c === "|" && (ticks % 2 === 0 || !text.includes("`", i))) {
      add(i);
      from = i + 1;
    }
  }
  if (from < text.length || out.length === 0) add(text.length);
  if (out.length > 1 && out[0].text === "" && text.trimStart().startsWith("|")) out.shift();
  if (out.length > 1 && out[out.length - 1].text === "" && /\|[ \t]*$/.test(text)) out.pop();
  return out;
}

function fit(list, n, line) {
  while (list.length < n) list.push({ text: "", at: line.at + line.text.length });
  return list.slice(0, n);
}
