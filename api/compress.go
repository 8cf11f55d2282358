package api

import (
	"bytes"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// compressFrom is the size from which a body is worth compressing.
const compressFrom = 1 << 10

var (
	gzipWriters = sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is one there is
		return w
	}}
	zstdWriter = sync.OnceValue(func() *zstd.Encoder {
		w, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)) // options there are
		return w
	})
)

// compress makes the body smaller where the client takes it. Streams are left alone: an event must not
// wait for a block to fill.
func (c *call) compress() {
	body := c.Response.Body()
	if len(body) < compressFrom {
		return
	}
	h := &c.Response.Header
	h.Add("Vary", "Accept-Encoding")
	switch accepted := string(c.Request.Header.Peek("Accept-Encoding")); {
	case accepts(accepted, "zstd"):
		c.SetBody(zstdWriter().EncodeAll(body, nil))
		h.SetContentEncoding("zstd")
	case accepts(accepted, "gzip"):
		var b bytes.Buffer
		w, ok := gzipWriters.Get().(*gzip.Writer)
		if !ok {
			return
		}
		defer gzipWriters.Put(w)
		w.Reset(&b)
		if _, err := w.Write(body); err != nil || w.Close() != nil {
			return
		}
		c.SetBody(b.Bytes())
		h.SetContentEncoding("gzip")
	}
}

// accepts reads Accept-Encoding: a coding counts unless its weight is 0.
func accepts(header, coding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), coding) {
			q := strings.TrimPrefix(strings.ReplaceAll(params, " ", ""), "q=")
			return strings.Trim(q, "0.") != "" || q == ""
		}
	}
	return false
}
