package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"mtplx/cmd/mtplx/redact"
	"mtplx/model/hub/filelock"
)

// Limits of what is kept.
const (
	mostBytes   = 4 << 20 // of a file
	mostOlder   = 3       // files beside the one that is written
	mostServers = 8       // that keep a log at once
)

// File is a log that is written.
type File struct {
	dir, name string
	red       *redact.Redactor
	trouble   func(error)
	most      int64
	lock      *os.File

	mu     sync.Mutex
	f      *os.File // nil when it could not be opened
	size   int64
	torn   bool // a line was written in part
	told   bool
	closed bool
}

// Open begins to write, or goes on with, a log of a name in a directory, which it makes. trouble is called once, when the first
// line is lost. The error says why there is no log at all.
func Open(dir, name string, red *redact.Redactor, trouble func(error)) (*File, error) {
	l := &File{dir: dir, red: red, trouble: trouble, most: mostBytes}
	locks := filepath.Join(dir, ".locks")
	if err := os.MkdirAll(locks, 0o700); err != nil {
		return nil, err
	}
	for i := range mostServers {
		l.name = name
		if i > 0 {
			l.name = fmt.Sprintf("%s-%d", name, i+1)
		}
		var err error
		if l.lock, err = os.OpenFile(filepath.Join(locks, l.name), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
			return nil, err
		}
		held, err := filelock.Try(l.lock, false)
		if err == nil && !held {
			if err = l.open(); err == nil {
				return l, nil
			}
		}
		_ = l.lock.Close()
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%d servers keep logs in %s already", mostServers, dir)
}

// Path is the file that is written.
func (l *File) Path() string { return filepath.Join(l.dir, l.name+".log") }

func (l *File) open() error {
	f, err := os.OpenFile(l.Path(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file", l.Path())
	}
	if err != nil {
		_ = f.Close()
		return err
	}
	l.f, l.size, l.torn = f, info.Size(), false
	return nil
}

// Write implements io.Writer for one line, or several that belong together. It never fails.
func (l *File) Write(line []byte) (int, error) {
	text := l.red.Text(string(line))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.write(text); err != nil && !l.told {
		l.told = true
		l.trouble(err)
	}
	return len(line), nil
}

func (l *File) write(text string) error {
	if l.closed {
		return nil
	}
	if l.f == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if l.size > 0 && l.size+int64(len(text)) > l.most {
		if err := l.turn(); err != nil {
			return err
		}
		if err := l.open(); err != nil {
			return err
		}
	}
	if l.torn {
		text = "\n" + text
	}
	if int64(len(text)) > l.most { // a line that is longer than a file may be
		text = strings.ToValidUTF8(text[:l.most-1], "") + "\n"
	}
	n, err := l.f.WriteString(text)
	l.size += int64(n)
	if err == nil {
		l.torn = false
	} else if n > 0 {
		l.torn = true
	}
	return err
}

// turn makes the file the newest of the older ones, and leaves none open.
func (l *File) turn() error {
	_ = l.f.Close()
	l.f = nil
	for i := mostOlder; i > 0; i-- {
		from := l.Path()
		if i > 1 {
			from = l.older(i - 1)
		}
		if err := os.Rename(from, l.older(i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err // the file stays as long as it is, and no line is added to it
		}
	}
	return nil
}

func (l *File) older(i int) string { return filepath.Join(l.dir, fmt.Sprintf("%s.%d.log", l.name, i)) }

// Close ends the log. Later lines go nowhere.
func (l *File) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	var err error
	if l.f != nil {
		err = l.f.Close()
	}
	return errors.Join(err, l.lock.Close())
}
