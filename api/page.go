package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// pagePolicy lets a page use what this server serves and nothing else: no inline script or style, no other host, and
// no text that becomes HTML.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// served is a page ready to be sent.
type served struct {
	Page
	tag        string // ETag
	gzip, zstd func() []byte
}

func newServed(p Page) *served {
	sum := sha256.Sum256(p.Body)
	return &served{
		Page: p, tag: hex.EncodeToString(sum[:12]),
		gzip: sync.OnceValue(func() []byte {
			var b bytes.Buffer
			w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is one there is
			_, _ = w.Write(p.Body)                                // a buffer takes everything
			_ = w.Close()
			return b.Bytes()
		}),
		zstd: sync.OnceValue(func() []byte {
			w, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedBestCompression), zstd.WithEncoderConcurrency(1))
			return w.EncodeAll(p.Body, nil)
		}),
	}
}

// page is a static file. Clients keep it and ask whether it is still the same, so that a new version of the server is
// never mixed with an old page.
func (s *Server) page(c *call) error {
	p := s.pages[string(c.Path())]
	c.SetContentType(p.ContentType)
	h := &c.Response.Header
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	body, tag := p.Body, p.tag
	if len(body) >= compressFrom {
		h.Add("Vary", "Accept-Encoding")
		switch accepted := string(c.Request.Header.Peek("Accept-Encoding")); {
		case accepts(accepted, "zstd"):
			body, tag = p.zstd(), tag+"-zstd"
			h.SetContentEncoding("zstd")
		case accepts(accepted, "gzip"):
			body, tag = p.gzip(), tag+"-gzip"
			h.SetContentEncoding("gzip")
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	if matches(string(c.Request.Header.Peek("If-None-Match")), tag) {
		h.Del("Content-Encoding")
		c.SetStatusCode(304)
		return nil
	}
	c.SetBody(body)
	return nil
}

// matches tells whether an If-None-Match header names the tag. A proxy may have made it a weak one.
func matches(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == "*" || part == `"`+tag+`"` {
			return true
		}
	}
	return false
}
