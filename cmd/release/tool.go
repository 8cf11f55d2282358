package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// patience is how long a program that was told to end may take to tidy up.
const patience = 10 * time.Second

// tool is a program to run. The end of ctx interrupts it, so that it takes away what it put elsewhere, as go build does
// with its work in the system's temporary directory.
func tool(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	return cmd
}

// noRoom is what systems call a full disk; a tool says it in its own output.
var noRoom = syscall.ENOSPC.Error()

// outcome is what a release that failed says, and the exit code. Whatever fails because of the interrupt is no error of its own.
func outcome(ctx context.Context, out string, err error) (string, int) {
	switch {
	case err == nil:
		return "", 0
	case ctx.Err() != nil:
		return fmt.Sprintf("interrupted; %s is as it was", out), 130
	case errors.Is(err, syscall.ENOSPC), strings.Contains(err.Error(), noRoom):
		return fmt.Sprintf("%v\nfree some space on the disk of --out (%s) or of the go command's temporary files, or give --out on another; what was there is as it was", err, out), 1
	}
	return err.Error(), 1
}
