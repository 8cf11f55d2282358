// Which token each piece of a text came from, and whether the head proposed it.

/** Runs hold a text's tokens as lengths in UTF-16 units, negative for those that the head drafted. */
export class Runs {
  constructor(list = []) {
    this.list = [];
    this.ends = [];
    this.length = 0;
    this.drafted = 0;
    for (const n of list) this.push(Math.abs(n), n < 0);
  }

  push(length, drafted) {
    if (!length) return;
    this.length += length;
    this.list.push(drafted ? -length : length);
    this.ends.push(this.length);
    if (drafted) this.drafted++;
  }

  /** Books a delta: its text and, where the server said, its tokens. Text of unknown origin counts as the model's own. */
  add(text, from) {
    let known = 0;
    if (from && Array.isArray(from.pieces) && from.pieces.join("") === text) {
      from.pieces.forEach((p, i) => this.push(p.length, from.drafted?.[i] === true));
      known = text.length;
    }
    this.push(text.length - known, false);
  }

  get tokens() {
    return this.list.length;
  }

  /** Cuts a range of the text into [length, class] pairs. */
  cut(from, to) {
    const out = [];
    let low = 0;
    let high = this.ends.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (this.ends[mid] <= from) low = mid + 1;
      else high = mid;
    }
    for (let at = from; at < to; low++) {
      const end = low < this.ends.length ? Math.min(this.ends[low], to) : to;
      out.push([end - at, this.list[low] < 0 ? "drafted" : ""]);
      at = end;
    }
    return out;
  }
}
