package bank

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"

	"github.com/klauspost/compress/zstd"

	"mtplx/sched/page"
)

// A file of the disk tier is a magic word, the hash of the rest, the length of the payload, and the payload,
// compressed with zstd. The first bytes of every payload are the fingerprint it was made under.
const (
	magic      = "mtplxsb1"
	headerSize = len(magic) + sha256.Size + 8
)

// mostReaders bounds how many files of one text are read at once: sessions that run need the processor, too.
const mostReaders = 4

// errDamaged is wrapped by every error that says that a file cannot be believed.
var errDamaged = errors.New("the file is damaged or foreign")

// codec packs and unpacks; its methods are safe for concurrent use.
type codec struct {
	w       *zstd.Encoder
	r       *zstd.Decoder
	readers int // how many may unpack at once
}

func newCodec() (*codec, error) {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	readers := min(runtime.GOMAXPROCS(0), mostReaders)
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(readers), zstd.WithDecoderMaxMemory(1<<36))
	return &codec{w, r, readers}, err
}

func (c *codec) close() {
	_ = c.w.Close() // only EncodeAll was used: nothing is pending
	c.r.Close()
}

// seal makes a file of a payload.
func (c *codec) seal(payload []byte) []byte {
	out := append(make([]byte, 0, headerSize+len(payload)/2), magic...)
	out = append(out, make([]byte, sha256.Size)...)
	out = binary.LittleEndian.AppendUint64(out, uint64(len(payload)))
	out = c.w.EncodeAll(payload, out)
	sum := sha256.Sum256(out[len(magic)+sha256.Size:])
	copy(out[len(magic):], sum[:])
	return out
}

// unseal checks a file and returns its payload, which is at most `most` bytes long.
func (c *codec) unseal(file []byte, most int) ([]byte, error) {
	if len(file) < headerSize || string(file[:len(magic)]) != magic {
		return nil, fmt.Errorf("it has no header: %w", errDamaged)
	}
	rest := file[len(magic)+sha256.Size:]
	if sum := sha256.Sum256(rest); !bytes.Equal(sum[:], file[len(magic):len(magic)+sha256.Size]) {
		return nil, fmt.Errorf("its checksum is wrong: %w", errDamaged)
	}
	n := binary.LittleEndian.Uint64(rest)
	if n > uint64(most) {
		return nil, fmt.Errorf("it claims %d bytes where at most %d make sense: %w", n, most, errDamaged)
	}
	payload, err := c.r.DecodeAll(rest[8:], make([]byte, 0, n))
	if err != nil {
		return nil, fmt.Errorf("unpack it: %w: %w", err, errDamaged)
	}
	if uint64(len(payload)) != n {
		return nil, fmt.Errorf("it unpacks to %d bytes of %d: %w", len(payload), n, errDamaged)
	}
	return payload, nil
}

// record is a mark on its way to or from disk.
type record struct {
	n, fold int
	headed  bool
	head    int
	pinned  bool
	owner   string
	tail    []int32
	hidden  []float32
	state   []byte // of the checkpoint
	page    []byte // the tail's
}

// encode appends a record under a fingerprint.
func (r *record) encode(dst []byte, root key) []byte {
	flag := func(b bool, bit uint32) uint32 {
		if b {
			return bit
		}
		return 0
	}
	dst = append(dst, root[:]...)
	for _, v := range []uint32{
		uint32(r.n), uint32(r.fold), uint32(r.head), flag(r.headed, 1) | flag(r.pinned, 2),
		uint32(len(r.owner)), uint32(len(r.tail)), uint32(len(r.hidden)), uint32(len(r.state)), uint32(len(r.page)),
	} {
		dst = binary.LittleEndian.AppendUint32(dst, v)
	}
	dst = append(dst, r.owner...)
	for _, t := range r.tail {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(t))
	}
	for _, x := range r.hidden {
		dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
	}
	return append(append(dst, r.state...), r.page...)
}

// decode reads a record made under a fingerprint, over a model of a geometry.
func decode(data []byte, root key, g page.Geometry) (*record, error) {
	const words = 9
	if len(data) < len(root)+4*words {
		return nil, fmt.Errorf("a record of %d bytes is too short: %w", len(data), errDamaged)
	}
	if !bytes.Equal(data[:len(root)], root[:]) {
		return nil, fmt.Errorf("its fingerprint is another model's: %w", errDamaged)
	}
	data = data[len(root):]
	var v [words]int
	for i := range v {
		v[i] = int(binary.LittleEndian.Uint32(data[4*i:]))
	}
	data = data[4*words:]
	r := &record{n: v[0], fold: v[1], head: v[2], headed: v[3]&1 != 0, pinned: v[3]&2 != 0}
	owner, tail, hidden, state, pageLen := v[4], v[5], v[6], v[7], v[8]
	wantState := 0
	if g.StateBytes > 0 {
		wantState = g.StateBytes + g.TapeBytes
	}
	switch {
	case owner+4*tail+4*hidden+state+pageLen != len(data), tail == 0, tail != r.n-whole(r.n)*page.Tokens, state != wantState, pageLen != g.Layers*g.PageBytes:
		return nil, fmt.Errorf("its lengths do not add up: %w", errDamaged)
	case r.head > r.n, r.headed && r.n > r.head && (hidden == 0 || hidden%(r.n-r.head) != 0):
		return nil, fmt.Errorf("it has %d hidden values for head rows %d to %d: %w", hidden, r.head, r.n, errDamaged)
	}
	r.owner, data = string(data[:owner]), data[owner:]
	for i := range tail {
		r.tail = append(r.tail, int32(binary.LittleEndian.Uint32(data[4*i:])))
	}
	data = data[4*tail:]
	for i := range hidden {
		r.hidden = append(r.hidden, math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:])))
	}
	data = data[4*hidden:]
	r.state, r.page = data[:state], data[state:]
	return r, nil
}
