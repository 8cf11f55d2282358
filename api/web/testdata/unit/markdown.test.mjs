import test from "node:test";
import assert from "node:assert/strict";
import { Markdown } from "../../page/markdown/render.mjs";
import { highlight } from "../../page/markdown/highlight.mjs";
import { safeHref } from "../../page/markdown/inline.mjs";
import { Runs } from "../../page/runs.mjs";
import { document, elements, show } from "./document.mjs";

function draw(text, tint = null) {
  const root = document.createElement("div");
  new Markdown(root, document).update(text, tint);
  return root;
}

const code = (lang, body) => `<figure .code><figcaption><span .lang>${lang || "text"}</span><button .copy>Copy</button></figcaption><pre><code>${body}</code></pre></figure>`;
const link = (href, text) => `<a href=${href}>${text}</a>`;

for (const [text, want] of [
  ["a\nb", "<p>a\nb</p>"],
  ["a\n\nb", "<p>a</p><p>b</p>"],
  ["a  \nb\\\nc", "<p>a<br></br>b<br></br>c</p>"],
  ["# A\n### B ##\n#no", "<h3>A</h3><h5>B</h5><p>#no</p>"],
  ["A\n===\nB\n---\n---", "<h3>A</h3><h4>B</h4><hr></hr>"],
  ["*a* **b** ***c*** _d_ ~~e~~ ~f~", "<p><em>a</em> <strong>b</strong> <em><strong>c</strong></em> <em>d</em> <del>e</del> ~f~</p>"],
  ["2 * 3 * 4, snake_case_name, a**b", "<p>2 * 3 * 4, snake_case_name, a**b</p>"],
  ["**a *b* c** and *open", "<p><strong>a <em>b</em> c</strong> and *open</p>"],
  ["`a*b*` `` x`y `` `open", "<p><code>a*b*</code> <code>x`y</code> `open</p>"],
  ["\\*a\\* &lt;b&gt; &#65; &nope;", "<p>*a* <b> A &nope;</p>"],
  ["<script>alert(1)</script><img src=x onerror=y>", "<p><script>alert(1)</script><img src=x onerror=y></p>"],
  ["[a](https://x.y/z \"t\") <https://x.y> https://x.y/q_(r), ok.", `<p>${link("https://x.y/z", "a")} ${link("https://x.y/", "https://x.y")} ${link("https://x.y/q_(r)", "https://x.y/q_(r)")}, ok.</p>`],
  ["[a](javascript:alert(1)) [b](/v1) [c](data:text/html,x) [d](JaVaScRiPt:x)", "<p>a b c d</p>"],
  ["![alt *b*](https://x.y/i.png)", `<p>${link("https://x.y/i.png", "alt <em>b</em>")}</p>`],
  ["[a [b](https://x.y) c](https://z.w)", `<p>[a ${link("https://x.y/", "b")} c](${link("https://z.w/", "https://z.w")})</p>`],
  ["- a\n- b\n  - c\n- d", "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>"],
  ["3. a\n4. b\n\n5. c", "<ol start=3><li><p>a</p></li><li><p>b</p></li><li><p>c</p></li></ol>"],
  ["1. a\n   ```py\n   x\n\n   # y\n   ```\n2. b", `<ol><li>a${code("py", "x\n\n<span .hl-comment># y</span>")}</li><li>b</li></ol>`],
  ["- [x] a\n- [ ] b", "<ul><li .task><span .box done></span>a</li><li .task><span .box></span>b</li></ul>"],
  ["> a\n> - b\nlazy\n\nc", "<blockquote><p>a</p><ul><li>b\nlazy</li></ul></blockquote><p>c</p>"],
  ["```\na <b>\n```\nc", code("", "a <b>") + "<p>c</p>"],
  ["```js\nlet x", code("js", "<span .hl-keyword>let</span> x")],
  ["~~~~\n```\n~~~~", code("", "```")],
  ["    x\n\n    y\nz", code("", "x\n\ny") + "<p>z</p>"],
  ["|a|b|\n|-|:-:|\n|1|`x|y`|\n|2|\nc", "<div .table><table><thead><tr><th>a</th><th .center>b</th></tr></thead><tbody><tr><td>1</td><td .center><code>x|y</code></td></tr><tr><td>2</td><td .center></td></tr><tr><td>c</td><td .center></td></tr></tbody></table></div>"],
  ["a | b\nno table", "<p>a | b\nno table</p>"],
  ["", ""],
]) {
  test(`markdown: ${JSON.stringify(text)}`, () => assert.equal(show(draw(text)), want));
}

test("links lead to the web and to mail only", () => {
  for (const good of ["https://a.b/c", "http://a.b/", "mailto:a@b.c"]) assert.equal(safeHref(good), good);
  for (const bad of ["javascript:x", " javascript:x", "java\nscript:x", "data:text/html,x", "vbscript:x", "file:///etc", "blob:x", "//a.b", "/v1", "", "ftp://a.b"]) assert.equal(safeHref(bad), null, bad);
});

test("highlighted code is the code", () => {
  for (const lang of ["js", "py", "go", "rust", "sh", "sql", "json", "html", "css", "yaml", "c", "lua", "constructor", "__proto__", ""]) {
    for (const s of ["", "a 'b", '"""x', "/* y", "`z", "# c\n// d", "1.5e3f 0x1F \u00b2 \ud83d\ude00 \ud800", "<!-- a", "@x.y(", "'\\"]) {
      assert.equal(highlight(s, lang).map(([, t]) => t).join(""), s, `${lang}: ${s}`);
    }
  }
  assert.deepEqual(highlight("def f(x): return 'a' # b", "python"), [["keyword", "def"], ["", " "], ["call", "f"], ["", "("], ["", "x"], ["", "): "], ["keyword", "return"], ["", " "], ["string", "'a'"], ["", " "], ["comment", "# b"]].reduce((out, [c, t]) => {
    const last = out[out.length - 1];
    if (last && last[0] === c) last[1] += t;
    else out.push([c, t]);
    return out;
  }, []));
});

test("tokens are tinted where they stand, through markup, lists and code", () => {
  const text = "a **bc** d\n\n- e `f`\n\n```py\nif g:\n    h\n```\n> i";
  const runs = new Runs();
  // Every second character is a drafted token of its own.
  for (let i = 0; i < text.length; i++) runs.push(1, i % 2 === 1);
  const root = draw(text, (from, to) => runs.cut(from, to));
  let tinted = "";
  for (const e of elements(root)) if (e.className === "drafted") tinted += e.textContent;
  const want = [...text].filter((c, i) => i % 2 === 1 && /[a-z:\s]/.test(c));
  // What is drafted and drawn appears in order; marks of markup are not drawn.
  let at = 0;
  for (const c of tinted) {
    at = want.indexOf(c, at);
    assert.ok(at >= 0, `${JSON.stringify(tinted)} has ${JSON.stringify(c)} out of place`);
    at++;
  }
  assert.equal(root.textContent, draw(text).textContent, "tint changes the text");
  for (const c of "abcdefghi") {
    const drafted = text.indexOf(c) % 2 === 1;
    assert.equal(tinted.includes(c), drafted, c);
  }
});

// Fuzzing, with a fixed seed: hostile texts in random pieces.
function random(seed) {
  let x = seed;
  return (n) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % n;
  };
}

const scraps = ["a", "b c", " ", "  ", "\n", "\n\n", "\r\n", "*", "**", "***", "_", "~~", "`", "```", "```js\n", "~~~", "- ", "1. ", "12) ", "> ", ">> ", "# ", "---", "===", "|", "|-|-|", "\n|:-|-:|\n", "[", "]", "](", ")", "![", "(", "https://a.b/", "javascript:alert(1)", "<script>", "<img src=x onerror=alert(1)>", "<https://x>", "<javascript:x>", "\\", "&lt;", "&#x0;", "&#99999999;", "\t", "    ", "[x] ", "\u202e", "\ud800", "\u0000", "é", "👍", "\"", "'", "=", "data:text/html,<b>", "mailto:a@b", "__proto__", "[a](javascript:b)", "[a](<x y>)", "\u2028"];
const tags = new Set("p h3 h4 h5 h6 hr blockquote figure figcaption span button pre code ul ol li div table thead tbody tr th td em strong del a br".split(" "));
const attributes = new Set("href rel target start scope tabindex role aria-label type data-copy".split(" "));

test("hostile text draws harmless elements, and growing text draws what whole text does", () => {
  const pick = random(20261126);
  for (let round = 0; round < 4000; round++) {
    let text = "";
    const root = document.createElement("div");
    const live = new Markdown(root, document);
    for (let n = 1 + pick(24); n > 0; n--) {
      text += scraps[pick(scraps.length)];
      live.update(text);
    }
    const whole = draw(text);
    assert.equal(show(root), show(whole), JSON.stringify(text));
    for (const e of elements(root)) {
      assert.ok(tags.has(e.tag), `${e.tag} from ${JSON.stringify(text)}`);
      for (const [name, value] of Object.entries(e.attributes)) {
        assert.ok(attributes.has(name), `${name} from ${JSON.stringify(text)}`);
        if (name === "href") assert.match(value, /^(https?:|mailto:)/, JSON.stringify(text));
      }
      if (e.tag === "a") assert.match(e.attributes.rel, /noopener/);
    }
    // Tinting changes nothing but spans.
    const runs = new Runs();
    for (let left = text.length; left > 0; ) {
      const n = Math.min(left, 1 + pick(5));
      runs.push(n, pick(2) === 0);
      left -= n;
    }
    assert.equal(draw(text, (from, to) => runs.cut(from, to)).textContent, whole.textContent, JSON.stringify(text));
  }
});

test("the longest hostile texts are drawn, however deep they nest", () => {
  for (const s of ["*a ", "**", "[", "![", "](", "`a", "> ", "- ", "1. ", "|a", "\\", "&", "_a_", "~~a", "<", "a\n-\n", "[a](", "![a](https://x.y/)", "***a** ", "```\n"]) {
    draw(s.repeat(Math.ceil(20000 / s.length)));
    draw(s.repeat(5000) + "a*".repeat(5000) + "](https://x.y)".repeat(500));
  }
});
