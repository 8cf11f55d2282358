package api

import (
	"mtplx/api/output"
	"mtplx/stages/commit"
)

// origins follows an answer's text from the tokens that it comes from to the events that it becomes. Positions are
// bytes of the text as the model wrote it, before thoughts and calls are split off.
type origins struct {
	detok commit.Detokenizer
	list  []origin // of text that has not become events
	end   int      // where the list ends
	given int      // bytes that the splitter was given; held back characters make it fall behind end
	buf   []byte
}

// origin is the end of one token's text.
type origin struct {
	end     int
	drafted bool
}

// add books a chunk: each token's text is what it completes.
func (o *origins) add(c *commit.Chunk) {
	for i, id := range c.Tokens {
		o.buf = o.detok.Append(o.buf[:0], id)
		if len(o.buf) > 0 {
			o.end += len(o.buf)
			o.list = append(o.list, origin{o.end, i < len(c.Heads) && c.Heads[i]})
		}
	}
	o.given += len(c.Text)
}

// insert books text that comes from no token, after which another session goes on: what the last one held back has
// gone with it.
func (o *origins) insert(text string, detok commit.Detokenizer) {
	o.given += len(text)
	o.end, o.detok = o.given, detok
	for n := len(o.list); n > 0 && o.list[n-1].end > o.given-len(text); n-- {
		o.list[n-1].end = o.given - len(text)
	}
	o.list = append(o.list, origin{o.end, false})
}

// mark gives events of content and thoughts their sources. They come in the text's order.
func (o *origins) mark(events []output.Event) {
	for i := range events {
		e := &events[i]
		if e.Kind == output.Content || e.Kind == output.Reasoning {
			e.Sources = o.cut(e.Text, e.End)
		}
	}
}

// cut takes the sources of a text that ends at a position. What no token has completed belongs to the last one.
func (o *origins) cut(text string, end int) []output.Source {
	var from []output.Source
	at, last := end-len(text), false
	for text != "" {
		for len(o.list) > 0 && o.list[0].end <= at {
			last = o.list[0].drafted
			o.list = o.list[1:]
		}
		n := len(text)
		if len(o.list) > 0 {
			n, last = min(n, o.list[0].end-at), o.list[0].drafted
		}
		from = append(from, output.Source{Text: text[:n], Drafted: last})
		text, at = text[n:], at+n
	}
	return from
}
