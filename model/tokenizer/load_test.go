package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"mtplx/model/demo"
)

// object is a JSON object under construction.
type object = map[string]any

// baseModel is the model of the variants: the bytes and a few hundred merges.
var baseModel = sync.OnceValue(func() []byte {
	data, err := os.ReadFile("testdata/variants.jsonl")
	if err != nil {
		panic(err)
	}
	return []byte(gjson.GetBytes(data, "models.base").Raw) // of the first line
})

// smallFile is a valid file with the vocabulary of the variants, changed by edit.
func smallFile(tb testing.TB, edit func(file, model object)) []byte {
	tb.Helper()
	var model object
	if err := json.Unmarshal(baseModel(), &model); err != nil {
		tb.Fatal(err)
	}
	byteLevel := object{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}
	file := object{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": []any{}, "normalizer": object{"type": "NFC"},
		"pre_tokenizer": object{"type": "Sequence", "pretokenizers": []any{
			object{"type": "Split", "pattern": object{"Regex": patternQwen2}, "behavior": "Isolated", "invert": false},
			byteLevel,
		}},
		"post_processor": byteLevel, "decoder": byteLevel, "model": model,
	}
	edit(file, model)
	var data bytes.Buffer
	e := json.NewEncoder(&data)
	e.SetEscapeHTML(false)
	if err := e.Encode(file); err != nil {
		tb.Fatal(err)
	}
	return bytes.TrimSpace(data.Bytes())
}

func asIs(object, object) {}

func addedEntry(id any, content string) object {
	return object{"id": id, "content": content, "special": true, "normalized": false}
}

// firstPart is the Split of a file's pre-tokenizer.
func firstPart(file object) object {
	return file["pre_tokenizer"].(object)["pretokenizers"].([]any)[0].(object)
}

func TestLoadRefuses(t *testing.T) {
	mustLoad(t, smallFile(t, asIs)) // what the cases below spoil is good before
	vocab := func(model object) object { return model["vocab"].(object) }
	parts := func(list ...any) object { return object{"type": "Sequence", "pretokenizers": list} }
	level := object{"type": "ByteLevel", "add_prefix_space": false}
	for _, c := range []struct {
		name string
		want string // in the error
		edit func(file, model object)
	}{
		{"no model", "model is missing", func(f, _ object) { delete(f, "model") }},
		{"model is a list", "model is [], want an object", func(f, _ object) { f["model"] = []any{} }},
		{"no model type", `model: "type" is missing`, func(_, m object) { delete(m, "type") }},
		{"other model", `model: "type" is "Unigram"`, func(_, m object) { m["type"] = "Unigram" }},
		{"dropout", "dropout 0.1", func(_, m object) { m["dropout"] = 0.1 }},
		{"dropout of no number", `dropout "x"`, func(_, m object) { m["dropout"] = "x" }},
		{"subword prefix", `continuing_subword_prefix "##"`, func(_, m object) { m["continuing_subword_prefix"] = "##" }},
		{"word suffix", `end_of_word_suffix "</w>"`, func(_, m object) { m["end_of_word_suffix"] = "</w>" }},
		{"ignore merges of no flag", `"ignore_merges" is 1`, func(_, m object) { m["ignore_merges"] = 1 }},

		{"no vocabulary", "model.vocab is missing", func(_, m object) { delete(m, "vocab") }},
		{"vocabulary is a list", "model.vocab is [1]", func(_, m object) { m["vocab"] = []int{1} }},
		{"byte without token", "1 of 256 bytes have no token, the first is 0x7e", func(_, m object) { delete(vocab(m), "~") }},
		{"empty vocabulary", "256 of 256 bytes have no token, the first is 0x00", func(_, m object) { m["vocab"] = object{} }},
		{"id twice", "id 65 is taken by", func(_, m object) { vocab(m)["new"] = 65 }},
		{"negative id", `token "new": id -1`, func(_, m object) { vocab(m)["new"] = -1 }},
		{"broken id", `token "new": id 1.5`, func(_, m object) { vocab(m)["new"] = 1.5 }},
		{"id of text", `token "new": id "5" is no whole number`, func(_, m object) { vocab(m)["new"] = "5" }},
		{"large id", `token "new": id 1048576 is too large: at most 1048576 tokens`, func(_, m object) { vocab(m)["new"] = maxSize }},
		{"huge id", `id 18446744073709551615 is too large`, func(_, m object) { vocab(m)["new"] = uint64(math.MaxUint64) }},
		{"long token", "it has 5000 bytes, more than the 4096", func(_, m object) { vocab(m)[strings.Repeat("x", 5000)] = 5000 }},

		{"no merges", "model.merges is missing", func(_, m object) { delete(m, "merges") }},
		{"merge of unknown token", `model.merges[1]: of "t", "zzz" and`, func(_, m object) { m["merges"] = [][]string{{"i", "n"}, {"t", "zzz"}} }},
		{"merge into unknown token", `model.merges[0]: of "z", "~" and`, func(_, m object) { m["merges"] = []string{"z ~"} }},
		{"merge of three", `model.merges[0]: ["i","n","n"] is no pair`, func(_, m object) { m["merges"] = [][]string{{"i", "n", "n"}} }},
		{"merge of one", `model.merges[0]: ["i"] is no pair`, func(_, m object) { m["merges"] = [][]string{{"i"}} }},
		{"merge of nothing", `model.merges[0]: ["","in"] is no pair`, func(_, m object) { m["merges"] = [][]string{{"", "in"}} }},
		{"merge of escapes", `model.merges[0]: ["\\","\"","n"] is no pair`, func(_, m object) { m["merges"] = [][]string{{`\`, `"`, "n"}} }},
		{"merge of numbers", `model.merges[0]: [1,2] is no pair`, func(_, m object) { m["merges"] = [][]int{{1, 2}} }},
		{"merge of text and number", `model.merges[0]: ["i",2] is no pair`, func(_, m object) { m["merges"] = [][]any{{"i", 2}} }},
		{"merge nested", `model.merges[0]: [["i","n"]] is no pair`, func(_, m object) { m["merges"] = [][]any{{[]string{"i", "n"}}} }},
		{"merge without space", `model.merges[0]: "in" is no pair`, func(_, m object) { m["merges"] = []string{"in"} }},
		{"merge of two spaces", `model.merges[0]: "i n n" is no pair`, func(_, m object) { m["merges"] = []string{"i n n"} }},
		{"merge without right side", `model.merges[0]: "i " is no pair`, func(_, m object) { m["merges"] = []string{"i "} }},
		{"merges of both forms", `model.merges[1]: ["i","n"] is no pair`, func(_, m object) { m["merges"] = []any{"i n", []string{"i", "n"}} }},

		{"added tokens of no list", "added_tokens is {}", func(f, _ object) { f["added_tokens"] = object{} }},
		{"added token of no object", "added_tokens[0]: it is 7", func(f, _ object) { f["added_tokens"] = []int{7} }},
		{"added token without content", `added_tokens[0]: "content" is missing`, func(f, _ object) { f["added_tokens"] = []object{{"id": 600}} }},
		{"added token of no text", `added_tokens[0]: "content" is ""`, func(f, _ object) { f["added_tokens"] = []object{addedEntry(600, "")} }},
		{"added token without id", `added_tokens[0]: token "<m>": it has no id`, func(f, _ object) { f["added_tokens"] = []object{{"content": "<m>"}} }},
		{"added id too large", `added_tokens[0]: token "<m>": id 9999999 is too large`, func(f, _ object) { f["added_tokens"] = []object{addedEntry(9999999, "<m>")} }},
		{"added twice", `added_tokens[1]: token "<m>" is there twice`, func(f, _ object) {
			f["added_tokens"] = []object{addedEntry(600, "<m>"), addedEntry(601, "<m>")}
		}},
		{"added id twice", `added_tokens[1]: id 600 is taken by "<m>"`, func(f, _ object) {
			f["added_tokens"] = []object{addedEntry(600, "<m>"), addedEntry(600, "<n>")}
		}},
		{"added id of the vocabulary", `added_tokens[0]: id 65 is taken by`, func(f, _ object) { f["added_tokens"] = []object{addedEntry(65, "<m>")} }},
		{"added token with two ids", `added_tokens[0]: token "in" has id 600, but`, func(f, _ object) { f["added_tokens"] = []object{addedEntry(600, "in")} }},
		{"added token too long", "has 300 bytes, more than the 256", func(f, _ object) {
			f["added_tokens"] = []object{addedEntry(600, strings.Repeat("<", 300))}
		}},
		{"added flag of no flag", `token "<m>": "lstrip" is "yes"`, func(f, _ object) {
			f["added_tokens"] = []object{{"id": 600, "content": "<m>", "lstrip": "yes"}}
		}},
		{"added token not in NFC", `is not in NFC itself`, func(f, _ object) {
			f["added_tokens"] = []object{{"id": 600, "content": "cafe\u0301", "normalized": true}}
		}},

		{"other normalizer", `normalizer: type "NFKC"`, func(f, _ object) { f["normalizer"] = object{"type": "NFKC"} }},
		{"other normalizer in a sequence", `normalizer.normalizers[1]: type "Lowercase"`, func(f, _ object) {
			f["normalizer"] = object{"type": "Sequence", "normalizers": []object{{"type": "NFC"}, {"type": "Lowercase"}}}
		}},
		{"normalizers of no list", `normalizer: "normalizers" is missing`, func(f, _ object) { f["normalizer"] = object{"type": "Sequence"} }},
		{"normalizer of no object", `normalizer is "NFC"`, func(f, _ object) { f["normalizer"] = "NFC" }},

		{"no pre-tokenizer", "pre_tokenizer is missing", func(f, _ object) { f["pre_tokenizer"] = nil }},
		{"other pre-tokenizer", `pre_tokenizer: type "Whitespace"`, func(f, _ object) { f["pre_tokenizer"] = object{"type": "Whitespace"} }},
		{"other regex", `pre_tokenizer.pretokenizers[0]: the regex "\\p{N}{1,3}"`, func(f, _ object) {
			firstPart(f)["pattern"] = object{"Regex": `\p{N}{1,3}`}
		}},
		{"string pattern", `pattern {"String":" "} is not supported`, func(f, _ object) { firstPart(f)["pattern"] = object{"String": " "} }},
		{"no pattern", `pretokenizers[0].pattern is missing`, func(f, _ object) { delete(firstPart(f), "pattern") }},
		{"other behavior", `"behavior" is "Removed"`, func(f, _ object) { firstPart(f)["behavior"] = "Removed" }},
		{"inverted", `"invert" is true`, func(f, _ object) { firstPart(f)["invert"] = true }},
		{"no byte level", "it has no ByteLevel part", func(f, _ object) { f["pre_tokenizer"] = firstPart(f) }},
		{"two byte levels", "a part follows ByteLevel", func(f, _ object) { f["pre_tokenizer"] = parts(level, level) }},
		{"byte level first", "a part follows ByteLevel", func(f, _ object) { f["pre_tokenizer"] = parts(level, firstPart(f)) }},
		{"byte levels apart", "a part follows ByteLevel", func(f, _ object) {
			f["pre_tokenizer"] = parts(parts(parts(level)), parts(level))
		}},
		{"many parts", "more than the 8 parts", func(f, _ object) {
			p := firstPart(f)
			f["pre_tokenizer"] = parts(p, p, p, p, p, p, p, p, level)
		}},
		{"many nested parts", "it has 11 parts, at most 8", func(f, _ object) {
			p := firstPart(f)
			f["pre_tokenizer"] = parts(parts(p, p, p, p, p), parts(p, p, p, p, p), level)
		}},
		{"use_regex of no flag", `"use_regex" is 0`, func(f, _ object) { f["pre_tokenizer"] = object{"type": "ByteLevel", "use_regex": 0} }},

		{"no decoder", "decoder is missing", func(f, _ object) { delete(f, "decoder") }},
		{"other decoder", `decoder: type "WordPiece"`, func(f, _ object) { f["decoder"] = object{"type": "WordPiece"} }},
		{"two decoders", "a sequence of 2 decoders", func(f, _ object) {
			f["decoder"] = object{"type": "Sequence", "decoders": []object{level, level}}
		}},
		{"other post-processor", `post_processor.processors[1]: type "TemplateProcessing"`, func(f, _ object) {
			f["post_processor"] = object{"type": "Sequence", "processors": []object{level, {"type": "TemplateProcessing"}}}
		}},
		{"many members", "more than 64 members", func(f, _ object) {
			for i := range 70 {
				f[fmt.Sprint("member", i)] = i
			}
		}},
		{"deep nesting", "more than 32 deep", func(f, _ object) {
			v := any(1)
			for range 40 {
				v = []any{v}
			}
			f["deep"] = v
		}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			tok, err := Load(smallFile(t, c.edit))
			if err == nil {
				t.Fatalf("it loads, with %d tokens", tok.Size())
			}
			if !strings.HasPrefix(err.Error(), "load tokenizer.json: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %q, want one that says %q", err, c.want)
			}
			if len(err.Error()) > 600 {
				t.Errorf("the error has %d bytes: %q", len(err.Error()), err)
			}
		})
	}
}

// What no encoder would write.
func TestLoadRefusesBrokenFiles(t *testing.T) {
	good := string(smallFile(t, asIs))
	for _, c := range []struct{ name, data, want string }{
		{"empty", "", "the file is empty"},
		{"blank", " \n", "not valid JSON"},
		{"null", "null", "the file is missing, want an object"},
		{"number", "5", "the file is 5, want an object"},
		{"list", "[]", "the file is [], want an object"},
		{"cut", good[:len(good)/2], "not valid JSON"},
		{"one byte short", good[:len(good)-1], "not valid JSON"},
		{"more behind it", good + "{}", "not valid JSON"},
		{"no text", strings.Replace(good, "NFC", "NF\xff", 1), "not valid UTF-8"},
		{"section twice", strings.Replace(good, `{`, `{"model":{},`, 1), `the file has "model" twice`},
		{"token twice", strings.Replace(good, `"vocab":{`, `"vocab":{"!":900,`, 1), "it is there twice, as id"},
		{"control character", strings.Replace(good, `"vocab":{`, "\"vocab\":{\"a\nb\":900,", 1), "not valid JSON"},
		{"escape unknown", strings.Replace(good, `"vocab":{`, `"vocab":{"\q":900,`, 1), "not valid JSON"},
		{"leading zero", strings.Replace(good, `"vocab":{`, `"vocab":{"new":0900,`, 1), "id 0900 is no whole number"},
		{"no value", strings.Replace(good, `"vocab":{`, `"vocab":{"new":,`, 1), "not valid JSON"},
		{"no colon", strings.Replace(good, `"vocab":{`, `"vocab":{"new" 900,`, 1), "not valid JSON"},
		{"no comma", strings.Replace(good, `"vocab":{`, `"vocab":{"new":900 `, 1), "not valid JSON"},
		{"comma first", strings.Replace(good, `"vocab":{`, `"vocab":{,`, 1), "not valid JSON"},
		{"comma last", strings.Replace(good, `"merges":[`, `"merges":[["i","n"],],"x":[`, 1), "not valid JSON"},
		{"merge cut", strings.Replace(good, `"merges":[`, `"merges":[["i","n"],["i"`, 1), "not valid JSON"},
		{"wrong end", strings.Replace(good, `"merges":[`, `"merges":[["i","n"]},"x":[`, 1), "not valid JSON"},
		{"merges without end", strings.Replace(good, `"merges":[`, `"merges":[`+strings.Repeat(`"i n",`, maxMerges)+`"i n"],"x":[`, 1), "more than the 2097152"},
		{"only brackets", strings.Repeat("[", 1<<20), "more than 32 deep"},
		{"brackets in the model", `{"model":{"vocab":` + strings.Repeat("[", 1<<20), "more than 32 deep"},
		{"brackets behind a string", `"" ` + strings.Repeat("[", 1<<20), "not valid JSON"},
		{"only braces", strings.Repeat(`{"":`, 1<<20), "more than 32 deep"},
		{"only quotes", strings.Repeat(`"`, 1<<20), "not valid JSON"},
		{"escape at the end", `{"a\`, "not valid JSON"},
		{"closed too often", "]]]]", "not valid JSON"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			if _, err := Load([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one that says %q", err, c.want)
			}
		})
	}
	if _, err := Load(make([]byte, maxFile+1)); err == nil || !strings.Contains(err.Error(), "more than the") {
		t.Errorf("a file too large gives error %v", err)
	}
}

// A file of a few bytes cannot claim memory, whatever sizes it names.
func TestLoadBoundsMemory(t *testing.T) {
	for name, data := range map[string][]byte{
		"largest id":       smallFile(t, func(_, m object) { m["vocab"].(object)["new"] = maxSize - 1 }),
		"largest added id": smallFile(t, func(f, _ object) { f["added_tokens"] = []object{addedEntry(maxSize-1, "<m>")} }),
		"colons":           smallFile(t, func(_, m object) { m["vocab"] = object{strings.Repeat(":", 1<<20): 1} }),
		"brackets":         smallFile(t, func(_, m object) { m["merges"] = [][]string{{"i", strings.Repeat("[", 1<<23)}} }),
		"commas":           smallFile(t, func(_, m object) { m["merges"] = []string{strings.Repeat(",", 1<<23)} }),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		tok, err := Load(data)
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 128<<20 {
			t.Errorf("%s: %d bytes of file took %d bytes of memory", name, len(data), got)
		}
		if err == nil && tok.Size() != maxSize {
			t.Errorf("%s: Size() = %d, want %d", name, tok.Size(), maxSize)
		}
	}
}

func TestLoadAccepts(t *testing.T) {
	level := object{"type": "ByteLevel"}
	for _, c := range []struct {
		name string
		edit func(file, model object)
	}{
		{"no optional section", func(f, _ object) {
			for _, name := range []string{"version", "truncation", "padding", "added_tokens", "normalizer", "post_processor"} {
				delete(f, name)
			}
		}},
		{"options of other models", func(_, m object) {
			maps.Copy(m, object{"dropout": 0, "unk_token": "x", "fuse_unk": true, "byte_fallback": true, "continuing_subword_prefix": "", "end_of_word_suffix": ""})
		}},
		{"nested processors", func(f, _ object) {
			f["post_processor"] = object{"type": "Sequence", "processors": []any{level, level}}
			f["decoder"] = object{"type": "Sequence", "decoders": []any{level}}
		}},
		{"sections of later versions", func(f, _ object) { f["comment"] = object{"any": []int{1}} }},
		{"truncation", func(f, _ object) { f["truncation"] = object{"max_length": 1} }},
	} {
		tok, err := Load(smallFile(t, c.edit))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := string(tok.Decode(nil, tok.Encode(nil, "in the rest", true), true)); got != "in the rest" {
			t.Errorf("%s: the text comes back as %q", c.name, got)
		}
	}
}

// White space and escapes say nothing: a file spelled differently is the same tokenizer.
func TestLoadDoesNotDependOnSpelling(t *testing.T) {
	data := demo.Files()["tokenizer.json"]
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	spread, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	var escaped strings.Builder
	for _, r := range string(data) {
		if r < 0x80 {
			escaped.WriteRune(r)
		} else {
			fmt.Fprintf(&escaped, `\u%04x`, r)
		}
	}
	want := mustLoad(t, data)
	for name, data := range map[string][]byte{"spread": spread, "escaped": []byte(escaped.String())} {
		got := mustLoad(t, data)
		if got.Size() != want.Size() || got.merges.count != want.merges.count {
			t.Errorf("%s: %d tokens and %d merges, want %d and %d",
				name, got.Size(), got.merges.count, want.Size(), want.merges.count)
		}
		compareCorpus(t, got, func(c corpusText) encoding { return c.Default })
	}
}

// The tokenizer outlives the file it was read from.
func TestLoadKeepsNoReference(t *testing.T) {
	data := smallFile(t, func(f, _ object) { f["added_tokens"] = []object{addedEntry(600, "<m>")} })
	tok := mustLoad(t, data)
	for i := range data {
		data[i] = 'x'
	}
	for id := range int32(tok.Size()) {
		token, ok := tok.Token(id)
		if !ok {
			continue
		}
		if back, ok := tok.ID(token); !ok || back != id {
			t.Errorf("ID(Token(%d)) = %d, %v", id, back, ok)
		}
	}
	if got := tok.Encode(nil, "<m>", true); len(got) != 1 || got[0] != 600 {
		t.Errorf("Encode(<m>) = %v, want [600]", got)
	}
}

func TestDefaultTokens(t *testing.T) {
	tok := defaultTokenizer(t)
	if got, want := tok.Size(), 16384; got != want {
		t.Errorf("Size() = %d, want %d", got, want)
	}
	for _, c := range []struct {
		token   string
		id      int32
		bytes   string
		special bool
	}{
		{"!", 0, "!", false},
		{"Ġ", tok.byteID[' '], " ", false},
		{"<|endoftext|>", 16372, "<|endoftext|>", true},
		{"<|im_end|>", 16374, "<|im_end|>", true},
		{"<think>", 16375, "<think>", true},
	} {
		if id, ok := tok.ID(c.token); !ok || id != c.id {
			t.Errorf("ID(%q) = %d, %v, want %d", c.token, id, ok, c.id)
		}
		if token, ok := tok.Token(c.id); !ok || token != c.token {
			t.Errorf("Token(%d) = %q, %v, want %q", c.id, token, ok, c.token)
		}
		if got := tok.Bytes(c.id); got != c.bytes {
			t.Errorf("Bytes(%d) = %q, want %q", c.id, got, c.bytes)
		}
		if got := tok.IsSpecial(c.id); got != c.special {
			t.Errorf("IsSpecial(%d) = %v, want %v", c.id, got, c.special)
		}
	}
	for _, id := range []int32{-1, math.MinInt32, math.MaxInt32, int32(tok.Size())} {
		if token, ok := tok.Token(id); ok || tok.Bytes(id) != "" || tok.IsSpecial(id) {
			t.Errorf("id %d has token %q, bytes %q, special %v, want none", id, token, tok.Bytes(id), tok.IsSpecial(id))
		}
	}
	if id, ok := tok.ID("no such token"); ok {
		t.Errorf("ID of a text that is no token = %d", id)
	}
}
