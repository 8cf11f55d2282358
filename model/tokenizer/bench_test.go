package tokenizer

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"mtplx/model/demo"
)

// largeFile is a file with as many tokens as Qwen3.5 has: three levels of merges over the bytes, written as the
// published files are.
func largeFile() []byte {
	const tokens = 248_044
	var b strings.Builder
	b.WriteString(`{"added_tokens":[],"normalizer":{"type":"NFC"},"decoder":{"type":"ByteLevel"},"pre_tokenizer":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{`)
	var list []string
	for _, r := range byteSpelling {
		list = append(list, string(r))
	}
	var merges [][2]string
	for i := 0; len(list) < tokens; i++ {
		l, r := list[i/251], list[(i*i+i)%min(len(list), 251)] // any two tokens, each pair once
		if i/251 >= 251 {
			r = list[i%251]
		}
		merges = append(merges, [2]string{l, r})
		list = append(list, l+r)
	}
	seen := map[string]bool{}
	n := 0
	quoted := func(s string) string {
		q, err := json.Marshal(s)
		if err != nil {
			panic(err)
		}
		return string(q)
	}
	for _, s := range list {
		if seen[s] {
			continue
		}
		seen[s] = true
		if n > 0 {
			b.WriteString(",\n      ")
		}
		fmt.Fprintf(&b, "%s: %d", quoted(s), n)
		n++
	}
	b.WriteString(`},"merges":[`)
	for i, m := range merges {
		if i > 0 {
			b.WriteString(",\n      ")
		}
		fmt.Fprintf(&b, "[\n        %s,\n        %s\n      ]", quoted(m[0]), quoted(m[1]))
	}
	b.WriteString(`]}}`)
	return []byte(b.String())
}

// BenchmarkLoad times Load beside the two ends it lies between: checking that the file is JSON at all, and
// decoding it into Go values with encoding/json, without building any table.
func BenchmarkLoad(b *testing.B) {
	files := []struct {
		name string
		data []byte
	}{{"default", demo.Files()["tokenizer.json"]}, {"synthetic-248k", largeFile()}}
	if path := os.Getenv(qwen3Variable); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		files = append(files, struct {
			name string
			data []byte
		}{"qwen3", data})
	}
	for _, f := range files {
		b.Run(f.name+"/Load", func(b *testing.B) {
			b.SetBytes(int64(len(f.data)))
			b.ReportAllocs()
			for b.Loop() {
				mustLoad(b, f.data)
			}
		})
		b.Run(f.name+"/check-only", func(b *testing.B) {
			b.SetBytes(int64(len(f.data)))
			for b.Loop() {
				if !gjson.ValidBytes(f.data) {
					b.Fatal("not valid JSON")
				}
			}
		})
		b.Run(f.name+"/encoding-json", func(b *testing.B) {
			b.SetBytes(int64(len(f.data)))
			for b.Loop() {
				var v struct {
					Model struct {
						Vocab  map[string]int32
						Merges json.RawMessage
					}
				}
				if err := json.Unmarshal(f.data, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// benchTexts are the corpus's texts of a kind, repeated to about 64 kB.
func benchTexts(b *testing.B) map[string]string {
	b.Helper()
	var code, prose, mixed strings.Builder
	for _, c := range corpus(b) {
		switch {
		case len(c.Text) < 30:
		case strings.Count(c.Text, "\n") > 3:
			code.WriteString(c.Text)
		case strings.Contains(c.Text, ". "):
			prose.WriteString(c.Text)
		}
		mixed.WriteString(c.Text)
	}
	fill := func(s string) string { return strings.Repeat(s, 1+1<<16/len(s)) }
	return map[string]string{
		"code": fill(code.String()), "prose": fill(prose.String()), "mixed": fill(mixed.String()),
	}
}

// BenchmarkEncode times Encode with the word cache warm and cold, beside splitting alone, which is the part that
// no cache saves.
func BenchmarkEncode(b *testing.B) {
	tok := defaultTokenizer(b)
	texts := benchTexts(b)
	for _, name := range []string{"code", "prose", "mixed"} {
		text := texts[name]
		var ids []int32
		rate := func(b *testing.B) {
			b.Helper()
			b.ReportMetric(float64(len(ids))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mtok/s")
		}
		b.Run(name+"/warm", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				ids = tok.Encode(ids[:0], text, true)
			}
			rate(b)
		})
		b.Run(name+"/no-cache", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			split := splitters[patternQwen35]
			for b.Loop() {
				ids = ids[:0]
				for s := text; s != ""; {
					n := split(s)
					if n > shortWord {
						ids = tok.mergeLong(ids, s[:n])
					} else {
						ids = tok.mergeShort(ids, s[:n])
					}
					s = s[n:]
				}
			}
			rate(b)
		})
		b.Run(name+"/split-only", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			split := splitters[patternQwen35]
			for b.Loop() {
				for s := text; s != ""; {
					s = s[split(s):]
				}
			}
		})
	}
}

// BenchmarkLongWord times one word of growing length: the time per byte must grow slowly.
func BenchmarkLongWord(b *testing.B) {
	tok := defaultTokenizer(b)
	for _, n := range []int{1 << 6, 1 << 10, 1 << 14, 100_000, 1 << 20} {
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			word := strings.Repeat("a", n)
			b.SetBytes(int64(n))
			var ids []int32
			for b.Loop() {
				ids = tok.mergeLong(ids[:0], word)
			}
		})
	}
}

// BenchmarkDecode times Decode and a Stream beside copying the same bytes token by token.
func BenchmarkDecode(b *testing.B) {
	tok := defaultTokenizer(b)
	text := benchTexts(b)["mixed"]
	ids := tok.Encode(nil, text, true)
	var dst []byte
	rate := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(float64(len(ids))*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mtok/s")
	}
	b.Run("Decode", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			dst = tok.Decode(dst[:0], ids, true)
		}
		rate(b)
	})
	b.Run("Stream", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		s := NewStream(tok, true)
		for b.Loop() {
			dst = dst[:0]
			for _, id := range ids {
				dst = s.Append(dst, id)
			}
			dst = s.Flush(dst)
		}
		rate(b)
	})
	b.Run("copy-only", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			dst = dst[:0]
			for _, id := range ids {
				dst = append(dst, tok.Bytes(id)...)
			}
		}
		rate(b)
	})
}
