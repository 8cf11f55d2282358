package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
)

// Remote reads parts of a revision's files on the hub, without storing them. It is for one goroutine.
type Remote struct {
	Snapshot *Snapshot
	Files    []File // those that are needed
	client   *Client
	read     map[string][]byte // small files that were read
}

// Files reads parts of any file of a revision, also of one that holds no checkpoint; it lists none as needed.
func (c *Client) Files(s *Snapshot) *Remote {
	return &Remote{Snapshot: s, client: c, read: map[string][]byte{}}
}

// Open reads a revision's index, if it has one, and chooses the files that are needed.
func (c *Client) Open(ctx context.Context, s *Snapshot) (*Remote, error) {
	r := c.Files(s)
	index, err := r.Read(ctx, indexName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	r.Files, err = s.Needed(index)
	return r, err
}

// Name is the reference.
func (r *Remote) Name() string { return r.Snapshot.Ref.Pinned() }

// List returns the sizes of the needed files by name.
func (r *Remote) List(context.Context) (map[string]int64, error) {
	out := make(map[string]int64, len(r.Files))
	for _, f := range r.Files {
		out[f.Name] = f.Size
	}
	return out, nil
}

func (r *Remote) find(name string) (File, error) {
	for _, f := range r.Snapshot.Files {
		if f.Name == name {
			return f, nil
		}
	}
	return File{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Read returns a small file whole, checked against its hash.
func (r *Remote) Read(ctx context.Context, name string) ([]byte, error) {
	f, err := r.find(name)
	if err != nil {
		return nil, err
	}
	if data, ok := r.read[name]; ok {
		return data, nil
	}
	doing := fmt.Sprintf("read %s of %s", name, r.Snapshot.Ref.Pinned())
	if f.Size > maxSmall {
		return nil, fail(ErrUnusable, "try another model", "%s: %d bytes are more than the limit of %d", doing, f.Size, maxSmall)
	}
	data, err := r.client.fetch(ctx, r.client.address(r.Snapshot, name), maxSmall)
	if err != nil {
		return nil, r.client.explain(err, doing, r.Snapshot.Ref)
	}
	if int64(len(data)) != f.Size {
		return nil, fail(ErrDamaged, "run the same command again", "%s: %d bytes arrived, the hub lists %d", doing, len(data), f.Size)
	}
	if f.SHA256 != "" || f.Blob != "" {
		if err := f.check(ctx, strings.NewReader(string(data))); err != nil {
			return nil, err
		}
	}
	r.read[name] = data
	return data, nil
}

// ReadAt returns bytes [off, off+n) of a file by a range request. A server that sends the whole file is read up to there.
func (r *Remote) ReadAt(ctx context.Context, name string, off, n int64) ([]byte, error) {
	f, err := r.find(name)
	if err != nil {
		return nil, err
	}
	if off < 0 || n < 0 || off > f.Size || n > f.Size-off {
		return nil, fmt.Errorf("%s: bytes %d to %d are not in a file of %d", name, off, off+n, f.Size)
	}
	if n == 0 {
		return nil, nil
	}
	for attempt := 0; ; attempt++ {
		data, err := r.rangeOnce(ctx, f, off, n)
		if err == nil {
			return data, nil
		}
		if err = r.client.again(ctx, err, attempt); err != nil {
			return nil, r.client.explain(err, fmt.Sprintf("read the header of %s of %s", name, r.Snapshot.Ref.Pinned()), r.Snapshot.Ref)
		}
	}
}

func (r *Remote) rangeOnce(ctx context.Context, f File, off, n int64) ([]byte, error) {
	res, _, err := r.client.get(ctx, r.client.address(r.Snapshot, f.Name), fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		if _, err := io.CopyN(io.Discard, res.Body, off); err != nil {
			return nil, err
		}
	} else if got, want := res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, f.Size); got != want {
		return nil, fail(ErrDamaged, "run the same command again", "read %s: the server sends %q where %q is due", f.Name, clip(clean(got)), want)
	}
	data := make([]byte, n)
	_, err = io.ReadFull(res.Body, data)
	return data, err
}
