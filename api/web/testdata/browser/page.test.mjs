// Both pages in a headless Chromium, against a real server with the embedded model. Nothing waits for a time: each step
// waits for what the one before must bring about.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { Proxy, openPage, startBrowser, startServer } from "./harness.mjs";

const binary = process.env.MTPLX;
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
let server;
let proxy;
let browser;

before(async () => {
  [server, browser] = await Promise.all([startServer(binary), startBrowser()]);
  proxy = new Proxy(server.base);
  await proxy.open();
});

after(async () => {
  await browser?.close();
  await proxy?.close();
  await server?.stop();
});

// with_ runs a test in a page of its own, and fails it for any fault that the page saw.
function chat(name, run, options = {}) {
  test(name, { timeout: 60000 }, async () => {
    proxy.play = null;
    proxy.started = [];
    proxy.bodies = [];
    const { page, context, faults } = await openPage(browser, proxy.base, options);
    try {
      await run(page, context);
    } finally {
      await context.close();
    }
    assert.deepEqual(faults, []);
  });
}

async function ask(page, text) {
  await page.fill("#input", text);
  await page.press("#input", "Enter");
}

const count = (page, selector) => page.locator(selector).count();
const text = (page, selector) => page.locator(selector).innerText();
const answered = (page, n) => page.waitForFunction((want) => document.querySelectorAll(".assistant .stats").length === want, n);

async function accessible(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const grave = violations.filter((v) => v.impact === "serious" || v.impact === "critical");
  assert.deepEqual(grave.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(" ")}`), []);
}

chat("the embedded model's answer streams, says its speed and survives a reload", async (page) => {
  await page.waitForSelector("#model:not([hidden])");
  await ask(page, "Write a Python function that checks if a number is prime.");
  await answered(page, 1);
  const body = await text(page, ".assistant > .md");
  assert.match(body, /def \w+\(/);
  assert.equal(await text(page, "figcaption .lang"), "python");
  assert.match(await text(page, ".stats"), /tok\/s.*tokens.*% of drafts stood/s);
  assert.match(await page.getAttribute(".stats .bars", "aria-label"), /draft 1 of a cycle \d+ %/);
  assert.match(page.url(), /#[\w-]+$/);
  // Tokens that the head drafted are shown, and they are part of the answer.
  await page.click("#tint");
  assert.ok((await count(page, ".assistant .md .drafted")) > 3);
  assert.equal(await text(page, ".assistant > .md"), body);
  await page.reload();
  await answered(page, 1);
  assert.equal(await text(page, ".assistant > .md"), body);
  assert.ok((await count(page, ".assistant .md .drafted")) > 3, "the tint was forgotten");
  assert.equal(await count(page, "#list li"), 1);
});

chat("copying gives the code as it is", async (page) => {
  proxy.script();
  await ask(page, "code");
  const s = await proxy.next();
  s.text(["```go\nif a < b {\n", "\treturn\n}\n```"]);
  s.end();
  await answered(page, 1);
  await page.click("figcaption .copy");
  await page.waitForFunction(() => document.querySelector("figcaption .copy").textContent === "Copied");
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), "if a < b {\n\treturn\n}");
});

chat("an answer is seen while it comes, with thoughts folded, and can be stopped", async (page) => {
  proxy.script();
  await ask(page, "go on");
  const s = await proxy.next();
  await page.waitForSelector(".waiting:visible");
  s.delta({ reasoning_content: "let me see" });
  await page.waitForSelector(".thoughts:visible");
  assert.equal(await page.locator(".thoughts").getAttribute("open"), null);
  s.text(["Once ", "upon ", "a time"], [1]);
  await page.waitForFunction(() => document.querySelector(".assistant > .md").textContent === "Once upon a time");
  await page.waitForFunction(() => /drafted by the head/.test(document.getElementById("live").textContent));
  await page.press("#input", "Escape");
  await s.gone; // the server sees that nobody reads any more
  await page.waitForSelector("#send:visible");
  assert.match(await text(page, ".stats"), /stopped/);
  assert.equal(await text(page, ".assistant > .md"), "Once upon a time");
  assert.equal(await page.textContent("#say"), "Stopped.");
  await page.click(".thoughts summary");
  assert.equal(await text(page, ".thoughts .md"), "let me see");
  // What was stopped is there after a reload, and is sent as part of the conversation.
  await page.reload();
  await answered(page, 1);
  await ask(page, "and then?");
  (await proxy.next()).end();
  assert.deepEqual(proxy.bodies.at(-1).messages.map((m) => m.content), ["go on", "Once upon a time", "and then?"]);
});

chat("the real server's answer is stopped, too", async (page) => {
  await ask(page, "Write a very long story about numbers, primes and more numbers. ".repeat(8));
  await page.waitForFunction(() => document.querySelector(".assistant > .md")?.textContent.length > 0);
  await page.keyboard.press("Escape");
  await page.waitForSelector("#send:visible");
  await page.waitForFunction(async () => (await (await fetch("/v1/mtplx/snapshot")).json()).running === 0);
});

chat("regenerating and editing keep what was there beside it", async (page) => {
  proxy.script();
  const answer = async (t, n) => {
    const s = await proxy.next();
    s.text([t]);
    s.end();
    await answered(page, n);
  };
  await ask(page, "first question");
  await answer("first answer", 1);
  await page.click('[aria-label="Write another answer"]');
  await answer("second answer", 1);
  assert.equal(await text(page, ".assistant > .md"), "second answer");
  await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
  await page.click('[aria-label="Earlier version"]');
  assert.equal(await text(page, ".assistant > .md"), "first answer");
  // Arrow up edits the last message.
  await page.press("#input", "ArrowUp");
  await page.waitForSelector(".editor textarea:focus");
  await page.keyboard.press("Escape");
  assert.equal(await count(page, ".editor"), 0);
  await page.press("#input", "ArrowUp");
  await page.fill(".editor textarea", "edited question");
  await page.press(".editor textarea", "Enter");
  await answer("third answer", 1);
  assert.deepEqual(proxy.bodies.at(-1).messages, [{ role: "user", content: "edited question" }]);
  await page.reload();
  await answered(page, 1);
  assert.equal(await text(page, ".user .body"), "edited question");
  await page.hover(".user");
  await page.click('.user [aria-label="Earlier version"]');
  assert.equal(await text(page, ".user .body"), "first question");
});

chat("conversations are listed, renamed, exported, deleted and imported", async (page) => {
  proxy.script();
  for (const t of ["one fish", "two fish"]) {
    await page.keyboard.press("Control+k");
    await ask(page, t);
    const s = await proxy.next();
    s.text(["yes"]);
    s.end();
    await answered(page, 1);
  }
  assert.deepEqual(await page.locator("#list .open").allInnerTexts(), ["two fish", "one fish"]);
  await page.click('[aria-label="Rename “two fish”"]');
  await page.fill(".rename", "red fish");
  await page.press(".rename", "Enter");
  await page.waitForFunction(() => document.querySelector("#title").textContent === "red fish");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("#export")]);
  const file = await download.path();
  assert.equal(JSON.parse(await readFile(file)).conversations.length, 2);
  await page.click('[aria-label="Delete “red fish”"]');
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.click('[aria-label="Delete “red fish”"]');
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.waitForFunction(() => document.querySelectorAll("#list li").length === 1);
  await page.setInputFiles("#file", file);
  await page.waitForFunction(() => document.querySelectorAll("#list li").length === 3);
  await page.reload();
  await page.waitForFunction(() => document.querySelectorAll("#list li").length === 3);
  await page.setInputFiles("#file", { name: "x.json", mimeType: "application/json", buffer: Buffer.from("{}") });
  await page.getByRole("heading", { name: "The file could not be imported" }).waitFor();
});

chat("an answer goes on while another conversation is read", async (page) => {
  proxy.script();
  await ask(page, "slow one");
  const slow = await proxy.next();
  slow.text(["be", "gun"]);
  await page.waitForFunction(() => document.querySelector(".assistant > .md")?.textContent === "begun");
  assert.equal(await count(page, "#list li"), 1, "it is listed from its first message on");
  await page.keyboard.press("Control+k");
  await page.waitForSelector("#send:visible");
  await ask(page, "quick one");
  const quick = await proxy.next();
  slow.text([" and", " ended"]);
  slow.end();
  quick.text(["ok"]);
  quick.end();
  await answered(page, 1);
  assert.equal(await text(page, ".assistant > .md"), "ok");
  await page.getByRole("button", { name: "slow one", exact: true }).click();
  await page.waitForFunction(() => document.querySelector(".assistant > .md")?.textContent === "begun and ended");
  await answered(page, 1);
});

chat("two tabs show the same conversations", async (page, context) => {
  proxy.script();
  const other = await context.newPage();
  await other.goto(proxy.base);
  await other.waitForSelector("html[data-ready]");
  await ask(page, "from the first tab");
  const s = await proxy.next();
  s.text(["yes"]);
  s.end();
  await answered(page, 1);
  await other.getByRole("button", { name: "from the first tab", exact: true }).click();
  await answered(other, 1);
  await other.click('[aria-label="Delete “from the first tab”"]');
  await other.getByRole("button", { name: "Delete", exact: true }).click();
  await page.waitForSelector("#empty:visible");
  assert.equal(await count(page, "#list li"), 0);
});

chat("settings are sent, kept and checked", async (page) => {
  proxy.script();
  await page.waitForSelector("#model:not([hidden])");
  await page.click("#settings-open");
  await page.fill("#set-system", "Be brief.");
  await page.fill("#set-temperature", "0.3");
  await page.fill("#set-top_k", "7");
  await page.fill("#set-depth", "2");
  await page.fill("#set-seed", "42");
  await page.fill("#set-max_tokens", "1.5");
  await page.getByText("Give a whole number from 1").waitFor();
  assert.equal(await page.getAttribute("#set-max_tokens", "aria-invalid"), "true");
  assert.equal(await page.getAttribute("#set-min_p", "placeholder"), "0");
  await ask(page, "hi");
  const s = await proxy.next();
  s.text(["ok"]);
  s.end({ reason: "length" });
  await answered(page, 1);
  assert.match(await text(page, ".stats"), /limit of tokens/);
  const { messages, temperature, top_k: topK, depth, seed, max_tokens: most } = proxy.bodies.at(-1);
  assert.deepEqual({ messages, temperature, topK, depth, seed, most }, {
    messages: [{ role: "system", content: "Be brief." }, { role: "user", content: "hi" }],
    temperature: 0.3, topK: 7, depth: 2, seed: 42, most: undefined,
  });
  await page.reload();
  await page.click("#settings-open");
  assert.equal(await page.inputValue("#set-seed"), "42");
  await page.keyboard.press("Control+k");
  assert.equal(await page.inputValue("#set-seed"), "", "a seed belongs to one conversation");
  assert.equal(await page.inputValue("#set-temperature"), "0.3");
});

chat("what the model writes never becomes HTML", async (page) => {
  const attacks = [
    "<script>globalThis.hacked = 1</script>",
    "<img src=x onerror='globalThis.hacked = 2'>",
    "<svg onload=globalThis.hacked=3></svg><iframe srcdoc='<script>parent.hacked=4</script>'></iframe>",
    "[click](javascript:globalThis.hacked=5) [two](java\nscript:x) ![i](https://example.org/x.png)",
    "```html\n</code></pre><script>globalThis.hacked = 6</script>\n```",
    "| <b onclick=x> | b |\n|---|---|\n| <style>*{display:none}</style> | <a href='javascript:x'>y</a> |",
    "<javascript:globalThis.hacked=7> https://example.org/\"onmouseover=x",
  ];
  proxy.script();
  await ask(page, attacks.join("\n\n"));
  const s = await proxy.next();
  s.delta({ reasoning_content: attacks[1] });
  for (const a of attacks) s.text([...(a + "\n\n")]);
  s.end();
  await answered(page, 1);
  const found = await page.evaluate(() => {
    const root = document.getElementById("messages");
    return {
      elements: root.querySelectorAll("script, img, iframe, style, b, object, embed, form").length - root.querySelectorAll(".stats b").length,
      handlers: [...root.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => a.name.startsWith("on") || a.name === "style")).length,
      links: [...root.querySelectorAll("a")].map((a) => a.protocol + a.rel),
      hacked: globalThis.hacked,
    };
  });
  assert.equal(found.elements, 0);
  assert.equal(found.handlers, 0);
  assert.equal(found.hacked, undefined);
  assert.ok(found.links.length > 0 && found.links.every((l) => l === "https:noopener noreferrer nofollow"), String(found.links));
  assert.match(await text(page, ".assistant > .md"), /<script>globalThis.hacked = 1<\/script>/);
});

test("the policy forbids inline scripts and text that becomes HTML", { timeout: 60000 }, async () => {
  const { page, context } = await openPage(browser, proxy.base);
  const got = await page.evaluate(async () => {
    const seen = [];
    const all = new Promise((resolve) => {
      document.addEventListener("securitypolicyviolation", (e) => {
        seen.push(e.effectiveDirective);
        if (e.effectiveDirective === "connect-src") resolve();
      });
    });
    const attempts = [
      () => (document.createElement("div").innerHTML = "<b>x</b>"),
      () => (document.createElement("script").text = "globalThis.hacked = 1"),
    ];
    const refused = attempts.filter((f) => {
      try {
        f();
        return false;
      } catch {
        return true;
      }
    }).length;
    await fetch("https://example.org/").catch(() => {});
    await all;
    return { seen, refused, hacked: globalThis.hacked };
  });
  assert.equal(got.hacked, undefined);
  assert.equal(got.refused, 2);
  assert.ok(got.seen.includes("require-trusted-types-for") && got.seen.includes("connect-src"), String(got.seen));
  await context.close();
});

chat("errors are the server's sentences, and trying again works", async (page) => {
  proxy.play = (res) => {
    res.writeHead(429, { "Content-Type": "application/json", "Retry-After": "2" });
    res.end('{"error":{"message":"the queue is full: 64 answers wait"}}');
  };
  await ask(page, "hello");
  await page.waitForSelector(".fault p");
  assert.equal(await text(page, ".fault p"), "The queue is full: 64 answers wait.");
  proxy.script();
  await page.getByRole("button", { name: "Try again" }).click();
  let s = await proxy.next();
  s.text(["half"]);
  s.fail("the logits are not finite");
  await page.waitForFunction(() => document.querySelector(".fault p")?.textContent === "The logits are not finite.");
  assert.equal(await count(page, ".branches"), 0, "an answer without a word is not kept");
  await page.getByRole("button", { name: "Try again" }).click();
  s = await proxy.next();
  s.text(["whole"]);
  s.end();
  await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
  assert.equal(await text(page, ".assistant > .md"), "whole");
  // A prompt that does not fit, at the real server.
  proxy.play = null;
  await ask(page, "long ".repeat(6000));
  await page.waitForSelector(".fault");
  assert.match(await text(page, ".fault p"), /tokens/);
});

chat("a server that is gone is missed, and found again", async (page) => {
  proxy.script();
  await ask(page, "hello");
  const s = await proxy.next();
  s.text(["half an ", "answer"]);
  await page.waitForFunction(() => document.querySelector(".assistant > .md").textContent === "half an answer");
  await proxy.close();
  await page.waitForSelector("#banner:visible");
  await page.waitForSelector(".fault");
  assert.match(await text(page, ".fault p"), /connection (broke|ended) before the answer was complete/);
  assert.equal(await text(page, ".assistant > .md"), "half an answer");
  await proxy.open();
  await page.waitForSelector("#banner", { state: "hidden" });
  assert.equal(await page.textContent("#say"), "The server is back.");
  await page.getByRole("button", { name: "Try again" }).click();
  (await proxy.next()).end();
  await page.waitForSelector("#send:visible");
});

chat("everything can be done with the keyboard alone", async (page) => {
  proxy.script();
  // The skip link is the first thing that takes the focus, and leads to the message box.
  assert.equal(await page.evaluate(() => document.querySelector("a[href], button, input, textarea").textContent), "Skip to the message box");
  await page.locator(".skip").focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("#input:focus");
  await page.keyboard.type("a");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("b");
  assert.equal(await page.inputValue("#input"), "a\nb");
  await page.keyboard.press("Enter");
  const s = await proxy.next();
  assert.equal(proxy.bodies.at(-1).messages[0].content, "a\nb");
  s.text(["```py\nx\n```"]);
  s.end();
  await answered(page, 1);
  await page.waitForSelector("#input:focus");
  // From the message box backwards, every control of the answer is reached.
  const seen = new Set();
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press("Shift+Tab");
    seen.add(await page.evaluate(() => document.activeElement.getAttribute("aria-label")));
  }
  for (const want of ["Write another answer", "Copy the answer", "Code, py", "Copy the code", "Edit and send again", "Messages"]) assert.ok(seen.has(want), `${want} is not among ${[...seen]}`);
  await page.keyboard.press("Control+k");
  await page.waitForSelector("#empty:visible");
  await page.waitForSelector("#input:focus");
});

for (const width of [320, 390, 768]) {
  chat(`at ${width} pixels nothing sticks out, and the list and the settings slide in`, async (page) => {
    proxy.script();
    await ask(page, "w".repeat(300));
    const s = await proxy.next();
    s.text(["# " + "Long".repeat(60) + "\n\n```\n" + "x".repeat(400) + "\n```\n\n|" + "cell|".repeat(20) + "\n|" + "-|".repeat(20) + "\n\n- " + "y".repeat(300)]);
    s.end();
    await answered(page, 1);
    const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok((await wide()) <= 0);
    assert.ok(await page.locator("#send").evaluate((e) => e.getBoundingClientRect().right <= innerWidth));
    await page.click("#side-open");
    await page.waitForSelector("#side-close:focus");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#side-open:focus");
    await page.click("#settings-open");
    await page.waitForSelector("#set-system:focus");
    assert.ok(await page.locator("#panel").evaluate((e) => e.getBoundingClientRect().left >= 0));
    await page.keyboard.press("Escape");
    assert.ok((await wide()) <= 0);
  }, { viewport: { width, height: 640 }, reducedMotion: "reduce" });
}

for (const colorScheme of ["light", "dark"]) {
  chat(`axe finds no serious fault in the chat, ${colorScheme}`, async (page) => {
    proxy.script();
    await page.waitForSelector("#model:not([hidden])");
    await accessible(page);
    await page.click("#tint");
    await ask(page, "show me");
    let s = await proxy.next();
    s.delta({ reasoning_content: "hm" });
    s.text(["## Title\n\n", "[link](https://example.org) and `code`\n\n", "```go\n", "// note\n", "func f() string { return \"x\" + g(1) }\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done"], [1, 3]);
    await page.waitForSelector(".box");
    await accessible(page);
    s.end();
    await answered(page, 1);
    await page.click(".thoughts summary");
    await ask(page, "fail");
    s = await proxy.next();
    s.fail("it broke");
    await page.waitForSelector(".fault");
    await page.click("#settings-open");
    await page.fill("#set-top_p", "9");
    await accessible(page);
    await page.hover(".user");
    await page.locator('[aria-label="Edit and send again"]').first().click();
    await accessible(page);
    await page.click('[aria-label="Delete “show me”"]');
    await page.waitForSelector("#ask[open]");
    await accessible(page);
  }, { colorScheme, reducedMotion: "reduce" });

  chat(`axe finds no serious fault in the status page, ${colorScheme}`, async (page) => {
    await page.waitForFunction(() => Number(document.documentElement.dataset.readings) >= 2);
    await accessible(page);
  }, { colorScheme, path: "/status", ready: "#numbers td" });
}

chat("light and dark follow the system until they are chosen", async (page) => {
  const background = () => page.evaluate(() => getComputedStyle(document.body.parentElement).backgroundColor);
  const dark = await background();
  await page.emulateMedia({ colorScheme: "light" });
  const light = await background();
  assert.notEqual(light, dark);
  await page.click("#theme"); // light
  await page.click("#theme"); // dark
  assert.equal(await background(), dark);
  assert.equal(await page.getAttribute("#theme", "aria-label"), "Theme: dark");
  await page.reload();
  assert.equal(await background(), dark);
}, { colorScheme: "dark" });

chat("the status page shows what the server does, and that it is gone", async (page) => {
  const number = (name) => page.evaluate((n) => [...document.querySelectorAll("#numbers tr")].find((r) => r.firstChild.textContent === n)?.lastChild.textContent, name);
  assert.equal(await text(page, "#state"), "ready");
  const written = Number((await number("Tokens written")).replaceAll(",", ""));
  const body = JSON.stringify({ messages: [{ role: "user", content: "Write a Python function that adds two numbers." }], max_tokens: 40, temperature: 0 });
  const res = await fetch(`${server.base}/v1/chat/completions`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
  const { usage } = await res.json();
  await page.waitForFunction((want) => [...document.querySelectorAll("#numbers tr")].some((r) => r.firstChild.textContent === "Tokens written" && Number(r.lastChild.textContent.replaceAll(",", "")) === want), written + usage.completion_tokens);
  assert.match(await number("Draft 1 of a cycle"), /^\d[\d,]* of \d/);
  assert.ok((await count(page, ".depths li")) > 0);
  assert.match(await page.locator(".plot").first().getAttribute("aria-label"), /Tokens a second: now/);
  await proxy.close();
  await page.waitForSelector("#banner:visible");
  assert.equal(await text(page, "#state"), "not reachable");
  await proxy.open();
  await page.waitForSelector("#banner", { state: "hidden" });
  await page.waitForFunction(() => document.getElementById("state").textContent === "ready");
}, { path: "/status", ready: "#numbers td" });

test("a server with a key asks for it, once, and works with it", { timeout: 60000 }, async () => {
  const locked = await startServer(binary, [], { MTPLX_AUTH: "a-key-for-the-tests" });
  const { page, context, faults } = await openPage(browser, locked.base);
  try {
    await page.waitForSelector("#ask[open]");
    await page.fill("#key", "wrong-key-of-somebody");
    await page.press("#key", "Enter");
    await page.getByRole("heading", { name: "That key is not one of this server’s" }).waitFor();
    await accessible(page);
    await page.fill("#key", "a-key-for-the-tests");
    await page.press("#key", "Enter");
    await page.waitForSelector("#model:not([hidden])");
    await ask(page, "Write a Go function that adds two numbers.");
    await answered(page, 1);
    assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes("a-key-for-the-tests")), false);
    await page.goto(`${locked.base}/status`);
    await page.waitForSelector("#numbers td");
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
    await locked.stop();
  }
});
