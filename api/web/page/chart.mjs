// Charts as inline SVG. Each has a label that says its numbers; tables beside them have all.
import { h, s } from "./dom.mjs";

const percent = (x) => `${Math.round(100 * x)} %`;

/** The share of drafts that stood, by depth, as one sentence. */
export function depthsLabel(drafted, accepted) {
  const parts = drafted.map((n, i) => (n > 0 ? `draft ${i + 1} of a cycle ${percent(accepted[i] / n)}` : null)).filter(Boolean);
  return parts.length ? `Drafts that stood: ${parts.join(", ")}.` : "Nothing was drafted.";
}

/** Small bars, one a depth: how often the first, second, … draft of a cycle stood. */
export function depthBars(drafted, accepted) {
  const width = 7;
  const gap = 3;
  const height = 18;
  const n = drafted.length;
  const svg = s("svg.bars", { viewBox: `0 0 ${n * (width + gap) - gap} ${height}`, width: n * (width + gap) - gap, height, role: "img", "aria-label": depthsLabel(drafted, accepted) });
  svg.append(s("title", {}, depthsLabel(drafted, accepted)));
  drafted.forEach((d, i) => {
    const x = i * (width + gap);
    const tall = d > 0 ? Math.max(1, Math.round((height * accepted[i]) / d)) : 0;
    svg.append(s("rect.rest", { x, y: 0, width, height, rx: 1.5 }), s("rect.stood", { x, y: height - tall, width, height: tall, rx: 1.5 }));
  });
  return svg;
}

/** Wide bars with their numbers, for the status page. */
export function depthRows(drafted, accepted) {
  const list = h("ol.depths", { "aria-label": "Acceptance by depth" });
  drafted.forEach((d, i) => {
    const share = d > 0 ? accepted[i] / d : 0;
    const bar = s("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    bar.append(s("rect.rest", { width: 100, height: 10 }), s("rect.stood", { width: 100 * share, height: 10 }));
    list.append(h("li", {}, h("span.depth", {}, `draft ${i + 1}`), bar, h("span.share", {}, d > 0 ? percent(share) : "–")));
  });
  return list;
}

/** A line that moves: the last `length` values, the newest at the right. */
export class Plot {
  constructor(label, { length = 90, unit = (v) => String(v), floor = 1, top = 0 } = {}) {
    this.label = label;
    this.values = [];
    this.length = length;
    this.unit = unit;
    this.floor = floor; // the least that the top of the plot stands for
    this.top = top; // what it always stands for, where set
    this.area = s("path.area");
    this.line = s("path.line");
    this.svg = s("svg.plot", { viewBox: "0 0 300 64", preserveAspectRatio: "none", role: "img" }, s("line.base", { x1: 0, x2: 300, y1: 63.5, y2: 63.5 }), this.area, this.line);
    this.most = h("span.most");
    this.element = h("div.plotbox", {}, this.svg, this.most);
    this.draw();
  }

  push(value) {
    this.values.push(value);
    if (this.values.length > this.length) this.values.shift();
    this.draw();
  }

  draw() {
    const seen = this.values.filter((v) => v !== null);
    const top = this.top || Math.max(this.floor, ...seen, 0) * 1.08;
    const step = 300 / (this.length - 1);
    const from = this.length - this.values.length;
    let line = "";
    let area = "";
    let start = null;
    const y = (v) => (63 - 58 * Math.min(1, v / top)).toFixed(1);
    this.values.forEach((v, i) => {
      const x = ((from + i) * step).toFixed(1);
      if (v === null) { // the server was gone
        if (start !== null) area += `L${((from + i - 1) * step).toFixed(1)} 63Z`;
        start = null;
        return;
      }
      line += `${start === null ? "M" : "L"}${x} ${y(v)}`;
      area += start === null ? `M${x} 63L${x} ${y(v)}` : `L${x} ${y(v)}`;
      start ??= x;
    });
    if (start !== null) area += "L300 63Z";
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", area);
    const most = seen.length ? Math.max(...seen) : 0;
    this.most.textContent = seen.length ? `peak ${this.unit(most)}` : "";
    const now = seen.length ? this.unit(seen[seen.length - 1]) : "nothing yet";
    this.svg.setAttribute("aria-label", `${this.label}: now ${now}, at most ${this.unit(most)} in the last ${this.length} readings`);
  }
}
