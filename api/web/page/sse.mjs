/** Splits a stream of server-sent events into the data of each. Feed it text as it comes. */
export class Events {
  constructor() {
    this.rest = "";
  }

  push(text) {
    const all = this.rest + text;
    const frames = all.split(/\r?\n\r?\n/);
    this.rest = frames.pop();
    return frames.map(dataOf).filter((d) => d !== null);
  }
}

function dataOf(frame) {
  const data = [];
  for (const line of frame.split(/\r?\n/)) {
    if (line.startsWith("data:")) data.push(line.slice(line[5] === " " ? 6 : 5));
  }
  return data.length ? data.join("\n") : null;
}
