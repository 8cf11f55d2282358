package metal

import (
	"errors"
	"fmt"

	"mtplx/kernels/metal/internal/objc"
)

// ErrNoMetal says that this program has no Metal.
var ErrNoMetal = errors.New("metal needs macOS on Apple silicon; use the device cpu here")

// CommandError is what Metal said of a command buffer that did not complete.
type CommandError struct {
	Code        int    // MTLCommandBufferError
	Description string // as localised by the system
}

func (e *CommandError) Error() string {
	return fmt.Sprintf("the GPU did not complete the commands (error %d): %s", e.Code, e.Description)
}

// verdict turns a command buffer's end into an error, and remembers those after which the device is of
// no more use.
func (b *backend) verdict(c *caller, commands objc.ID) error {
	status := c.call(commands, verbStatus)
	if status == statusCompleted {
		return nil
	}
	failure := c.object(commands, verbError)
	e := &CommandError{Description: c.why(failure)}
	if failure != 0 {
		e.Code = int(c.call(failure, verbCode))
	} else {
		e.Description = fmt.Sprintf("the command buffer ended in status %d and gave no error", status)
	}
	switch e.Code {
	case errorDeviceRemoved, errorAccessRevoked:
		err := fmt.Errorf("the GPU is lost and every queue on it has ended; restart the program: %w", e)
		b.mu.Lock()
		b.lost = err
		b.mu.Unlock()
		return err
	case errorOutOfMemory:
		return fmt.Errorf("out of GPU memory while running: %s: %w", b.room(c), e)
	case errorTimeout:
		return fmt.Errorf("the system stopped the GPU because the commands took too long; use a shorter prefill chunk: %w", e)
	}
	return e
}

func (b *backend) alive() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lost
}

// room tells what memory there is and what to do about it.
func (b *backend) room(c *caller) string {
	return fmt.Sprintf("this program holds %d MB of the %d MB that macOS recommends for the GPU; use a smaller model or context, "+
		"close other programs, or raise the limit with sudo sysctl iogpu.wired_limit_mb=N", c.call(b.device, verbAllocated)/1e6, b.working/1e6)
}
