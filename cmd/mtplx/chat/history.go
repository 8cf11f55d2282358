package chat

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mostRemembered is how many questions a history keeps, and mostBytes how long one may be.
const (
	mostRemembered = 1000
	mostBytes      = 64 << 10
)

// history is the questions of this and earlier conversations, oldest first.
type history struct {
	path    string // "" keeps them in memory
	entries []string
	lines   int // of the file

	at    int    // the entry that is shown; len(entries) is the draft
	draft string // what was being written before an entry was shown
}

// openHistory reads a history file, which need not exist. With an error the history works, but is not kept.
func openHistory(path string) (*history, error) {
	h := &history{path: path}
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return h, nil
	case err != nil:
		h.path = ""
		return h, fmt.Errorf("history is not kept: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 8*mostBytes)
	for lines.Scan() {
		var entry string
		h.lines++
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry != "" { // a damaged line is one question lost
			h.entries = append(h.entries, entry)
		}
	}
	h.entries = h.entries[max(0, len(h.entries)-mostRemembered):]
	h.at = len(h.entries)
	return h, nil
}

// add remembers a question.
func (h *history) add(entry string) error {
	h.draft = ""
	if n := len(h.entries); (n == 0 || h.entries[n-1] != entry) && len(entry) <= mostBytes {
		h.entries = append(h.entries, entry)
		h.entries = h.entries[max(0, len(h.entries)-mostRemembered):]
		h.at = len(h.entries)
		return h.write(entry)
	}
	h.at = len(h.entries)
	return nil
}

// write appends to the file, or writes it anew once it holds twice what is kept.
func (h *history) write(entry string) (err error) {
	if h.path == "" {
		return nil
	}
	defer func() {
		if err != nil {
			h.path, err = "", fmt.Errorf("history is not kept: %w", err)
		}
	}()
	if err := os.MkdirAll(filepath.Dir(h.path), 0o700); err != nil {
		return err
	}
	if h.lines++; h.lines > 2*mostRemembered {
		return h.rewrite()
	}
	f, err := os.OpenFile(h.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(encode(entry))
	return errors.Join(err, f.Close())
}

// rewrite replaces the file by what is kept.
func (h *history) rewrite() error {
	f, err := os.CreateTemp(filepath.Dir(h.path), "history-*") // 0600 by itself
	if err != nil {
		return err
	}
	var b []byte
	for _, e := range h.entries {
		b = append(b, encode(e)...)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), h.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return err
	}
	h.lines = len(h.entries)
	return nil
}

// encode writes an entry as a line: a JSON string, since questions have line breaks.
func encode(entry string) []byte {
	b, err := json.Marshal(strings.ToValidUTF8(entry, "\ufffd"))
	if err != nil {
		panic(err) // a string always has a JSON form
	}
	return append(b, '\n')
}

// older returns the entry before the one that is shown; text is what the input holds now.
func (h *history) older(text string) (string, bool) {
	if h.at == 0 {
		return "", false
	}
	if h.at == len(h.entries) {
		h.draft = text
	}
	h.at--
	return h.entries[h.at], true
}

// newer returns the entry after the one that is shown, at last the draft.
func (h *history) newer() (string, bool) {
	switch h.at {
	case len(h.entries):
		return "", false
	case len(h.entries) - 1:
		h.at++
		return h.draft, true
	}
	h.at++
	return h.entries[h.at], true
}

// all returns every entry, oldest first.
func (h *history) all() []string { return slices.Clone(h.entries) }
