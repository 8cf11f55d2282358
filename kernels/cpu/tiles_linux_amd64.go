package cpu

import (
	"sync"

	"golang.org/x/sys/unix"
)

// tilesAllowed asks Linux once for leave to use tile registers, which all threads of the process
// then have. The kernel refuses when it does not know them, or when a signal stack is too small.
var tilesAllowed = sync.OnceValue(func() bool {
	const (
		requestPermission = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData          = 18     // XFEATURE_XTILEDATA
	)
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
})
