package synthetic

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"mtplx/model/demo"
)

// ErrExists is wrapped when the directory to write has something in it, ErrSpace when the disk is too full.
var (
	ErrExists = errors.New("there is something in it already")
	ErrSpace  = errors.New("not enough disk space")
)

// Options say how to write.
type Options struct {
	Bits int // 2, 3, 4, 5, 6 or 8; 0 is 4
	Seed uint64
	// Progress, when set, is told often how many bytes of the weights file are made.
	Progress func(done, total int64)

	free func(dir string) (int64, bool) // freeBytes, but in tests
}

// piece is how many bytes are made and written at a time.
const piece = 1 << 20

// spare is what must stay free on the disk beyond the checkpoint.
const spare = 64 << 20

// borrowed are the default checkpoint's files that every shape has.
var borrowed = []string{"tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"}

// Size is the bytes of the weights file.
func (s *Shape) Size(bits int) int64 {
	_, total := header(s.tensors(bits))
	return total
}

// Write makes the checkpoint in dir, which must not exist or be empty. An error, or the context's end,
// leaves nothing behind.
func (s *Shape) Write(ctx context.Context, dir string, o Options) error {
	if o.Bits == 0 {
		o.Bits = 4
	}
	if err := s.write(ctx, filepath.Clean(dir), &o); err != nil {
		return fmt.Errorf("make model %s in %s: %w", s.Name, dir, err)
	}
	return nil
}

func (s *Shape) write(ctx context.Context, dir string, o *Options) error {
	if o.Bits < 2 || o.Bits > 8 || o.Bits == 7 {
		return fmt.Errorf("bits is %d: affine codes have 2, 3, 4, 5, 6 or 8", o.Bits)
	}
	switch entries, err := os.ReadDir(dir); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%w (%s): name a new directory", ErrExists, entries[0].Name())
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	need := s.Size(o.Bits) + spare
	look := freeBytes
	if o.free != nil {
		look = o.free
	}
	if free, ok := look(parent); ok && free < need {
		return fmt.Errorf("%w: it takes %d MiB, and %d MiB are free", ErrSpace, need>>20, free>>20)
	}
	aside, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".partial-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(aside) // finds nothing after the renaming
	if err := s.files(ctx, aside, o); err != nil {
		return err
	}
	if err := os.Chmod(aside, 0o755); err != nil {
		return err
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) { // fails unless it is still empty
		return err
	}
	return os.Rename(aside, dir)
}

func (s *Shape) files(ctx context.Context, dir string, o *Options) error {
	config, err := json.MarshalIndent(s.config(o.Bits), "", " ")
	if err != nil {
		return err
	}
	files := map[string][]byte{"config.json": config}
	all := demo.Files()
	for _, name := range borrowed {
		files[name] = all[name]
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		return err
	}
	err = s.weights(ctx, f, o)
	return errors.Join(err, f.Close())
}

// weights writes the safetensors file.
func (s *Shape) weights(ctx context.Context, w io.Writer, o *Options) error {
	ts := s.tensors(o.Bits)
	head, total := header(ts)
	out := bufio.NewWriterSize(w, piece)
	if _, err := out.Write(head); err != nil {
		return err
	}
	done := int64(len(head))
	buf := make([]byte, piece)
	for i := range ts {
		src := newSource(&ts[i], o.Seed)
		for left := ts[i].size(); left > 0; {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(left, piece)
			src.fill(buf[:n])
			if _, err := out.Write(buf[:n]); err != nil {
				return err
			}
			left -= n
			done += n
			if o.Progress != nil {
				o.Progress(done, total)
			}
		}
	}
	return out.Flush()
}

// header is the file's beginning, and the size of the whole file.
func header(ts []tensor) (head []byte, total int64) {
	var b bytes.Buffer
	b.WriteString(`{"__metadata__":{"format":"mlx"}`)
	at := int64(0)
	for i := range ts {
		shape, _ := json.Marshal(ts[i].shape)
		end := at + ts[i].size()
		fmt.Fprintf(&b, `,%q:{"dtype":%q,"shape":%s,"data_offsets":[%d,%d]}`, ts[i].name, ts[i].dtype(), shape, at, end)
		at = end
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	head = binary.LittleEndian.AppendUint64(nil, uint64(b.Len()))
	head = append(head, b.Bytes()...)
	return head, int64(len(head)) + at
}
