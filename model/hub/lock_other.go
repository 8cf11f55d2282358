//go:build !unix

package hub

import (
	"errors"
	"math"
	"os"
)

func flock(*os.File, bool) (held bool, err error) {
	return false, errors.New("this system's file locks are not supported")
}

// FreeSpace is not known on this system: all is allowed.
func FreeSpace(string) (int64, error) { return math.MaxInt64, nil }
