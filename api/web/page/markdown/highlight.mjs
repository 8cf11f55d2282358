// Light syntax highlighting: comments, strings, numbers, keywords and called names, for the languages that answers are
// written in. It colours; it does not understand.

const words = (s) => new Set(s.split(" "));
const c = words(
  "if else for while do switch case default break continue return struct union enum typedef static const extern void int long short char float double unsigned signed bool sizeof goto inline volatile register auto nullptr true false class public private protected virtual override final template typename namespace using new delete this throw try catch operator friend constexpr import package extends implements interface abstract synchronized instanceof super null boolean byte var record sealed foreach in out ref async await get set string object when data fun val fn let",
);
const script = words(
  "if else for while do switch case default break continue return function const let var class extends new this super import export from as async await yield try catch finally throw typeof instanceof in of void delete null undefined true false static get set interface type enum implements readonly declare namespace keyof never unknown any string number boolean",
);
const python = words(
  "def class return if elif else for while in not and or is None True False import from as with try except finally raise lambda yield pass break continue global nonlocal assert del async await match case self",
);
const go = words(
  "func package import return if else for range switch case default break continue goto fallthrough var const type struct interface map chan go defer select nil true false iota string int int8 int16 int32 int64 uint uint8 uint16 uint32 uint64 float32 float64 bool byte rune error any make new len cap append copy delete panic recover min max",
);
const rust = words(
  "fn let mut pub struct enum impl trait for in if else match while loop return use mod crate self Self super as const static ref move async await where type unsafe dyn true false break continue Some None Ok Err Box Vec String Option Result i8 i16 i32 i64 u8 u16 u32 u64 usize isize f32 f64 bool char str",
);
const shell = words("if then else elif fi for while do done case esac in function return local export set unset echo cd exit source alias read test sudo true false");
const sql = words(
  "select from where and or not insert into values update set delete create table drop alter add primary key foreign references join left right inner outer full on as group by order having limit offset union all distinct count sum avg min max null is in like between exists case when then else end index view with integer int text varchar boolean date timestamp default constraint begin commit rollback returning asc desc",
);
const ruby = words("def end class module if elsif else unless while until for in do return yield begin rescue ensure raise nil true false self and or not then case when puts require attr_accessor lambda proc");
const lua = words("function end local if then elseif else for while do repeat until return nil true false and or not in break");

const slashes = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const hash = /#[^\n]*/y;
const dashes = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/y;
const markup = /<!--[\s\S]*?(?:-->|$)/y;
const quotes = /"(?:[^"\\\n]|\\[\s\S])*(?:"|$|(?=\n))|'(?:[^'\\\n]|\\[\s\S])*(?:'|$|(?=\n))/y;
const backquotes = new RegExp(quotes.source + "|`(?:[^`\\\\]|\\\\[\\s\\S])*(?:`|$)", "y");
const triple = new RegExp(`[rbfuRBFU]{0,2}(?:"""[\\s\\S]*?(?:"""|$)|'''[\\s\\S]*?(?:'''|$)|${quotes.source})`, "y");
const number = /(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)[a-zA-Z]{0,3}/y;
const name = /[\p{L}_$][\p{L}\p{N}_$]*/uy;
const other = /\s+|[^\p{L}\p{N}_$\s"'`#/<-]+|[\s\S]/uy;

const kinds = {
  c: { comment: slashes, string: quotes, keywords: c },
  js: { comment: slashes, string: backquotes, keywords: script },
  python: { comment: hash, string: triple, keywords: python, decorator: true },
  go: { comment: slashes, string: backquotes, keywords: go },
  rust: { comment: slashes, string: /"(?:[^"\\]|\\[\s\S])*(?:"|$)|'(?:[^'\\\n]|\\.)'/y, keywords: rust },
  shell: { comment: hash, string: quotes, keywords: shell },
  sql: { comment: dashes, string: quotes, keywords: sql, fold: true },
  ruby: { comment: hash, string: quotes, keywords: ruby },
  lua: { comment: dashes, string: quotes, keywords: lua },
  data: { comment: hash, string: quotes, keywords: words("true false null yes no") },
  json: { string: quotes, keywords: words("true false null") },
  css: { comment: slashes, string: quotes, keywords: words("important") },
  markup: { comment: markup, string: quotes, keywords: new Set(), tags: true },
};

const names = {};
for (const [kind, list] of Object.entries({
  c: "c h cpp c++ cc cxx hpp java cs csharp kotlin kt swift scala dart objc metal cuda cu glsl hlsl php zig",
  js: "js javascript mjs cjs jsx ts typescript tsx node",
  python: "py python python3 py3",
  go: "go golang",
  rust: "rs rust",
  shell: "sh bash zsh shell console fish dockerfile docker makefile make powershell ps1",
  sql: "sql postgresql mysql sqlite",
  ruby: "rb ruby",
  lua: "lua haskell hs",
  data: "yaml yml toml ini conf properties r",
  json: "json jsonc json5",
  css: "css scss less",
  markup: "html xml svg xhtml vue htm",
})) {
  for (const n of list.split(" ")) names[n] = kind;
}

/** Splits code into [class, text] pairs that make it together; class is "" for text without colour. */
export function highlight(source, lang) {
  const kind = Object.hasOwn(names, lang.toLowerCase()) ? kinds[names[lang.toLowerCase()]] : null;
  if (!kind || source.length > 200000) return [["", source]];
  const out = [];
  const add = (cls, text) => {
    const last = out[out.length - 1];
    if (last && last[0] === cls) last[1] += text;
    else out.push([cls, text]);
  };
  let at = 0;
  const take = (re) => {
    if (!re) return "";
    re.lastIndex = at;
    const m = re.exec(source);
    return m ? m[0] : "";
  };
  while (at < source.length) {
    let text;
    let cls = "";
    if ((text = take(kind.comment))) cls = "comment";
    else if ((text = take(kind.string))) cls = kind === kinds.json && /^\s*:/.test(source.slice(at + text.length, at + text.length + 20)) ? "name" : "string";
    else if ((text = take(number))) cls = "number";
    else if (kind.decorator && source[at] === "@" && (text = /^@[\w.]*/.exec(source.slice(at, at + 100))[0])) cls = "name";
    else if ((text = take(name))) {
      const before = source[at - 1];
      if (kind.tags) cls = before === "<" || (before === "/" && source[at - 2] === "<") ? "keyword" : source[at + text.length] === "=" ? "name" : "";
      else if (kind.keywords.has(kind.fold ? text.toLowerCase() : text) && before !== ".") cls = "keyword";
      else if (source[at + text.length] === "(") cls = "call";
    } else text = take(other);
    add(cls, text);
    at += text.length;
  }
  return out;
}
