// As much of a document as drawing markdown needs, under node. It has no way to make elements from text.
class Node {
  constructor() {
    this.parent = null;
  }

  remove() {
    if (this.parent) this.parent.children.splice(this.parent.children.indexOf(this), 1);
    this.parent = null;
  }
}

class Element extends Node {
  constructor(tag) {
    super();
    this.tag = tag;
    this.attributes = {};
    this.children = [];
    this.className = "";
    this.ownerDocument = document;
  }

  append(...list) {
    for (const c of list) {
      const node = typeof c === "string" ? Object.assign(new Node(), { text: c }) : c;
      node.remove();
      node.parent = this;
      this.children.push(node);
    }
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  replaceWith(other) {
    this.parent.children.splice(this.parent.children.indexOf(this), 1, other);
    other.parent = this.parent;
    this.parent = null;
  }

  set textContent(s) {
    this.children = [];
    this.append(s);
  }

  get textContent() {
    return this.children.map((c) => c.text ?? c.textContent).join("");
  }
}

export const document = { createElement: (tag) => new Element(tag) };

/** What has been drawn, for comparing: tags with classes and links, text as it is, neighbouring texts joined. */
export function show(e) {
  let out = "";
  for (const c of e.children) {
    if (c.text !== undefined) {
      out += c.text;
      continue;
    }
    const attributes = (c.className ? ` .${c.className}` : "") + (c.attributes.href ? ` href=${c.attributes.href}` : "") + (c.attributes.start ? ` start=${c.attributes.start}` : "");
    out += `<${c.tag}${attributes}>${show(c)}</${c.tag}>`;
  }
  return out;
}

/** Every element below one. */
export function* elements(e) {
  for (const c of e.children) {
    if (c.text !== undefined) continue;
    yield c;
    yield* elements(c);
  }
}
