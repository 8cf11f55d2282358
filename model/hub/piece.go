package hub

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
)

// pieceSize is how much of a file one request asks for, and what a killed download may lose per worker.
const pieceSize = 8 << 20

// pieces is a file that is being downloaded: its bytes beside a journal of the pieces that are whole. The journal's first line says
// what the file is; a journal of anything else, or a torn line, counts for nothing. It is safe for concurrent use.
type pieces struct {
	file File
	size int64 // of a piece
	data *os.File

	mu      sync.Mutex
	journal *os.File
	done    []bool
	left    int
}

func (f File) identity(size int64) string {
	return fmt.Sprintf("mtplx pieces 1 %s%s %d %d", f.SHA256, f.Blob, f.Size, size)
}

// openPieces opens or begins the download of a file at path.
func openPieces(path string, f File, size int64) (_ *pieces, err error) {
	p := &pieces{file: f, size: size}
	p.left = int((f.Size + size - 1) / size)
	p.done = make([]bool, p.left)
	if p.data, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		return nil, err
	}
	if p.journal, err = os.OpenFile(path+".pieces", os.O_RDWR|os.O_CREATE, 0o644); err != nil {
		_ = p.data.Close()
		return nil, err
	}
	if err := p.recall(); err != nil {
		_ = p.close()
		return nil, err
	}
	return p, nil
}

// recall reads the journal, and begins anew when it is of another download or claims what the data cannot hold.
func (p *pieces) recall() error {
	info, err := p.data.Stat()
	if err != nil {
		return err
	}
	in := bufio.NewReader(io.LimitReader(p.journal, 64<<20))
	if head, err := in.ReadString('\n'); err != nil || head != p.file.identity(p.size)+"\n" {
		return p.reset()
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		i, err := strconv.Atoi(strings.TrimSuffix(line, "\n"))
		if err != nil || i < 0 || i >= len(p.done) {
			return p.reset()
		}
		if _, end := p.bounds(i); end <= info.Size() && !p.done[i] {
			p.done[i] = true
			p.left--
		}
	}
	_, err = p.journal.Seek(0, io.SeekEnd)
	return err
}

// reset forgets all that was downloaded.
func (p *pieces) reset() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.done)
	p.left = len(p.done)
	if err := p.data.Truncate(0); err != nil {
		return err
	}
	if err := p.journal.Truncate(0); err != nil {
		return err
	}
	if _, err := p.journal.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := p.journal.WriteString(p.file.identity(p.size) + "\n")
	return err
}

// bounds are the bytes of piece i.
func (p *pieces) bounds(i int) (begin, end int64) {
	begin = int64(i) * p.size
	return begin, min(begin+p.size, p.file.Size)
}

// missing lists the pieces that are not whole.
func (p *pieces) missing() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]int, 0, p.left)
	for i, d := range p.done {
		if !d {
			out = append(out, i)
		}
	}
	return out
}

// have is the bytes in whole pieces.
func (p *pieces) have() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var n int64
	for i, d := range p.done {
		if d {
			begin, end := p.bounds(i)
			n += end - begin
		}
	}
	return n
}

// finish notes that a piece is whole.
func (p *pieces) finish(i int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.done[i] {
		return nil
	}
	if _, err := p.journal.WriteString(strconv.Itoa(i) + "\n"); err != nil {
		return err
	}
	p.done[i] = true
	p.left--
	return nil
}

func (p *pieces) close() error {
	err := p.data.Close()
	if e := p.journal.Close(); err == nil {
		err = e
	}
	return err
}
