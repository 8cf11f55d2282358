// What the tests of the page stand on: a real mtplx with the embedded model, a headless Chromium, and a proxy between
// them that can play any answer, break, or be gone.
import { spawn } from "node:child_process";
import http from "node:http";
import { chromium } from "playwright-core";

/** Starts mtplx at a free port. */
export async function startServer(binary, args = [], env = {}) {
  const child = spawn(binary, ["serve", "--port", "0", "--log-level", "error", ...args], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
  const base = await new Promise((resolve, reject) => {
    let out = "";
    child.stdout.on("data", (d) => {
      out += d;
      const m = / at (http:\S+)/.exec(out);
      if (m) resolve(m[1]);
    });
    child.once("exit", (code) => reject(new Error(`mtplx ended with ${code} before it served`)));
  });
  return {
    base,
    stop: () =>
      new Promise((resolve) => {
        child.once("exit", resolve);
        child.kill();
      }),
  };
}

/** An answer that a test plays, chunk by chunk. */
export class Script {
  constructor(res) {
    this.res = res;
    this.gone = new Promise((resolve) => res.once("close", resolve)); // the client has left, or the answer has ended
    res.writeHead(200, { "Content-Type": "text/event-stream; charset=utf-8" });
    this.delta({ role: "assistant", content: "" });
  }

  write(chunk) {
    this.res.write(`data: ${JSON.stringify(chunk)}\n\n`);
  }

  delta(delta, from) {
    this.write({ choices: [{ index: 0, delta, ...(from ? { mtplx: from } : {}), finish_reason: null }] });
  }

  /** Sends text as tokens, of which the named ones were drafted. */
  text(pieces, drafted = []) {
    this.delta({ content: pieces.join("") }, { pieces, drafted: pieces.map((_, i) => drafted.includes(i)) });
  }

  end({ reason = "stop", tokens = 7, rate = 123.4 } = {}) {
    this.write({ choices: [{ index: 0, delta: {}, finish_reason: reason }] });
    this.write({
      choices: [],
      usage: { prompt_tokens: 11, completion_tokens: tokens, prompt_tokens_details: { cached_tokens: 3 } },
      timings: { prompt_ms: 40, predicted_ms: 60, predicted_per_second: rate },
      mtplx: { mode: "mtp", cycles: 3, drafted_by_depth: [10, 8, 4], accepted_by_depth: [9, 4, 1] },
    });
    this.res.end("data: [DONE]\n\n");
  }

  fail(message) {
    this.write({ error: { message } });
    this.res.end("data: [DONE]\n\n");
  }

  /** Breaks the connection. */
  cut() {
    this.res.destroy();
  }
}

/** Stands before the server. While `play` is set, it answers chats: play(res, body). */
export class Proxy {
  constructor(target) {
    this.target = new URL(target);
    this.port = 0;
    this.play = null;
    this.bodies = []; // of chats
    this.waiting = [];
    this.started = [];
  }

  async open() {
    this.server = http.createServer((req, res) => this.#handle(req, res));
    await new Promise((resolve) => this.server.listen(this.port, "127.0.0.1", resolve));
    this.port = this.server.address().port;
    this.base = `http://127.0.0.1:${this.port}`;
  }

  /** As if the server had ended: connections are cut, new ones refused. */
  async close() {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  /** Lets the test play every chat from now on; next() waits for one. */
  script() {
    this.play = (res) => {
      const s = new Script(res);
      const w = this.waiting.shift();
      if (w) w(s);
      else this.started.push(s);
    };
  }

  next() {
    const s = this.started.shift();
    return s ? Promise.resolve(s) : new Promise((resolve) => this.waiting.push(resolve));
  }

  async #handle(req, res) {
    const parts = [];
    for await (const p of req) parts.push(p);
    const body = Buffer.concat(parts);
    if (req.url === "/v1/chat/completions") {
      this.bodies.push(JSON.parse(body));
      if (this.play) {
        this.play(res, req);
        return;
      }
    }
    const headers = { ...req.headers, host: this.target.host };
    if (headers.origin) headers.origin = this.target.origin;
    const out = http.request({ host: this.target.hostname, port: this.target.port, path: req.url, method: req.method, headers }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    out.on("error", () => res.destroy());
    res.on("close", () => out.destroy());
    out.end(body);
  }
}

export async function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
  });
}

/** Opens a page that fails its test on any script error, refused content or request to another place. */
export async function openPage(browser, base, { path = "/", ready = "html[data-ready]", ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: base });
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (e) => faults.push(`error: ${e.message}`));
  page.on("console", (m) => {
    // What the browser says of failed requests is what several tests are about.
    if (m.type() === "error" && !/Failed to load resource/.test(m.text())) faults.push(`console: ${m.text()}`);
  });
  page.on("request", (r) => {
    if (!r.url().startsWith(`${base}/`) && !/^(data|blob):/.test(r.url())) faults.push(`request to ${r.url()}`);
  });
  page.setDefaultTimeout(15000);
  await page.goto(base + path);
  await page.waitForSelector(ready);
  return { page, context, faults };
}
