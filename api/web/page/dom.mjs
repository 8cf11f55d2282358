// Small words for making DOM nodes. Text is always text.

const svgSpace = "http://www.w3.org/2000/svg";

/** Makes an element: h("button.primary", {type: "button", onclick: f, "aria-label": "x"}, "text", node). */
export function h(spec, props = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const e = document.createElement(tag);
  if (classes.length) e.className = classes.join(" ");
  return fill(e, props, children);
}

/** The same for SVG. */
export function s(spec, props = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const e = document.createElementNS(svgSpace, tag);
  if (classes.length) e.setAttribute("class", classes.join(" "));
  return fill(e, props, children);
}

function fill(e, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else e.setAttribute(name, value === true ? "" : String(value));
  }
  for (const c of children) if (c !== null && c !== undefined && c !== false) e.append(c);
  return e;
}

export const $ = (id) => document.getElementById(id);

const icons = {
  plus: "M12 5v14M5 12h14",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7.5 7.5h9v9h-9z",
  menu: "M4 7h16M4 12h16M4 17h10",
  close: "M6 6l12 12M18 6L6 18",
  sliders: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  pulse: "M3 12h4l3-8 4 16 3-8h4",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  check: "M5 12.5l4.5 4.5L19 7.5",
  edit: "M4 20h4L19 9l-4-4L4 16zM13.5 6.5l4 4",
  again: "M20 12a8 8 0 1 1-2.6-5.9M20 3v5h-5",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  left: "M14 6l-6 6 6 6",
  right: "M10 6l6 6-6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  save: "M12 4v11M7 10l5 5 5-5M5 20h14",
  load: "M12 16V5M7 10l5-5 5 5M5 20h14",
  tint: "M4 20h16M6 16l7-11 5 8-7 4z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5",
  moon: "M20 14.5A8 8 0 0 1 9.5 4 8 8 0 1 0 20 14.5z",
  auto: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  chat: "M5 5h14v11H10l-5 4z",
  warn: "M12 4l9 16H3zM12 10v4M12 17v.5",
  key: "M15 9.5a4.5 4.5 0 1 0-4 4.5l1.5 1.5h2v2h2v2H20V16z",
};

/** An icon that says nothing: its button has a label. */
export function icon(name) {
  return s("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" }, s("path", { d: icons[name] }));
}

/** Fills the icons of buttons written in HTML: <button data-icon="plus">. */
export function fillIcons(root = document) {
  for (const e of root.querySelectorAll("[data-icon]")) e.prepend(icon(e.dataset.icon));
}

/** A button with an icon and a label for those who do not see it. */
export function iconButton(name, label, onclick, cls = "quiet") {
  return h(`button.${cls}`, { type: "button", "aria-label": label, title: label, onclick }, icon(name));
}
