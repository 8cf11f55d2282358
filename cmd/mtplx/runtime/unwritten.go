package runtime

import (
	"errors"
	"syscall"
)

// Full tells whether an error is that of a disk without room, or of a user whose share of it is spent.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// Unwritten is the failure of what could not be written. fix is the remedy, but of a full disk, which lacks room, not rights.
func Unwritten(err error, fix string) error {
	if Full(err) {
		return Fail(NoResource, err, "free some space on that disk")
	}
	return Fail(Environment, err, fix)
}
