//go:build !darwin

package doctor

import "errors"

func sysctl(string) (uint64, error) { return 0, errors.New("this system has no sysctl of macOS") }
