package serve

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// events reads all events and the error that ended them.
func events(in io.Reader) ([]string, error) {
	r := NewReader(in)
	var all []string
	for {
		data, err := r.Next()
		if err != nil {
			return all, err
		}
		all = append(all, string(data))
	}
}

func TestReader(t *testing.T) {
	for _, c := range []struct {
		name, stream string
		want         []string
		err          error
	}{
		{"plain", "data: a\n\ndata: b\n\n", []string{"a", "b"}, io.EOF},
		{"no space", "data:a\n\n", []string{"a"}, io.EOF},
		{"one space only", "data:  a\n\n", []string{" a"}, io.EOF},
		{"crlf", "data: a\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}, io.EOF},
		{"cr", "data: a\r\rdata: b\r\r", []string{"a", "b"}, io.EOF},
		{"several lines", "data: a\ndata: b\n\n", []string{"a\nb"}, io.EOF},
		{"an empty line of data", "data\ndata: b\n\n", []string{"\nb"}, io.EOF},
		{"comments", ": ping\n\n:\n: x\ndata: a\n\n", []string{"a"}, io.EOF},
		{"other fields", "event: e\nid: 3\nretry: 9\ndata: a\n\nevent: none\n\n", []string{"a"}, io.EOF},
		{"a field that begins like data", "datax: a\n\ndata: b\n\n", []string{"b"}, io.EOF},
		{"byte order mark", "\ufeffdata: a\n\n", []string{"a"}, io.EOF},
		{"byte order mark only", "\ufeff", nil, io.EOF},
		{"empty", "", nil, io.EOF},
		{"cut in a line", "data: a\n\ndata: b", []string{"a"}, io.ErrUnexpectedEOF},
		{"cut before the blank line", "data: a\n\ndata: b\n", []string{"a"}, io.ErrUnexpectedEOF},
		{"longer than the buffer", "data: " + strings.Repeat("x", 50<<10) + "\n\n", []string{strings.Repeat("x", 50<<10)}, io.EOF},
		{"too long a line", "data: " + strings.Repeat("x", maxEvent) + "\n\n", nil, errEventTooLong},
		{"too long an event", strings.Repeat("data: "+strings.Repeat("x", maxEvent/4)+"\n", 5) + "\n", nil, errEventTooLong},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := events(strings.NewReader(c.stream))
			if !slices.Equal(got, c.want) || !errors.Is(err, c.err) {
				t.Errorf("read %.80q, %v; want %.80q, %v", got, err, c.want, c.err)
			}
		})
	}
}

// An event comes out before the bytes of the next are there.
func TestReaderDoesNotWait(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", "\r"} {
		in, out := io.Pipe()
		r := NewReader(in)
		go func() { _, _ = io.WriteString(out, "data: a"+end+end) }()
		if data, err := r.Next(); string(data) != "a" || err != nil {
			t.Errorf("read %q, %v with lines that end in %q", data, err, end)
		}
		_ = out.Close()
	}
}

// FuzzReader: however the bytes are split, the same events come out, and they are those of a plain reading of the
// standard.
func FuzzReader(f *testing.F) {
	for _, s := range []string{
		"data: a\n\n", "data: a\r\n\r\ndata: b\r\r", ": c\ndata\ndata:x\n\n", "\ufeffdata: a\n\nda", "\r\n\n\rdata:  a\n\r",
		"event: error\ndata: {}\n\n", "data: [DONE]\n\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		want, wantErr := simple(stream)
		for name, in := range map[string]io.Reader{
			"whole": bytes.NewReader(stream), "bytes": iotest.OneByteReader(bytes.NewReader(stream)), "halves": iotest.HalfReader(bytes.NewReader(stream)),
			"data with the error": iotest.DataErrReader(bytes.NewReader(stream)),
		} {
			got, err := events(in)
			if !slices.Equal(got, want) || !errors.Is(err, wantErr) {
				t.Fatalf("%s: read %q, %v; want %q, %v", name, got, err, want, wantErr)
			}
		}
	})
}

// simple reads a whole stream the slow way.
func simple(stream []byte) ([]string, error) {
	text := strings.TrimPrefix(string(stream), "\ufeff")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	var all, data []string
	for _, line := range lines[:len(lines)-1] {
		name, value, _ := strings.Cut(line, ":")
		switch {
		case line == "" && data != nil:
			all, data = append(all, strings.Join(data, "\n")), nil
		case name == "data":
			data = append(data, strings.TrimPrefix(value, " "))
		}
	}
	if data != nil || lines[len(lines)-1] != "" {
		return all, io.ErrUnexpectedEOF
	}
	return all, io.EOF
}
