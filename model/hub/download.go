package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// errWhole says that a server sends whole files only.
var errWhole = errors.New("the server sends no ranges")

// download brings the files of a snapshot into a folder, several pieces at once.
type download struct {
	client   *Client
	snapshot *Snapshot
	folder   string
	piece    int64
	got      *atomic.Int64 // bytes of all files, counted as they arrive
}

// files downloads what is missing and checks every hash.
func (d *download) files(ctx context.Context, files []File) error {
	for _, f := range files {
		if err := d.one(ctx, f); err != nil {
			return d.explain(err, f)
		}
	}
	return nil
}

func (d *download) explain(err error, f File) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	doing := fmt.Sprintf("download %s of %s", f.Name, d.snapshot.Ref.Pinned())
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &Error{Kind: ErrSpace, What: doing, Err: err, Fix: "free some space and run the same command again: it goes on where it stopped"}
	}
	if isDisk(err) {
		return &Error{Kind: ErrStore, What: doing, Err: err, Fix: "make " + d.folder + " writable, or set MTPLX_HOME to a folder that is"}
	}
	return d.client.explain(err, doing, d.snapshot.Ref)
}

// one downloads a file. What fails its hash is fetched once more from the start, since a note of an earlier run may have lied.
func (d *download) one(ctx context.Context, f File) error {
	path := filepath.Join(d.folder, filepath.FromSlash(f.Name))
	if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Size() == f.Size {
		d.got.Add(f.Size) // it was checked before it got its name
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part := path + ".part"
	p, err := openPieces(part, f, d.piece)
	if err != nil {
		return err
	}
	defer p.close()
	resumed := p.have()
	d.got.Add(resumed)
	for {
		if err := d.fill(ctx, p); err != nil {
			return err
		}
		if err := p.data.Truncate(f.Size); err != nil {
			return err
		}
		err := f.check(ctx, p.data)
		if err == nil {
			break
		}
		if !errors.Is(err, ErrDamaged) {
			return err
		}
		d.got.Add(-f.Size)
		if again := p.reset(); again != nil {
			return again
		}
		if resumed == 0 {
			return err
		}
		resumed = 0
	}
	if err := p.data.Sync(); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return os.Remove(part + ".pieces")
}

// fill downloads the missing pieces: the first alone, which tells whether the server sends ranges, then many at once.
func (d *download) fill(ctx context.Context, p *pieces) error {
	missing := p.missing()
	if len(missing) == 0 {
		return nil
	}
	err := d.fetchPiece(ctx, p, missing[0])
	if err == nil {
		err = d.parallel(ctx, p, missing[1:])
	}
	if errors.Is(err, errWhole) {
		d.got.Add(-p.have())
		return d.whole(ctx, p)
	}
	return err
}

func (d *download) parallel(ctx context.Context, p *pieces, missing []int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan int, len(missing))
	for _, i := range missing {
		queue <- i
	}
	close(queue)
	var wg sync.WaitGroup
	for range min(workers, len(missing)) {
		wg.Go(func() {
			for i := range queue {
				if ctx.Err() != nil {
					return
				}
				if err := d.fetchPiece(ctx, p, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// fetchPiece downloads one piece, going on after cuts as long as bytes arrive.
func (d *download) fetchPiece(ctx context.Context, p *pieces, i int) error {
	begin, end := p.bounds(i)
	at := begin
	for attempt := 0; ; attempt++ {
		n, err := d.fetchRange(ctx, p, at, end)
		at += n
		if err == nil {
			return p.finish(i)
		}
		if n > 0 {
			attempt = 0
		}
		if errors.Is(err, errWhole) || isDisk(err) {
			d.got.Add(begin - at)
			return err
		}
		if err = d.client.again(ctx, err, attempt); err != nil {
			d.got.Add(begin - at)
			return err
		}
	}
}

func isDisk(err error) bool {
	_, ok := errors.AsType[*os.PathError](err)
	return ok
}

// fetchRange downloads [begin, end) and returns how many bytes of it are in the file.
func (d *download) fetchRange(ctx context.Context, p *pieces, begin, end int64) (int64, error) {
	res, seen, err := d.client.get(ctx, d.client.address(d.snapshot, p.file.Name), fmt.Sprintf("bytes=%d-%d", begin, end-1))
	if err != nil {
		var r *refused
		if errors.As(err, &r) && r.status == http.StatusRequestedRangeNotSatisfiable {
			return 0, d.differs(p.file, "the server holds fewer bytes than the %d that the hub lists", p.file.Size)
		}
		return 0, err
	}
	defer res.Body.Close()
	if err := d.verify(p.file, seen); err != nil {
		return 0, err
	}
	if res.StatusCode == http.StatusOK {
		return 0, errWhole
	}
	if got, want := res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", begin, end-1, p.file.Size); got != want {
		return 0, d.differs(p.file, "the server sends %q where %q is due", clip(clean(got)), want)
	}
	return d.copy(io.NewOffsetWriter(p.data, begin), res.Body, end-begin)
}

// copy takes exactly n bytes; a body that ends early is an error, which may pass.
func (d *download) copy(w io.Writer, body io.Reader, n int64) (int64, error) {
	done, err := io.Copy(w, &counted{r: io.LimitReader(body, n), n: d.got})
	if err == nil && done < n {
		err = fmt.Errorf("the answer ended after %d of %d bytes", done, n)
	}
	return done, err
}

type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// whole downloads a file from a server that sends no ranges: each attempt begins anew.
func (d *download) whole(ctx context.Context, p *pieces) error {
	for attempt := 0; ; attempt++ {
		if err := p.reset(); err != nil {
			return err
		}
		n, err := d.wholeOnce(ctx, p)
		if err == nil {
			for i := range p.done {
				if err := p.finish(i); err != nil {
					return err
				}
			}
			return nil
		}
		d.got.Add(-n)
		if isDisk(err) {
			return err
		}
		if err = d.client.again(ctx, err, attempt); err != nil {
			return err
		}
	}
}

func (d *download) wholeOnce(ctx context.Context, p *pieces) (int64, error) {
	res, seen, err := d.client.get(ctx, d.client.address(d.snapshot, p.file.Name), "")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if err := d.verify(p.file, seen); err != nil {
		return 0, err
	}
	if res.ContentLength >= 0 && res.ContentLength != p.file.Size {
		return 0, d.differs(p.file, "the server sends %d bytes where the hub lists %d", res.ContentLength, p.file.Size)
	}
	n, err := d.copy(io.NewOffsetWriter(p.data, 0), res.Body, p.file.Size)
	if err != nil {
		return n, err
	}
	if extra, _ := io.ReadFull(res.Body, make([]byte, 1)); extra > 0 {
		return n, d.differs(p.file, "the server sends more than the %d bytes that the hub lists", p.file.Size)
	}
	return n, nil
}

// verify compares what the hub says while it sends a file with what it listed.
func (d *download) verify(f File, seen trail) error {
	switch {
	case seen.commit != "" && seen.commit != d.snapshot.Commit:
		return d.differs(f, "the server sends it of commit %s, not of %s", clip(clean(seen.commit)), d.snapshot.Commit)
	case f.SHA256 != "" && sha256Pattern.MatchString(seen.etag) && seen.etag != f.SHA256:
		return d.differs(f, "the server sends one with the hash %s, the hub lists %s", seen.etag, f.SHA256)
	}
	return nil
}

func (d *download) differs(f File, format string, args ...any) error {
	return fail(ErrDamaged, "run the same command again; if it fails again, the hub or a proxy between alters files: try another network or HF_ENDPOINT",
		"download %s of %s: %s", f.Name, d.snapshot.Ref.Pinned(), fmt.Sprintf(format, args...))
}

// check reads a whole file and compares its hash.
func (f File) check(ctx context.Context, r io.ReaderAt) error {
	var h hash.Hash
	want := f.SHA256
	if want != "" {
		h = sha256.New()
	} else {
		want = f.Blob
		h = sha1.New()
		fmt.Fprintf(h, "blob %d\x00", f.Size)
	}
	if _, err := io.Copy(h, &live{ctx: ctx, r: io.NewSectionReader(r, 0, f.Size)}); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, want) {
		return fail(ErrDamaged, "run the same command again; if it fails again, the hub or a proxy between alters files: try another network or HF_ENDPOINT",
			"download %s: its hash is %s, the hub lists %s", f.Name, got, want)
	}
	return nil
}

// live ends reading when its context does.
type live struct {
	ctx context.Context //nolint:containedctx // lives as long as one check
	r   io.Reader
}

func (l *live) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	return l.r.Read(p)
}
