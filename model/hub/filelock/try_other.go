//go:build !unix

package filelock

import (
	"errors"
	"os"
)

// Try takes a lock of an open file without waiting; held tells that another has it.
func Try(*os.File, bool) (held bool, err error) {
	return false, errors.New("this system's file locks are not supported")
}
