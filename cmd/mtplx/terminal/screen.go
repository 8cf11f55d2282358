package terminal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"
)

// Screen is a terminal that can be taken over.
type Screen struct {
	in  term.File
	out io.Writer

	mu    sync.Mutex
	state *term.State // before it was taken over; nil while it is not
}

// NewScreen makes a screen of a terminal's two ends.
func NewScreen(in io.Reader, out io.Writer) (*Screen, error) {
	f, ok := in.(term.File)
	if !ok || !term.IsTerminal(f.Fd()) {
		return nil, errors.New("standard input is no terminal")
	}
	return &Screen{in: f, out: out}, nil
}

// What a screen asks of the terminal while it is taken over: pasted text comes in brackets, so that its line breaks are no
// Enter; keys with modifiers can be told apart where the terminal knows how (kitty's protocol; others ignore it).
var (
	begin = ansi.SetModeBracketedPaste + ansi.PushKittyKeyboard(ansi.KittyDisambiguateEscapeCodes)
	end   = ansi.PopKittyKeyboard(1) + ansi.ResetModeBracketedPaste + ansi.SetModeTextCursorEnable
)

// Enter takes the terminal over. The caller calls Leave, even when it panics.
func (s *Screen) Enter() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != nil {
		return nil
	}
	state, err := term.MakeRaw(s.in.Fd())
	if err != nil {
		return fmt.Errorf("switch terminal to raw input: %w", err)
	}
	s.state = state
	_, err = io.WriteString(s.out, begin)
	return err
}

// Leave gives the terminal back as it was.
func (s *Screen) Leave() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == nil {
		return nil
	}
	_, err := io.WriteString(s.out, end)
	err = errors.Join(err, term.Restore(s.in.Fd(), s.state))
	s.state = nil
	return err
}

// stopping is how long a process may take to stop once it is told to. One that nobody would wake again is not stopped: the
// kernel ignores the signal where no shell controls the process.
const stopping = 200 * time.Millisecond

// Suspend stops the process as Ctrl-Z does, and returns once it goes on and has the terminal again.
func (s *Screen) Suspend() error {
	if err := s.Leave(); err != nil {
		return err
	}
	resumed := make(chan os.Signal, 1)
	signal.Notify(resumed, syscall.SIGCONT)
	defer signal.Stop(resumed)
	if err := syscall.Kill(0, syscall.SIGTSTP); err != nil {
		return errors.Join(err, s.Enter())
	}
	select {
	case <-resumed:
	case <-time.After(stopping):
	}
	return s.Enter()
}

// WatchSize calls back with each new size until ctx ends or stop is called, which waits for the last call.
func (s *Screen) WatchSize(ctx context.Context, resized func(width, height int)) (stop func()) {
	changed := make(chan os.Signal, 1)
	signal.Notify(changed, syscall.SIGWINCH)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-changed:
				resized(Size(s.out))
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(changed)
		cancel()
		<-ended
	}
}
