"""Small tokenizers with the options that published ones do not use, and what the reference makes of them."""

import json

from tokenizers import Tokenizer

GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
GPT2_PREFIX = dict(GPT2, add_prefix_space=True)
PLAIN = dict(GPT2, use_regex=False)
PLAIN_PREFIX = dict(PLAIN, add_prefix_space=True)
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLIT = {"type": "Split", "pattern": {"Regex": QWEN2}, "behavior": "Isolated", "invert": False}
NFC = {"type": "NFC"}

TEXTS = [
    "", " ", "a", " a", "a b", "  a  b  ", "it's ITS 'tis I'LL we'll", "x1 22 333", "a\n\nb \n c", "a.b, (c)!", "\t\ttab", "ends in space ",
    "the rest in the ring", "e\u0301 \u212b", "日本 語", "\u00a0x\u00a0", "    four", "a\u0301'sx", "½ ①2", "!!\n\n!!", "' 're '", "\r\n", "x\r\n y",
    "<m>", "a<m>b", "a <m> b", "a  <m>  b", "\n<m>\n", "<m><m>", "<m> <m>", "  <m>", "<m>  ", "x<m>", "<m>x", "_<m>", "<m>_", "é<m>é", "\u0301<m>", "<m>\u200d", "1<m>2", "<m>-<m>", "\u3000<m>\u3000",
    "<mm>", "<m>m>", "<mmm>", "<m", "m>", "<<m>>", "caf\u00e9", "cafe\u0301", " cafe\u0301 ", "a\u212bz", "\u212bz", "x\u00c5y", "word", "sword", "word s", "words", "a word.", "wordword", "word word", "Word",
    "a   b", "\n  \n", "  word  ", "\tword\t", "\u0120<", "\u0120<m>", "\u00f1\u00e9", "x\u00f1\u00e9 a b",
]


def added(id, content, **flags):
    t = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    t.update(flags)
    return t


def small_model(model, n):
    """The bytes and the first n merges of a model, with new ids."""
    vocab = {t: i for i, t in enumerate(sorted((t for t in model["vocab"] if len(t) == 1), key=model["vocab"].get))}
    merges = [m if isinstance(m, list) else m.split(" ") for m in model["merges"][:n]]
    for left, right in merges:
        vocab[left + right] = len(vocab)
    return dict(model, vocab=vocab, merges=merges)


def variants(model):
    base = small_model(model, 250)
    size = len(base["vocab"])
    # A whole word that no merge makes: only ignore_merges finds it.
    extra = dict(base, vocab=dict(base["vocab"], word=size, **{"\u0120word": size + 1}), ignore_merges=True)
    again = dict(base, merges=base["merges"] + [base["merges"][4], base["merges"][0]])
    strings = dict(base, merges=[" ".join(m) for m in base["merges"]])
    last = size + 2

    def seq(*parts):
        return {"type": "Sequence", "pretokenizers": list(parts)}

    out = []

    def variant(name, model=base, normalizer=None, pre=PLAIN, tokens=()):
        file = {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": list(tokens), "normalizer": normalizer,
            "pre_tokenizer": pre, "post_processor": None, "decoder": GPT2, "model": model,
        }
        tok = Tokenizer.from_str(json.dumps(file))
        for t in tokens:
            assert tok.token_to_id(t["content"]) == t["id"], (name, t)
        cases = []
        for text in TEXTS:
            ids = tok.encode(text, add_special_tokens=False).ids
            tok.encode_special_tokens = True
            plain = tok.encode(text, add_special_tokens=False).ids
            tok.encode_special_tokens = False
            case = {"text": text, "ids": ids}
            if plain != ids:
                case["plain"] = plain
            decoded = tok.decode(ids, skip_special_tokens=False)
            skipped = tok.decode(ids, skip_special_tokens=True)
            if decoded != text:
                case["decoded"] = decoded
            if skipped != decoded:
                case["skipped"] = skipped
            cases.append(case)
        kind = {id(base): "base", id(extra): "extra", id(again): "again", id(strings): "strings"}[id(model)]
        del file["model"]
        out.append({"name": name, "model": kind, "file": file, "cases": cases})

    variant("no split")
    variant("prefix space", pre=PLAIN_PREFIX)
    variant("own pattern", pre=GPT2)
    variant("own pattern and prefix space", pre=GPT2_PREFIX)
    variant("own pattern, option left out", pre={"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True})
    variant("split", pre=seq(SPLIT, PLAIN))
    variant("split, then prefix space", pre=seq(SPLIT, PLAIN_PREFIX))
    variant("split, then own pattern and prefix space", pre=seq(SPLIT, GPT2_PREFIX))
    variant("nested sequences", pre=seq(seq(SPLIT), seq(PLAIN)))
    variant("NFC", normalizer=NFC, pre=seq(SPLIT, PLAIN))
    variant("NFC in a sequence", normalizer={"type": "Sequence", "normalizers": [NFC, NFC]}, pre=seq(SPLIT, PLAIN))
    variant("empty sequence", normalizer={"type": "Sequence", "normalizers": []}, pre=seq(SPLIT, PLAIN))
    variant("ignore merges", model=extra, pre=seq(SPLIT, PLAIN))
    variant("ignore merges, own pattern", model=extra, pre=GPT2)
    variant("ignore merges of added tokens", model=extra, pre=GPT2, tokens=[added(last, "rest"), added(last + 1, "tab")])
    variant("merges twice", model=again, pre=seq(SPLIT, PLAIN))
    variant("merges as strings", model=strings, pre=seq(SPLIT, PLAIN))
    for flag in ("single_word", "lstrip", "rstrip", "normalized"):
        variant(flag, normalizer=NFC, pre=GPT2, tokens=[added(size, "<m>", **{flag: True}), added(size + 1, "word", special=False, **{flag: True})])
    variant("lstrip and rstrip", pre=GPT2, tokens=[added(size, "<m>", lstrip=True, rstrip=True), added(size + 1, "word", lstrip=True, rstrip=True)])
    variant("prefix space and added tokens", pre=PLAIN_PREFIX, tokens=[added(size, "<m>")])
    variant("longest first", pre=GPT2, tokens=[added(size, "<m"), added(size + 1, "<m>"), added(size + 2, "<m>m>", special=False), added(size + 3, "m>", special=False), added(size + 4, "<mm")])
    variant("special around plain", pre=GPT2, tokens=[added(size, "a <m> b"), added(size + 1, "<m>", special=False)])
    variant("white space", pre=GPT2, tokens=[added(size, " "), added(size + 1, "<m>", lstrip=True, rstrip=True, special=False), added(size + 2, "\n\n", special=False)])
    variant("normalized content", normalizer=NFC, pre=GPT2, tokens=[added(size, "caf\u00e9", normalized=True), added(size + 1, "\u00c5z", normalized=True, special=False), added(size + 2, "<m>", normalized=True)])
    variant("content as it stands", normalizer=NFC, pre=GPT2, tokens=[added(size, "cafe\u0301"), added(size + 1, "\u212b", special=False)])
    variant("both kinds", normalizer=NFC, pre=GPT2, tokens=[added(size, "<m>", normalized=True), added(size + 1, "<m>m>"), added(size + 2, "x<m>", normalized=True)])
    variant("single word next to stripped space", pre=GPT2, tokens=[added(size, "word", single_word=True, lstrip=True), added(size + 1, "<m>", single_word=True, rstrip=True)])
    variant("spelling in content", pre=GPT2, tokens=[added(size, "\u0120<", special=False), added(size + 1, "a b", special=False), added(size + 2, "\u00f1\u00e9", special=False)])
    variant("of the vocabulary", pre=GPT2, tokens=[added(base["vocab"]["in"], "in"), added(base["vocab"]["t"], "t", special=False)])
    models = {"base": base, "extra": extra, "again": again, "strings": strings}
    return [{"models": models}] + out
