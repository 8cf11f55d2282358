package tokenizer

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// exercise uses a tokenizer in every way and checks what must hold for any.
func exercise(t *testing.T, tok *Tokenizer, text string) {
	t.Helper()
	for _, special := range []bool{true, false} {
		ids := tok.Encode(nil, text, special)
		for _, id := range ids {
			if _, ok := tok.Token(id); !ok {
				t.Fatalf("Encode(%q, %v) has id %d, which has no token", text, special, id)
			}
			if !special && tok.IsSpecial(id) && tok.addedOnly(id) {
				t.Fatalf("Encode(%q, false) has the special token %d", text, id)
			}
		}
		checkStream(t, tok, ids)
	}
}

func FuzzLoad(f *testing.F) {
	good := smallFile(f, asIs)
	f.Add(good)
	f.Add(good[:200])
	f.Add(smallFile(f, func(file, _ object) {
		file["added_tokens"] = []object{addedEntry(600, "<m>"), {"id": 601, "content": "é", "lstrip": true, "rstrip": true}}
	}))
	f.Add([]byte(`{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if tok, err := Load(data); err == nil {
			exercise(t, tok, "it's <m> é\u0301\n  x")
		} else if !utf8.ValidString(err.Error()) {
			t.Errorf("error %q is not valid UTF-8", err)
		}
	})
}

// FuzzSections spoils the parts of a file one by one: whole files seldom survive a random change.
func FuzzSections(f *testing.F) {
	const level = `{"type":"ByteLevel","add_prefix_space":true,"use_regex":true}`
	f.Add(`null`, level, level, `[]`, `"e":0`, `["i","n"]`, "it's <m>")
	f.Add(`{"type":"NFC"}`, `{"type":"Sequence","pretokenizers":[`+level+`]}`, level, `[{"id":300,"content":"<m>"}]`, `"q":9`, `"i n"`, "e\u0301 <m>")
	f.Add(`{"type":"Sequence","normalizers":[{"type":"NFC"}]}`, level, level,
		`[{"id":300,"content":" ","lstrip":true,"rstrip":true},{"id":301,"content":"a","single_word":true,"normalized":true,"special":true}]`,
		`"in":256,"\u0120":257`, `["i", "n"] , ["\u0069","n"]`, "  a in  a")
	var bytes strings.Builder
	for b, r := range byteSpelling {
		if b > 0 {
			bytes.WriteByte(',')
		}
		switch r {
		case '"', '\\':
			bytes.WriteString(`"\` + string(r) + `":`)
		default:
			bytes.WriteString(`"` + string(r) + `":`)
		}
		bytes.WriteString(string(rune('1'+b/100)) + string(rune('0'+b/10%10)) + string(rune('0'+b%10)))
	}
	f.Fuzz(func(t *testing.T, normalizer, pre, decoder, added, vocab, merges, text string) {
		file := `{"normalizer":` + normalizer + `,"pre_tokenizer":` + pre + `,"decoder":` + decoder + `,"added_tokens":` + added +
			`,"model":{"type":"BPE","vocab":{` + bytes.String() + `,` + vocab + `},"merges":[` + merges + `]}}`
		if tok, err := Load([]byte(file)); err == nil {
			exercise(t, tok, text)
		}
	})
}

func FuzzRoundTrip(f *testing.F) {
	for _, c := range corpus(f) {
		f.Add(c.Text)
	}
	f.Add("\xff\xc3\xa9\xe2\x82")
	tok := defaultTokenizer(f)
	composing := mustLoad(f, smallFile(f, func(file, _ object) {
		file["added_tokens"] = []object{addedEntry(600, "<|im_end|>"), {"id": 601, "content": "<think>", "normalized": true}}
	}))
	f.Fuzz(func(t *testing.T, text string) {
		valid := validUTF8(text)
		if utf8.ValidString(text) && valid != text {
			t.Fatalf("validUTF8(%q) = %q", text, valid)
		}
		for _, c := range []struct {
			tok     *Tokenizer
			special bool
			want    string
		}{
			{tok, false, valid},
			{tok, true, valid},
			{composing, false, nfc(valid)},
		} {
			ids := c.tok.Encode(nil, text, c.special)
			if got := string(c.tok.Decode(nil, ids, false)); got != c.want {
				t.Errorf("%q (special %v) comes back as %q, want %q", text, c.special, got, c.want)
			}
		}
		exercise(t, tok, text)
		exercise(t, composing, text)
	})
}

func FuzzStream(f *testing.F) {
	f.Add([]byte("\xf0\x9f\x98\x80"), uint16(3))
	f.Add([]byte("\xe2\x82\xf0\x80\xc3"), uint16(16374))
	tok := defaultTokenizer(f)
	f.Fuzz(func(t *testing.T, data []byte, id uint16) {
		ids := byteIDs(tok, string(data))
		for i := range ids {
			if data[i]%5 == 0 {
				ids[i] = int32(id) + int32(data[i])
			}
		}
		checkStream(t, tok, ids)
		if got, want := string(tok.Decode(nil, byteIDs(tok, string(data)), false)), validUTF8(string(data)); got != want {
			t.Errorf("Decode of bytes %q = %q, want %q", data, got, want)
		}
	})
}
