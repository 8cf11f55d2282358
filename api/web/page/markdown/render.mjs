// Draws markdown as DOM nodes, by createElement and text alone: no text is ever read as HTML.
import { parse, parseFrom } from "./blocks.mjs";
import { inline } from "./inline.mjs";
import { highlight } from "./highlight.mjs";

/**
 * Markdown keeps an element showing a text that grows. Blocks that have not changed keep their nodes.
 *
 * tint, where given, is a function (from, to) that cuts a range of the source into [length, class] pairs: see Runs.
 */
export class Markdown {
  constructor(root, doc = root.ownerDocument) {
    this.root = root;
    this.doc = doc;
    this.text = "";
    this.blocks = [];
    this.drawn = []; // {source, from, node}
    this.tint = null;
  }

  update(text, tint = null) {
    const blocks = text.startsWith(this.text) ? parseFrom(text, this.blocks) : parse(text);
    const again = tint !== this.tint;
    this.text = text;
    this.blocks = blocks;
    this.tint = tint;
    const drawn = [];
    for (let i = 0; i < blocks.length; i++) {
      const { from, to, closed } = blocks[i];
      const source = text.slice(from, to);
      const old = this.drawn[i];
      if (!again && old && old.from === from && old.source === source && old.type === blocks[i].type && old.closed === closed) {
        drawn.push(old);
        continue;
      }
      const node = new Drawing(this.doc, tint).block(blocks[i]);
      if (old) old.node.replaceWith(node);
      else this.root.append(node);
      drawn.push({ source, from, node, closed, type: blocks[i].type });
    }
    for (let i = blocks.length; i < this.drawn.length; i++) this.drawn[i].node.remove();
    this.drawn = drawn;
  }
}

class Drawing {
  constructor(doc, tint) {
    this.doc = doc;
    this.tint = tint;
  }

  element(tag, cls) {
    const e = this.doc.createElement(tag);
    if (cls) e.className = cls;
    return e;
  }

  block(b) {
    switch (b.type) {
      case "heading":
        return this.inlines(this.element(`h${Math.min(6, b.level + 2)}`), b.lines); // the page itself has 1 and 2
      case "rule":
        return this.element("hr");
      case "quote":
        return this.blocks(this.element("blockquote"), b.blocks);
      case "code":
        return this.code(b);
      case "table":
        return this.table(b);
      case "list":
        return this.list(b);
      default:
        return this.inlines(this.element("p"), b.lines);
    }
  }

  blocks(parent, list) {
    for (const b of list) parent.append(this.block(b));
    return parent;
  }

  list(b) {
    const list = this.element(b.ordered ? "ol" : "ul");
    if (b.ordered && b.start !== 1) list.setAttribute("start", String(b.start));
    for (const item of b.items) {
      const li = this.element("li");
      if (item.task !== null) {
        li.className = "task";
        const box = this.element("span", item.task ? "box done" : "box");
        box.setAttribute("role", "img");
        box.setAttribute("aria-label", item.task ? "done:" : "to do:");
        li.append(box);
      }
      for (const child of item.blocks) {
        if (child.type === "paragraph" && !b.loose) this.inlines(li, child.lines);
        else li.append(this.block(child));
      }
      list.append(li);
    }
    return list;
  }

  table(b) {
    const wrap = this.element("div", "table");
    wrap.setAttribute("tabindex", "0"); // it scrolls sideways, by keys too
    wrap.setAttribute("role", "region");
    wrap.setAttribute("aria-label", "Table");
    const table = this.element("table");
    const row = (cells, tag, into) => {
      const tr = this.element("tr");
      cells.forEach((cell, i) => {
        const e = this.element(tag, b.aligns[i]);
        if (tag === "th") e.setAttribute("scope", "col");
        tr.append(this.inlines(e, [cell]));
      });
      into.append(tr);
    };
    const head = this.element("thead");
    const body = this.element("tbody");
    row(b.head, "th", head);
    for (const r of b.rows) row(r, "td", body);
    table.append(head);
    if (b.rows.length > 0) table.append(body);
    wrap.append(table);
    return wrap;
  }

  code(b) {
    const figure = this.element("figure", "code");
    const bar = this.element("figcaption");
    const lang = this.element("span", "lang");
    lang.textContent = b.lang || "text";
    const copy = this.element("button", "copy");
    copy.setAttribute("type", "button");
    copy.setAttribute("data-copy", "code");
    copy.textContent = "Copy";
    copy.setAttribute("aria-label", "Copy the code");
    bar.append(lang, copy);
    const pre = this.element("pre");
    pre.setAttribute("tabindex", "0");
    pre.setAttribute("role", "region");
    pre.setAttribute("aria-label", `Code${b.lang ? `, ${b.lang}` : ""}`);
    const code = this.element("code");
    this.coloured(code, b);
    pre.append(code);
    figure.append(bar, pre);
    return figure;
  }

  coloured(code, b) {
    const text = b.lines.map((l) => l.text).join("\n");
    let line = 0;
    let column = 0;
    for (const [cls, part] of highlight(text, b.lang)) {
      let into = code;
      if (cls) {
        into = this.element("span", `hl-${cls}`);
        code.append(into);
      }
      let rest = part;
      while (rest !== "") {
        const left = b.lines[line].text.length - column;
        if (left === 0) { // the line break, which belongs to the source too
          this.leaf(into, "\n", b.lines[line].at + column);
          rest = rest.slice(1);
          line++;
          column = 0;
          continue;
        }
        const n = Math.min(left, rest.length);
        this.leaf(into, rest.slice(0, n), b.lines[line].at + column);
        column += n;
        rest = rest.slice(n);
      }
    }
  }

  inlines(parent, lines) {
    this.nodes(parent, inline(lines));
    return parent;
  }

  nodes(parent, list) {
    for (const n of list) {
      switch (n.t) {
        case "text":
          this.leaf(parent, n.s, n.at);
          break;
        case "br":
          parent.append(this.element("br"));
          break;
        case "code": {
          const code = this.element("code");
          for (const p of n.parts) this.leaf(code, p.s, p.at);
          parent.append(code);
          break;
        }
        case "link": {
          const a = this.element("a");
          a.setAttribute("href", n.href);
          a.setAttribute("rel", "noopener noreferrer nofollow");
          a.setAttribute("target", "_blank");
          this.nodes(a, n.c);
          parent.append(a);
          break;
        }
        default: {
          const e = this.element(n.t);
          this.nodes(e, n.c);
          parent.append(e);
        }
      }
    }
  }

  // leaf adds text that stands in the source at an offset, tinted by where its tokens came from.
  leaf(parent, s, at) {
    if (!this.tint) {
      parent.append(s);
      return;
    }
    let done = 0;
    for (const [n, cls] of this.tint(at, at + s.length)) {
      const piece = s.slice(done, done + n);
      done += n;
      if (cls) {
        const span = this.element("span", cls);
        span.textContent = piece;
        parent.append(span);
      } else {
        parent.append(piece);
      }
    }
  }
}
