package serve

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxEvent bounds a line and an event's data, in bytes: a server that never ends a line must not fill memory.
const maxEvent = 4 << 20

var errEventTooLong = fmt.Errorf("an event is longer than %d bytes", maxEvent)

// Reader takes server-sent events apart, as the HTML standard describes them: lines end with LF, CR or both,
// comments and unknown fields are skipped, several data lines are one text. It reads no further than it must: an
// event is given out as soon as the bytes that end it are there.
type Reader struct {
	in         io.Reader
	buf        []byte
	start, end int  // unread bytes of buf
	scanned    int  // bytes after start that hold no end of a line
	skipLF     bool // the last line ended with CR; an LF that follows belongs to it
	begun      bool // the first line has been read
	data       []byte
	some       bool // data lines were read
	err        error
}

// NewReader reads events from in.
func NewReader(in io.Reader) *Reader { return &Reader{in: in, buf: make([]byte, 16<<10)} }

// Next returns the data of the next event that has any. It is valid until the next call. At the end of the stream
// the error is io.EOF, or io.ErrUnexpectedEOF where an event was cut off.
func (r *Reader) Next() ([]byte, error) {
	r.data, r.some = r.data[:0], false
	for {
		line, err := r.line()
		if err != nil {
			if errors.Is(err, io.EOF) && (r.some || len(line) > 0) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		if len(line) == 0 {
			if r.some {
				return r.data, nil
			}
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if string(name) != "data" {
			continue
		}
		value = bytes.TrimPrefix(value, []byte(" "))
		if len(r.data)+len(value) > maxEvent {
			r.err = errEventTooLong
			return nil, r.err
		}
		if r.some {
			r.data = append(r.data, '\n')
		}
		r.data, r.some = append(r.data, value...), true
	}
}

// line returns the next line without its end, or what there is of it with the error that ended the stream.
func (r *Reader) line() ([]byte, error) {
	for {
		if r.skipLF && r.start < r.end {
			if r.buf[r.start] == '\n' {
				r.start++
			}
			r.skipLF = false
		}
		have := r.buf[r.start:r.end]
		if n := endOfLine(have[r.scanned:]); n >= 0 {
			n += r.scanned
			r.skipLF = have[n] == '\r'
			r.start, r.scanned = r.start+n+1, 0
			return r.withoutMark(have[:n]), nil
		}
		r.scanned = len(have)
		if r.err != nil {
			r.start, r.end, r.scanned = 0, 0, 0
			return r.withoutMark(have), r.err
		}
		r.fill()
	}
}

// withoutMark takes the byte order mark from the stream's first line.
func (r *Reader) withoutMark(line []byte) []byte {
	if r.begun {
		return line
	}
	r.begun = true
	return bytes.TrimPrefix(line, []byte("\ufeff"))
}

// endOfLine is the place of the first CR or LF, or -1.
func endOfLine(b []byte) int {
	lf := bytes.IndexByte(b, '\n')
	if lf >= 0 {
		b = b[:lf]
	}
	if cr := bytes.IndexByte(b, '\r'); cr >= 0 {
		return cr
	}
	return lf
}

// fill reads once; an error waits until all bytes before it have been used.
func (r *Reader) fill() {
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if r.end == len(r.buf) {
		if len(r.buf) >= maxEvent {
			r.err, r.end, r.scanned = errEventTooLong, 0, 0
			return
		}
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	n, err := r.in.Read(r.buf[r.end:])
	r.end += n
	r.err = err
}
