package emulator

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// patience is after how long a test that waits has failed.
const patience = time.Minute

// Terminal is a terminal with something on its screen.
type Terminal struct {
	TTY *os.File // the program's end

	t       testing.TB
	pty     *os.File
	initial *term.State

	mu      sync.Mutex
	changed *sync.Cond
	screen  *vt.Emulator
	raw     bytes.Buffer
}

// New opens a terminal of a size; it is closed when the test ends.
func New(t testing.TB, width, height int) *Terminal {
	t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	e := &Terminal{TTY: tty, t: t, pty: master, screen: vt.NewEmulator(width, height)}
	e.changed = sync.NewCond(&e.mu)
	if err := pty.Setsize(master, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil {
		t.Fatal(err)
	}
	if e.initial, err = term.GetState(tty.Fd()); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			e.mu.Lock()
			_, _ = e.screen.Write(buf[:n])
			e.raw.Write(buf[:n])
			e.changed.Broadcast()
			e.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = tty.Close()
		_ = master.Close()
		<-read
		_ = e.screen.Close()
	})
	return e
}

// Type sends keys as they arrive from a keyboard.
func (e *Terminal) Type(keys string) {
	if _, err := e.pty.WriteString(keys); err != nil {
		e.t.Error(err)
	}
}

// Paste sends a text as a terminal does that was asked to mark it.
func (e *Terminal) Paste(text string) { e.Type("\x1b[200~" + text + "\x1b[201~") }

// Resize changes the size and tells this process, as the kernel tells those whose terminal it is.
func (e *Terminal) Resize(width, height int) {
	e.mu.Lock()
	e.screen.Resize(width, height)
	e.mu.Unlock()
	if err := pty.Setsize(e.pty, &pty.Winsize{Rows: uint16(height), Cols: uint16(width)}); err != nil {
		e.t.Error(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
		e.t.Error(err)
	}
}

// Wait returns once the screen satisfies a condition, which is told what a person sees: rows without the blanks at their ends.
func (e *Terminal) Wait(what string, met func(screen string) bool) {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.wait(func() bool { return met(e.text()) }) {
		e.t.Fatalf("never saw %s; the screen shows\n%s", what, e.text())
	}
}

// wait returns whether a condition was met in time; the lock is held whenever it is asked.
func (e *Terminal) wait(met func() bool) bool {
	late := false
	timer := time.AfterFunc(patience, func() {
		e.mu.Lock()
		late = true
		e.changed.Broadcast()
		e.mu.Unlock()
	})
	defer timer.Stop()
	for !met() {
		if late {
			return false
		}
		e.changed.Wait()
	}
	return true
}

// See waits until the screen shows a text.
func (e *Terminal) See(text string) {
	e.t.Helper()
	e.Wait(text, func(screen string) bool { return strings.Contains(screen, text) })
}

// Screen is what a person sees now.
func (e *Terminal) Screen() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.text()
}

// All is what has scrolled away, and the screen.
func (e *Terminal) All() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	var b strings.Builder
	for y := range e.screen.ScrollbackLen() {
		var row strings.Builder
		for x := range e.screen.Width() {
			if c := e.screen.ScrollbackCellAt(x, y); c != nil {
				row.WriteString(c.Content)
			}
		}
		b.WriteString(strings.TrimRight(row.String(), " ") + "\n")
	}
	return b.String() + e.text()
}

// Written is every byte that the program has sent.
func (e *Terminal) Written() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.raw.String()
}

// Cursor is where the cursor stands.
func (e *Terminal) Cursor() (x, y int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.screen.CursorPosition()
	return p.X, p.Y
}

// Restored fails the test unless the terminal is as it was before the program: its driver's settings, no pasting in brackets,
// no keyboard protocol, a cursor.
func (e *Terminal) Restored() {
	e.t.Helper()
	if state, err := term.GetState(e.TTY.Fd()); err != nil || *state != *e.initial {
		e.t.Errorf("the terminal's settings are %+v, were %+v (%v)", state, e.initial, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, mode := range []struct{ on, off string }{
		{"\x1b[?2004h", "\x1b[?2004l"},
		{"\x1b[>1u", "\x1b[<1u"},
		{"\x1b[?25l", "\x1b[?25h"},
		{"\x1b[?2026h", "\x1b[?2026l"},
	} {
		back := func() bool {
			return strings.LastIndex(e.raw.String(), mode.on) <= strings.LastIndex(e.raw.String(), mode.off)
		}
		if !e.wait(back) {
			e.t.Errorf("%q was never taken back by %q", mode.on, mode.off)
		}
	}
}

func (e *Terminal) text() string {
	rows := strings.Split(e.screen.String(), "\n")
	for i, r := range rows {
		rows[i] = strings.TrimRight(r, " ")
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}
