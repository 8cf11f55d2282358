package constrain

import (
	"math/rand/v2"
	"testing"
)

// toolSchema is what coding agents send with every request: a dozen of such.
const toolSchema = `{"type":"object","properties":{
	"command":{"type":"string","description":"The command to run"},
	"timeout":{"type":"integer","minimum":1,"maximum":600000},
	"description":{"type":"string","maxLength":200},
	"mode":{"type":"string","enum":["foreground","background","detached"]},
	"paths":{"type":"array","items":{"type":"string"},"maxItems":20},
	"edits":{"type":"array","items":{"type":"object","properties":{"file":{"type":"string"},"line":{"type":"integer","minimum":1},"text":{"type":"string"},"when":{"type":"string","format":"date-time"}},"required":["file","text"],"additionalProperties":false}}},
	"required":["command"],"additionalProperties":false}`

func BenchmarkCompile(b *testing.B) {
	c := newCompiler(b, everyByte(), Options{})
	tools := make([]Tool, 12)
	for i := range tools {
		tools[i] = Tool{Name: "tool_" + string(rune('a'+i)), Parameters: []byte(toolSchema)}
	}
	for _, x := range []struct {
		name string
		spec *Spec
	}{
		{"schema of a tool", schema(toolSchema)},
		{"12 tools Hermes", &Spec{Form: ToolCall, Tools: tools, Parallel: true}},
		{"12 tools XML", &Spec{Form: ToolCall, Tools: tools, ToolFormat: QwenXML, Parallel: true}},
		{"JSON object", &Spec{Form: JSONObject}},
		{"date-time", &Spec{Form: Regex, Pattern: formats["date-time"]}},
	} {
		b.Run(x.name, func(b *testing.B) {
			var g *Grammar
			for b.Loop() {
				c.recent = nil
				g = compile(b, c, x.spec)
			}
			b.ReportMetric(float64(len(g.states)), "states")
			b.ReportMetric(float64(g.bytes())/1024, "KiB")
		})
	}
}

// A mask: of a place in the text that no lane was at before, of one in a new grammar while another grammar has
// shared what strings are, and of a place that is in the cache. Copying the bits is the ceiling of the last.
func BenchmarkMask(b *testing.B) {
	for _, size := range []struct {
		name string
		v    Vocabulary
	}{{"default checkpoint", defaultCheckpoint(b)}, {"248k", synthetic(248_320)}} {
		c := newCompiler(b, size.v, Options{CacheBytes: 256 << 20})
		bits := make([]uint64, c.Words())
		g := compile(b, c, schema(toolSchema))
		for _, x := range []struct{ name, text string }{
			{"string", `{"command":"git sta`},
			{"string of 200", `{"command":"","description":"a`},
			{"key", `{"`},
			{"integer", `{"command":"","timeout":12`},
			{"date", `{"command":"","edits":[{"file":"","text":"","when":"20`},
		} {
			s := g.NewState(len(x.text) + 1)
			for i := range len(x.text) {
				if !s.feed(x.text[i : i+1]) {
					b.Fatalf("%q is refused at %d", x.text, i)
				}
			}
			b.Run(size.name+"/"+x.name+"/first", func(b *testing.B) {
				for b.Loop() {
					c.cache = newCache(256 << 20)
					s.last().mask = nil
					s.Mask(bits)
				}
			})
			b.Run(size.name+"/"+x.name+"/shared", func(b *testing.B) {
				s.Mask(bits)
				id := g.id
				for b.Loop() {
					g.id = c.ids.Add(1) // the cache knows nothing of this grammar
					s.last().mask = nil
					s.Mask(bits)
				}
				g.id = id
			})
			b.Run(size.name+"/"+x.name+"/cached", func(b *testing.B) {
				s.last().mask = nil
				s.Mask(bits)
				for b.Loop() {
					s.last().mask = nil
					s.Mask(bits)
				}
			})
		}
		other := make([]uint64, len(bits))
		b.Run(size.name+"/copy of the bits", func(b *testing.B) {
			for b.Loop() {
				copy(other, bits)
			}
		})
	}
}

// A cycle's share of the grammar: four drafts masked, walked and taken back, then verified, then one committed.
func BenchmarkCycle(b *testing.B) {
	v := synthetic(248_320)
	c := newCompiler(b, v, Options{})
	bits := make([]uint64, c.Words())
	g := compile(b, c, schema(toolSchema))
	s := g.NewState(8)
	r := rand.New(rand.NewPCG(1, 1))
	var text []int32
	for n := range 64 {
		id := pick(r, s, v, bits, n)
		if id == 0 {
			break
		}
		s.Advance(id)
		text = append(text, id)
	}
	s.Reset()
	at := 0
	for b.Loop() {
		if at+5 > len(text) {
			at = 0
			s.Reset()
		}
		for range 2 {
			for k := range 4 {
				s.Mask(bits)
				s.Advance(text[at+k])
			}
			s.Mask(bits)
			s.Rollback(4)
		}
		s.Advance(text[at])
		at++
	}
}

// feed advances by the token with a text.
func (s *State) feed(text string) bool {
	for _, id := range s.w.t.ids {
		if s.w.t.bytes(id) == text {
			return s.Advance(id)
		}
	}
	return false
}

func BenchmarkNewCompiler(b *testing.B) {
	v := synthetic(248_320)
	for b.Loop() {
		newCompiler(b, v, Options{})
	}
}
