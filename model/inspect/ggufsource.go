package inspect

import (
	"context"
	"fmt"
	"io"
)

// InspectGGUFOf judges a GGUF file of a source by its header, which it reads in pieces: of a file on a hub, the header alone crosses
// the network.
func InspectGGUFOf(ctx context.Context, src Source, name string, size int64) (*Report, error) {
	return InspectGGUF(name, &pieces{ctx: ctx, src: src, name: name, size: size, next: leastPiece}, size)
}

// A header without a vocabulary is some kilobytes; with one it is up to ten megabytes. Pieces grow from one to the other.
const (
	leastPiece = 256 << 10
	mostPiece  = 8 << 20
)

// pieces reads a file from its beginning by ever larger pieces.
type pieces struct {
	ctx      context.Context //nolint:containedctx // io.Reader has none, and a pieces lives for one call
	src      Source
	name     string
	at, size int64
	next     int64
	unread   []byte
}

// Read implements io.Reader.
func (p *pieces) Read(dst []byte) (int, error) {
	if len(p.unread) == 0 {
		n := min(p.next, p.size-p.at)
		if n <= 0 {
			return 0, io.EOF
		}
		data, err := p.src.ReadAt(p.ctx, p.name, p.at, n)
		if err != nil {
			return 0, fmt.Errorf("read bytes %d to %d: %w", p.at, p.at+n, err)
		}
		p.unread, p.at, p.next = data, p.at+n, min(2*p.next, mostPiece)
	}
	n := copy(dst, p.unread)
	p.unread = p.unread[n:]
	return n, nil
}
