#!/usr/bin/env python3
"""Write the corpus that the Go tests compare with: corpus.py DEFAULT QWEN3 OUTDIR

DEFAULT and QWEN3 are tokenizer.json files (the default checkpoint's, and what fetch.sh gets); OUTDIR is
model/tokenizer/testdata. The ids are those of the reference: pip install tokenizers==0.23.3

  corpus.jsonl    a text a line, its ids under both tokenizers, and where both patterns split it
  decode.jsonl    ids, whole and broken, and their text
  classes.jsonl   which characters the reference takes for letters, marks, numbers, white space and unassigned
  variants.jsonl  small tokenizers with the options that the real ones do not use
"""

import json
import random
import sys
import unicodedata

from tokenizers import Regex, Tokenizer, normalizers
from tokenizers.pre_tokenizers import Split

import texts
from variants import variants

NFC = normalizers.NFC()


def ordered_alike(c):
    """The reference normalises with the marks of Unicode 9; newer ones are put in order by Go only."""
    if unicodedata.combining(c) == 0:
        return True
    low, high = "a" + c + "\u0334", "a\u0345" + c
    return any(NFC.normalize_str(s) != s for s in (low, high))


def characters(rng):
    """Characters of every block that Go 1.26 (Unicode 15) and Python 3.11 and later (14) both know."""
    pool = [chr(c) for c in range(0x20, 0x32000) if not 0xD800 <= c <= 0xDFFF]
    pool = [c for c in pool if unicodedata.category(c) not in ("Cn", "Co") and ordered_alike(c)]
    han = [c for c in pool if unicodedata.category(c) == "Lo" and ord(c) >= 0x3400]
    rest = [c for c in pool if not (unicodedata.category(c) == "Lo" and ord(c) >= 0x3400)]
    for _ in range(90):
        yield "".join(rng.choice(rest if rng.random() < 0.8 else han) for _ in range(rng.randint(2, 12)))


def mixtures(rng):
    """Random strings of what the patterns and the added tokens tell apart."""
    atoms = list("abcehxZ  \t\n\r'sStTrReEvVlLdDmM0159.,!?<>|_/-=(){}\"") + texts.ADDED_LIKE + [
        "\u00a0", "\u2003", "\u3000", "\u0301", "\u0327", "\u093f", "\u20dd", "é", "e\u0301", "中", "が", "か\u3099", "한", "ا", "ُ",
        "हि", "👍", "\u200d", "👩‍💻", "ſ", "ß", "\u2126", "½", "Ⅷ", "٣", "\x00", "\x1f", "\x85", "\u2028", "\ufeff", "the ",
        "ing", "tion", " function", "   ", "\r\n", "\n\n", "'s", "'RE", "'ll", "  \n", " \u0301",
    ]
    for n in (2, 3, 4, 5, 6, 8, 12, 20):
        for _ in range(40):
            yield "".join(rng.choice(atoms) for _ in range(n))


def all_texts():
    rng = random.Random(7)
    fixed = [""]
    for group in (texts.PROSE.values(), texts.CODE.values(), texts.NUMBERS, texts.CONTRACTIONS, texts.SPACES, texts.SYMBOLS,
                  texts.MARKS, texts.CONTROLS, texts.LONG, texts.CHATS):
        fixed += group
    chars = texts.PROSE["english"]
    added = [chars[:i] + t + chars[i:] for t in texts.ADDED_LIKE[:4] for i in (0, 1, 9, 30)]
    seen = set()
    for t in fixed + added + list(characters(rng)) + list(mixtures(rng)):
        if t not in seen:
            seen.add(t)
            yield t


def encodings(tok, text):
    tok.encode_special_tokens = False
    ids = tok.encode(text, add_special_tokens=False).ids
    tok.encode_special_tokens = True
    plain = tok.encode(text, add_special_tokens=False).ids
    tok.encode_special_tokens = False
    return ids, plain


def pattern(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"]


def pieces(split, text):
    return [len(p.encode()) for p, _ in split.pre_tokenize_str(text)]


def ranges(regex):
    """The characters of a class, as first and last ones in turn."""
    split = Split(Regex(regex + "+"), "isolated")
    flat, inside = [], Split(Regex(regex), "removed")
    step = 1 << 12
    for start in range(0, 0x110000, step):
        chars = "".join(chr(c) for c in range(start, start + step) if not 0xD800 <= c <= 0xDFFF)
        for piece, _ in split.pre_tokenize_str(chars):
            if inside.pre_tokenize_str(piece[0]):
                continue  # a run of other characters
            if flat and flat[-1] == ord(piece[0]) - 1:
                flat[-1] = ord(piece[-1])
            else:
                flat += [ord(piece[0]), ord(piece[-1])]
    return flat


def decodings(rng, tok, other):
    """Ids in random order, which break characters, with special, absent and impossible ones among them."""
    size = tok.get_vocab_size()
    byte_tokens = [i for i in range(256)]
    for kind in range(60):
        n = rng.randint(1, 14)
        if kind % 3 == 0:
            ids = [rng.choice(byte_tokens) for _ in range(n)]
        elif kind % 3 == 1:
            ids = [rng.randrange(size) for _ in range(n)]
        else:
            ids = tok.encode("é中👩‍💻<|im_end|>\u0301x<tool_call>क", add_special_tokens=False).ids
            rng.shuffle(ids)
            ids = ids[:n]
        if kind % 5 == 4:
            ids.insert(rng.randint(0, len(ids)), rng.choice([size, size + 1000, 2**31 - 1]))
        yield {
            "tokenizer": other,
            "ids": ids,
            "text": tok.decode(ids, skip_special_tokens=False),
            "skipped": tok.decode(ids, skip_special_tokens=True),
        }


def dump(path, rows):
    with open(path, "w", encoding="utf-8") as f:
        for row in rows:
            f.write(json.dumps(row, ensure_ascii=True, separators=(",", ":")) + "\n")


def main():
    default_path, qwen3_path, out = sys.argv[1:]
    named = {"default": default_path, "qwen3": qwen3_path}
    toks = {name: Tokenizer.from_file(path) for name, path in named.items()}
    splits = {name: Split(Regex(pattern(path)), "isolated") for name, path in named.items()}

    rows = []
    for text in all_texts():
        row = {"text": text}
        for name, tok in toks.items():
            ids, plain = encodings(tok, text)
            row[name] = {"ids": ids, "split": pieces(splits[name], text)}
            if plain != ids:
                row[name]["plain"] = plain
        if row["default"]["split"] == row["qwen3"]["split"]:
            del row["qwen3"]["split"]
        rows.append(row)
    dump(out + "/corpus.jsonl", rows)

    rng = random.Random(11)
    dump(out + "/decode.jsonl", [r for name, tok in toks.items() for r in decodings(rng, tok, name)])

    with open(default_path, encoding="utf-8") as f:
        model = json.load(f)["model"]
    regexes = {"letter": r"\p{L}", "mark": r"\p{M}", "number": r"\p{N}", "space": r"\s", "unassigned": r"\p{Cn}"}
    dump(out + "/classes.jsonl", [{"class": name, "ranges": ranges(r)} for name, r in regexes.items()])
    dump(out + "/variants.jsonl", variants(model))


main()
